package deacon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/time/rate"

	"gastown/deacon/control"
	"gastown/deacon/dashboard"
	"gastown/deacon/dashboard/page"
	"gastown/deacon/guard"
	"gastown/deacon/part"
	"gastown/deacon/web"
	"gastown/town"
)

// noAddress is the value of the setting that turns HTTP off.
const noAddress = "none"

func (d *Deacon) listenControl(ctx context.Context) error {
	l, err := guard.ListenUnix(d.opts.Layout.ControlSocket())
	if err != nil {
		return err
	}
	d.controlSocket = l
	var more []func(*http.ServeMux)
	for _, p := range offering[part.Controlled](d.host.parts) {
		more = append(more, p.Control)
	}
	handler := control.Handler(control.Deacon{
		Status: d.Status, Stop: d.stop, Run: d.run, Lend: d.lend,
		Reload: func(context.Context) error { return d.host.settings.Reload() },
	}, more...)
	d.control = guard.Serve(l, d.limit(web.ListenerControl, controlQueue, control.Exempt).Handler(handler), guard.Options{
		Log: d.log.WithField("listener", web.ListenerControl), Owner: true,
		Refused: func(reason string) { d.metrics.Refused(web.ListenerControl, reason) },
	})
	d.watch(ctx, "the control socket", d.control.Failed())
	return nil
}

// lend gives up the planes until release is called.
func (d *Deacon) lend(ctx context.Context) (release func(context.Context) error, err error) {
	if release, err = d.host.stores.Lend(ctx); err == nil && d.host.stores.Served() {
		d.metrics.Lent()
	}
	return release, err
}

func (d *Deacon) listenHTTP(ctx context.Context) error {
	address := part.Text(d.host.Config(), "deacon.http_address")
	if address == noAddress || address == "" {
		return nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("another program listens there: %w", err)
		}
		return town.Fail("answer on "+address, "gt config deacon.http_address HOST:PORT chooses another, for instance localhost:0", "%w", err)
	}
	d.mu.Lock()
	d.address = l.Addr().String() // locked because the control socket already answers
	d.mu.Unlock()
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", d.metrics.Handler())
	for _, p := range offering[part.Web](d.host.parts) {
		p.HTTP(mux)
	}
	// The dashboard and /notify, whose requests are signed, decide themselves.
	here := page.Access{Names: func() []string { return dashboard.Names(d.host.Config()) }}.Here(mux, "/", "/dashboard/", "/notify")
	d.http = guard.Serve(l, d.limit(web.ListenerHTTP, 0, web.Exempt).Handler(here), guard.Options{
		Log:     d.log.WithField("listener", web.ListenerHTTP),
		Refused: func(reason string) { d.metrics.Refused(web.ListenerHTTP, reason) },
	})
	d.watch(ctx, "the HTTP listener", d.http.Failed())
	return nil
}

// limit admits as many requests as the settings allow. Each listener has its own
// limit, so that strangers on the network do not delay commands.
func (d *Deacon) limit(listener string, queue int, exempt func(*http.Request) bool) *guard.Limiter {
	cfg := d.host.Config()
	l := guard.NewLimiter(part.Int(cfg, "rate.requests_per_second"), part.Int(cfg, "rate.burst_size"), guard.LimitOptions{
		Queue: queue, Exempt: exempt, Delayed: func() { d.metrics.Delayed(listener) },
	})
	d.mu.Lock() // locked because a reload on the control socket may already run
	defer d.mu.Unlock()
	d.limits = append(d.limits, l)
	return l
}

// shut closes a listener.
func shut(ctx context.Context, s *guard.Server) error {
	if s == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := s.Close(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // the grace is over, and the requests under way were cut off
	}
	return err
}

// refusalsEvery is how often a reason is logged after the first three times.
const refusalsEvery = 10 * time.Second

// refusals counts and logs the refusals of a listener without a guard.
type refusals struct {
	metrics  *web.Metrics
	log      logrus.FieldLogger
	listener string

	mu     sync.Mutex
	logged map[string]*rate.Sometimes
}

// add counts one refusal and logs some.
func (r *refusals) add(reason string) {
	r.metrics.Refused(r.listener, reason)
	r.mu.Lock()
	some := r.logged[reason]
	if some == nil {
		some = &rate.Sometimes{First: 3, Interval: refusalsEvery}
		if r.logged == nil {
			r.logged = map[string]*rate.Sometimes{}
		}
		r.logged[reason] = some
	}
	r.mu.Unlock()
	some.Do(func() {
		r.log.WithField("listener", r.listener).WithField("reason", reason).Warn("a connection was refused")
	})
}
