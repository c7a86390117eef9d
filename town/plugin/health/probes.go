package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gastown/town"
	"gastown/town/plugin"
)

const (
	// maxBody is how much of an HTTP answer is searched, in bytes.
	maxBody = 256 << 10
	// maxRedirects is how many redirections are followed.
	maxRedirects = 5
)

// command runs the program. Its exit code is its state, as for plugins of Nagios: 0
// healthy, 1 warning, 2 critical. With thresholds, the first number that it prints is
// compared with them, too.
func (c *check) command(ctx context.Context) (plugin.Finding, error) {
	if c.services.Run == nil {
		return plugin.Finding{}, errors.New("only the Deacon runs programs: gt deacon start")
	}
	text, code, err := c.services.Run(ctx, c.name, c.of.Command)
	if err != nil {
		return plugin.Finding{}, err
	}
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	f := plugin.Finding{State: plugin.Healthy, Figure: town.Clip(line, 200), Threshold: "exit code 0"}
	switch code {
	case 0:
	case 1:
		f.State = plugin.Warning
	case 2:
		f.State = plugin.Critical
	default:
		said := ""
		if f.Figure != "" {
			said = ": " + f.Figure
		}
		return f, fmt.Errorf("it exited with %d, which is none of 0 healthy, 1 warning, 2 critical%s", code, said)
	}
	if c.warning != nil || c.critical != nil {
		value, ok := firstNumber(line)
		if !ok {
			return f, fmt.Errorf("it printed no number to compare with the thresholds: %q", f.Figure)
		}
		f.State = worse(f.State, grade(value, c.warning, c.critical))
		f.Threshold += ", " + boundsText(c.warning, c.critical)
	}
	if f.State != plugin.Healthy {
		f.Next = "run it by hand: gt plugin run " + c.name
	}
	return f, nil
}

// http asks an address.
func (c *check) http(ctx context.Context, over http.RoundTripper) (plugin.Finding, error) {
	client := http.Client{Transport: over, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		next.Header.Del("Referer") // the address that redirects may hold a secret
		if len(via) > maxRedirects {
			return fmt.Errorf("it redirects more than %d times", maxRedirects)
		}
		return nil
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.of.URL, nil)
	if err != nil {
		return plugin.Finding{}, err
	}
	request.Header.Set("User-Agent", "gt-health-check")
	began := c.services.Now()
	answer, err := client.Do(request)
	if err != nil {
		return unreachable(err), nil
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	took := c.services.Now().Sub(began)
	f := plugin.Finding{State: plugin.Healthy, Figure: fmt.Sprintf("status %d in %s", answer.StatusCode, took.Round(time.Millisecond))}
	want, ok := "status 200 to 299", answer.StatusCode/100 == 2
	if c.of.Status != nil {
		want, ok = fmt.Sprintf("status %d", *c.of.Status), answer.StatusCode == *c.of.Status
	}
	if c.of.Contains != "" {
		want += ", and the text that contains says"
	}
	switch {
	case err != nil:
		f.State, f.Details = plugin.Critical, []string{err.Error()}
	case !ok:
		f.State = plugin.Critical
	case !strings.Contains(string(body), c.of.Contains):
		f.State, f.Details = plugin.Critical, []string{"the answer does not contain the text"}
	}
	return c.timed(f, want, took), nil
}

// tcp connects to an address.
func (c *check) tcp(ctx context.Context) (plugin.Finding, error) {
	began := c.services.Now()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.of.Address)
	if err != nil {
		return unreachable(err), nil
	}
	took := c.services.Now().Sub(began)
	_ = conn.Close() // it answered, which is all
	return c.timed(plugin.Finding{State: plugin.Healthy, Figure: "connected in " + took.Round(time.Millisecond).String()}, "an answer", took), nil
}

func unreachable(err error) plugin.Finding {
	return plugin.Finding{State: plugin.Critical, Figure: "no answer", Threshold: "an answer", Next: "see whether it runs and can be reached from here",
		Details: []string{err.Error()}}
}

