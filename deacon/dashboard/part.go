// Package dashboard is the part of the Deacon that shows the Town in a browser, at / of
// its HTTP address. It only reads.
//
// While a page is open, the part reads the planes when something changed, at most once a
// second for all pages together. It reads what is in the Deacon's memory, such as jobs and
// checks, every second. While no page is open it does nothing.
package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/control"
	"gastown/deacon/dashboard/page"
	"gastown/deacon/part"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/sync/federate"
	"gastown/tmux"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/rig"
	"gastown/town/secrets"
	"gastown/town/series"
	"gastown/town/spending"
)

// Host is what the part needs of the Deacon.
type Host interface {
	Config() *config.Config
	Now() time.Time
	Log() logrus.FieldLogger
	// Inputs identifies the state of planes and settings; "" when only reading them can tell.
	Inputs() string
	Operational(context.Context, func(*operational.Store) error) error
	Ledger(context.Context, func(*ledger.Store) error) error
	Sessions(context.Context) ([]tmux.Session, error)
	// RigSettings are the Town's rigs.
	RigSettings() ([]rig.Settings, error)
	// Contacts returns when each remote last confirmed an exchange. It contacts no remote.
	Contacts() ([]federate.Contact, error)
	// Prices are what models cost.
	Prices() (spending.Prices, error)
	// Series are the Town's figures over time. They answer series.ErrOff while none are kept.
	Series() *series.Store
	// Report has the jobs and the checks.
	Report() control.Status
	// Secret replaces ${NAME} in a text by the secret of that name.
	Secret(ctx context.Context, text string) (string, error)
}

const (
	// tokenKey names the setting with the token.
	tokenKey = "deacon.dashboard_token"
	// tokenAge is how long a token is used before its source is asked again.
	tokenAge = 5 * time.Second
)

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	host   Host
	server *page.Server
	reader reader

	mu     sync.Mutex // guards what follows
	text   string     // of the setting that token is from
	token  string
	failed error
	asked  time.Time
}

var (
	_ part.Web     = (*Part)(nil)
	_ part.Stopper = (*Part)(nil)
	_ part.Paused  = (*Part)(nil)
	_ page.Source  = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	p := &Part{host: h, reader: reader{host: h}}
	p.server = page.New(page.Options{Source: p, Now: h.Now, Access: page.Access{Token: p.secret, Names: func() []string { return Names(h.Config()) }}})
	return p
}

// Name implements part.Part.
func (p *Part) Name() string { return "dashboard" }

// HTTP implements part.Web.
func (p *Part) HTTP(mux *http.ServeMux) { p.server.Add(mux) }

// Stop implements part.Stopper.
func (p *Part) Stop(ctx context.Context) error { return p.server.Close(ctx) }

// Pause implements part.Paused: the page shows what was read last.
func (p *Part) Pause(ctx context.Context) error { return p.reader.pause(ctx) }

// Resume implements part.Paused.
func (p *Part) Resume() { p.reader.resume() }

// View implements page.Source.
func (p *Part) View(ctx context.Context) (page.View, error) {
	s, err := p.reader.read(ctx)
	if err != nil {
		return page.View{}, err
	}
	return view(s, p.host.Report()), nil
}

// Figures implements page.Source.
func (p *Part) Figures(ctx context.Context, expr string, from, to time.Time, step time.Duration) (points []page.Point, err error) {
	lines, err := p.host.Series().Range(ctx, expr, series.Window{From: from, To: to, Step: step})
	if errors.Is(err, series.ErrOff) {
		return nil, page.ErrOff
	}
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	for _, at := range lines[0].Points {
		points = append(points, page.Point{At: at.At, Value: at.Value})
	}
	return points, nil
}

// secret is the token in force, "" when there is none.
func (p *Part) secret(ctx context.Context) (string, error) {
	text := part.Text(p.host.Config(), tokenKey)
	if text == "" {
		return "", nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.host.Now()
	if age := now.Sub(p.asked); text == p.text && age >= 0 && age < tokenAge {
		return p.token, p.failed
	}
	before := p.failed
	p.text, p.asked = text, now
	p.token, p.failed = p.resolve(ctx, text)
	if p.failed != nil && before == nil {
		p.host.Log().WithError(p.failed).Warn("the dashboard is closed: its token cannot be used")
	}
	return p.token, p.failed
}

// resolve finds the secret that the setting names. Its errors have neither.
func (p *Part) resolve(ctx context.Context, text string) (token string, err error) {
	names, err := secrets.Names(text)
	if err == nil && (len(names) != 1 || text != "${"+names[0]+"}") {
		err = errors.New("the setting is no reference such as ${DASHBOARD_TOKEN}")
	}
	if err == nil {
		token, err = p.host.Secret(ctx, text)
	}
	if err == nil && len(token) < page.MinToken {
		err = fmt.Errorf("the secret has fewer than %d characters", page.MinToken)
	}
	if err != nil {
		return "", town.Fail("read "+tokenKey, "put NAME=SECRET into .gt/secrets.env, and ${NAME} into the setting", "%w", err)
	}
	return token, nil
}

// Names are those of this machine that a browser may ask for.
func Names(c *config.Config) (all []string) {
	if host, _, err := net.SplitHostPort(part.Text(c, "deacon.http_address")); err == nil {
		all = append(all, host)
	}
	if name, err := os.Hostname(); err == nil {
		all = append(all, name, name+".local")
	}
	return all
}
