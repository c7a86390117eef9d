package host

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"gastown/cmd/internal/term"
	"gastown/planes/federation"
	"gastown/planes/ledger"
	"gastown/sync/federate"
	"gastown/sync/records"
	"gastown/town"
	"gastown/town/layout"
	"gastown/town/starter"
)

const (
	// tokenEnv is the variable that may hold an access token for HTTPS remotes,
	// tokenHostEnv the one that names the token's host.
	tokenEnv     = "GT_GIT_TOKEN"
	tokenHostEnv = "GT_GIT_TOKEN_HOST"
	// traceEnv requests the duration of each step of a sync on standard error, in
	// microseconds, for measurements.
	traceEnv = "GT_TRACE"
)

// EngineOptions configure the engine of the federation for one command. With the
// zero value the engine exchanges both planes and asks no questions. It always shows
// how far long work has come as the call's progress.
type EngineOptions struct {
	// Plane is the one plane to exchange, layout.Federation or layout.Ledger; ""
	// is both.
	Plane string
	// FindRefs: init and join find out where the repository has its refs.
	FindRefs bool
	// AllowSecrets: documents may leave that have something that looks like a secret.
	AllowSecrets bool
	// ConfirmShare is called before rules that are new for a remote share anything
	// through it. nil means that no person can be asked.
	ConfirmShare func(records.Preview) error
}

// Engine returns an engine of the Town's federation. It opens a plane only when it
// must.
func (h *Host) Engine(o EngineOptions) *federate.Engine {
	opts := federate.Options{
		Env:    h.call.Env,
		Layout: h.Layout, ID: h.Config.Town.ID, Name: h.Config.Town.Name, Actor: h.Actor,
		Stores: &stores{host: h, last: h.Config.Stores[layout.Federation]}, Starter: starter.Texts(),
		Plane:   h.Database(layout.Federation),
		Reviews: reviews{h},
		Progress: func(e federate.Progress) {
			h.call.Progress().Step(e.Phase, e.Done, e.Total, e.Unit)
		},
		FindRefs: o.FindRefs, AllowSecrets: o.AllowSecrets,
		Wait: h.call.Wait, Command: h.call.Name, Now: h.call.Now,
	}
	opts.Deadline, opts.Idle = h.duration("remote.deadline"), h.duration("remote.idle")
	if unsigned, err := h.Config.Word("federation.unsigned"); err == nil {
		opts.Unsigned = federation.Unsigned(unsigned)
	}
	opts.Admits, opts.MayMerge = h.admits()
	if o.Plane != layout.Federation {
		opts.Ledger = sharedLedger{h}
		opts.OnlyLedger = o.Plane == layout.Ledger
	}
	opts.Approver = approver{h.call.Progress(), o}
	if h.call.Getenv(traceEnv) != "" {
		opts.Trace = func(step string, took time.Duration) {
			fmt.Fprintf(h.call.Stderr, "trace %s %d\n", step, took.Microseconds())
		}
	}
	if h.call.Getenv(tokenEnv) != "" {
		opts.TokenEnv, opts.TokenHost = tokenEnv, h.tokenHost
	}
	return federate.New(opts)
}

// duration is a setting's value; 0, which leaves it to the engine, if it is not
// valid.
func (h *Host) duration(name string) time.Duration {
	d, err := h.Config.Duration(name)
	if err != nil {
		return 0
	}
	return d
}

// sharedLedger opens the Town's ledger for the engine.
type sharedLedger struct{ host *Host }

// OpenLedger implements records.LedgerOpener.
func (l sharedLedger) OpenLedger(ctx context.Context) (records.Ledger, error) {
	s, release, err := l.host.Ledger(ctx, nil)
	if err != nil {
		return nil, err
	}
	return openLedger{s, release}, nil
}

// openLedger is a ledger whose Close releases it. Inside the Deacon the ledger then
// stays open.
type openLedger struct {
	*ledger.Store
	release func() error
}

// Close implements records.Ledger.
func (l openLedger) Close() error { return l.release() }

// approver asks a person, on behalf of the engine, about rules that are new for a
// remote.
type approver struct {
	progress *term.Progress
	opts     EngineOptions
}

// ApproveRules implements records.Approver.
func (a approver) ApproveRules(_ context.Context, p records.Preview) error {
	if a.opts.ConfirmShare == nil {
		return town.ErrRefused
	}
	a.progress.Clear()
	return a.opts.ConfirmShare(p)
}

// tokenHost is the host that the token is for: the named host, otherwise the host
// of the Town's https remotes if they all have the same one. With several hosts it
// cannot be known whose the token is, so no host gets it.
func (h *Host) tokenHost(r federate.Remote) string {
	if named := h.call.Getenv(tokenHostEnv); named != "" {
		return named
	}
	only := ""
	for _, remote := range append(h.Remotes(), r) {
		u, err := url.Parse(remote.URL)
		if err != nil || u.Scheme != "https" {
			continue
		}
		if only != "" && !strings.EqualFold(only, u.Host) {
			return ""
		}
		only = u.Host
	}
	return only
}