// timed compares how long an answer took.
func (c *check) timed(f plugin.Finding, want string, took time.Duration) plugin.Finding {
	f.Threshold = want
	if w := c.args.WarningTime; w > 0 {
		f.Threshold += ", warning from " + w.String()
		if took >= w {
			f.State = worse(f.State, plugin.Warning)
		}
	}
	if w := c.args.CriticalTime; w > 0 {
		f.Threshold += ", critical from " + w.String()
		if took >= w {
			f.State = plugin.Critical
		}
	}
	if f.State != plugin.Healthy {
		f.Next = "look at what answers there, and at the network between"
	}
	return f
}

// promql evaluates an expression. The worst of its values counts.
func (c *check) promql(ctx context.Context) (plugin.Finding, error) {
	if c.services.Query == nil {
		return plugin.Finding{}, errors.New("the Deacon keeps the metrics: gt deacon start")
	}
	values, err := c.services.Query(ctx, c.of.Query)
	if err != nil {
		return plugin.Finding{}, err
	}
	f := plugin.Finding{State: plugin.Healthy, Figure: "no value", Threshold: boundsText(c.warning, c.critical)}
	for n, v := range values {
		state := grade(v, c.warning, c.critical)
		if n == 0 || worse(f.State, state) != f.State {
			f.State, f.Figure = state, strconv.FormatFloat(v, 'g', 6, 64)
		}
	}
	if len(values) > 1 {
		f.Figure += fmt.Sprintf(", the worst of %d values", len(values))
	}
	if f.State != plugin.Healthy {
		f.Next = "gt metrics query " + strconv.Quote(c.of.Query)
	}
	return f, nil
}

// states lists the states from best to worst.
var states = []string{plugin.Healthy, plugin.Warning, plugin.Critical}

func worse(a, b string) string {
	if slices.Index(states, b) > slices.Index(states, a) {
		return b
	}
	return a
}

// bound is a threshold with its comparison.
type bound struct {
	op    string
	value float64
}

// ops are the comparisons, those that begin with another one first.
var ops = []string{">=", "<=", "==", "!=", ">", "<"}

// parseBound reads a threshold such as 10 (at least), "> 10" or "< 0.5".
func parseBound(field string, v interface{}) (*bound, error) {
	if v == nil {
		return nil, nil
	}
	text := strings.TrimSpace(fmt.Sprint(v))
	b := bound{op: ">="}
	rest := text
	for _, op := range ops {
		if r, ok := strings.CutPrefix(text, op); ok {
			b.op, rest = op, strings.TrimSpace(r)
			break
		}
	}
	n, err := strconv.ParseFloat(rest, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return nil, plugin.Faultf(field, "%q is not a threshold such as 10, \"> 10\" or \"< 0.5\"", town.Clip(text, 40))
	}
	b.value = n
	return &b, nil
}

// met reports whether a value is beyond the bound. NaN is beyond none.
func (b *bound) met(v float64) bool {
	switch {
	case b == nil:
		return false
	case b.op == ">=":
		return v >= b.value
	case b.op == "<=":
		return v <= b.value
	case b.op == "==":
		return v == b.value
	case b.op == "!=":
		return v != b.value && !math.IsNaN(v)
	case b.op == ">":
		return v > b.value
	}
	return v < b.value
}

func grade(v float64, warning, critical *bound) string {
	switch {
	case critical.met(v):
		return plugin.Critical
	case warning.met(v):
		return plugin.Warning
	}
	return plugin.Healthy
}

func boundsText(warning, critical *bound) string {
	var all []string
	if warning != nil {
		all = append(all, fmt.Sprintf("warning %s %v", warning.op, warning.value))
	}
	if critical != nil {
		all = append(all, fmt.Sprintf("critical %s %v", critical.op, critical.value))
	}
	return strings.Join(all, ", ")
}

// firstNumber finds the first number in a line.
func firstNumber(line string) (float64, bool) {
	for _, word := range strings.FieldsFunc(line, func(r rune) bool { return !strings.ContainsRune("0123456789.-+eE", r) }) {
		if v, err := strconv.ParseFloat(word, 64); err == nil {
			return v, true
		}
	}
	return 0, false
}
