package tracker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gastown/town"
)

const (
	// defaultTimeout bounds one request.
	defaultTimeout = 30 * time.Second
	// maxAnswer is the largest answer that is read, in bytes.
	maxAnswer = 8 << 20
)

// Options say how to reach a tracker.
type Options struct {
	// Base is the address of the API.
	Base string
	// Headers are sent with each request, such as Authorization.
	Headers map[string]string
	// Secrets are values that are removed from what a tracker says.
	Secrets []string
	// Reason reads the body of an answer that is an error; "" when it has no reason.
	Reason func(body []byte) string
	// HTTP makes the connections; nil for a client of its own.
	HTTP *http.Client
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Client sends JSON over HTTP to one address. Its methods may be called concurrently.
type Client struct {
	o    Options
	base string
	http *http.Client
}

// NewClient returns a client. It makes no connection. Its errors are for a person to correct.
func NewClient(o Options) (*Client, error) {
	if err := CheckBase(o.Base); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Client{o: o, base: strings.TrimRight(o.Base, "/"), http: Safe(o.HTTP)}, nil
}

// Safe returns a client like the given one, or a new one for nil, that has a deadline, reads
// no answer without end, and follows no redirect: that would send credentials to wherever
// it leads.
func Safe(c *http.Client) *http.Client {
	out := http.Client{Timeout: defaultTimeout}
	if c != nil {
		out = *c
	}
	if out.Transport == nil {
		out.Transport = http.DefaultTransport
	}
	if _, is := out.Transport.(short); !is {
		out.Transport = short{out.Transport}
	}
	out.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &out
}

// short bounds answers, also those that a library reads.
type short struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s short) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = &shortBody{answer.Body, maxAnswer}
	}
	return answer, err
}

// shortBody is an answer of which only so much is read.
type shortBody struct {
	io.ReadCloser
	left int
}

func (b *shortBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, fmt.Errorf("its answer is longer than %d bytes", maxAnswer)
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		n, err = n-1, fmt.Errorf("its answer is longer than %d bytes", maxAnswer)
	}
	return n, err
}

// CheckBase refuses an address that is not one of an API: https, or http on this machine,
// without a user or a query.
func CheckBase(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%w: %q is not the address of a tracker, such as https://jira.example.com", town.ErrUsage, town.Clip(address, 80))
	case u.Scheme == "https", u.Scheme == "http" && here(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%w: %q would send credentials in clear: use https", town.ErrUsage, town.Clip(address, 80))
}

func here(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Do sends one request, whose body is in as JSON unless it is nil, and reads the answer
// into out unless that is nil. op says for people what is done. The errors are those of
// this package, or that of ctx.
func (c *Client) Do(ctx context.Context, op, method, path string, query url.Values, in, out any) error {
	status, header, body, err := c.Send(ctx, op, method, path, query, in)
	if err != nil {
		return err
	}
	if err := c.Judge(op, status, header, body); err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return &LaterError{After: soon, Why: op + ": the tracker's answer is not understood"}
	}
	return nil
}

// Send sends a request and returns the answer, whatever its status.
func (c *Client) Send(ctx context.Context, op, method, path string, query url.Values, in any) (int, http.Header, []byte, error) {
	var content io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return 0, nil, nil, fmt.Errorf("%s: %w", op, err)
		}
		content = bytes.NewReader(text)
	}
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%s: %w", op, err)
	}
	for name, value := range c.o.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "gt")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return 0, nil, nil, c.lost(ctx, op, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil, nil, c.lost(ctx, op, err)
	}
	return answer.StatusCode, answer.Header, body, nil
}

// lost is the error of a request without an answer.
func (c *Client) lost(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the address of a request says nothing to people
	}
	return Later(soon, "%s: the tracker did not answer: %s", op, c.Clean(err.Error()))
}

// Judge makes an error of an answer that is one.
func (c *Client) Judge(op string, status int, header http.Header, body []byte) error {
	if status >= 200 && status < 300 {
		return nil
	}
	words := ""
	if c.o.Reason != nil {
		words = c.Clean(c.o.Reason(body))
	}
	if words == "" {
		words = strings.ToLower(http.StatusText(status))
	}
	after := RetryAfter(header, c.o.Now())
	switch {
	case status == http.StatusTooManyRequests, after > 0 && status >= 400:
		return Later(max(after, soon/6), "%s: the tracker asks to wait (%d)", op, status)
	case status >= 500, status == http.StatusRequestTimeout:
		return &LaterError{After: soon, Why: fmt.Sprintf("%s: the tracker cannot answer (%d): %s", op, status, words)}
	case status == http.StatusUnauthorized:
		return fmt.Errorf("%s: %w (%d): %s", op, ErrDenied, status, words)
	case status == http.StatusNotFound, status == http.StatusGone:
		return fmt.Errorf("%s: %w (%d): %s", op, ErrGone, status, words)
	case status < 400:
		return fmt.Errorf("%s: %w (%d): it moved elsewhere, and credentials are not sent there", op, ErrRefused, status)
	}
	return fmt.Errorf("%s: %w (%d): %s", op, ErrRefused, status, words)
}

// Clean makes what a tracker says one short line without secrets.
func (c *Client) Clean(text string) string { return Clean(text, c.o.Secrets...) }

// Clean makes a hostile text one short line without control characters and secrets.
func Clean(text string, secrets ...string) string {
	for _, s := range secrets {
		if len(s) >= 4 {
			text = strings.ReplaceAll(text, s, "[secret]")
		}
	}
	return Line(town.Plain(text), maxWords)
}

// RetryAfter reads the header of that name: seconds or a date; zero for none.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if n, err := strconv.ParseFloat(value, 64); err == nil && n > 0 {
		return time.Duration(min(n, longest.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
