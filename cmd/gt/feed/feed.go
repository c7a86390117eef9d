// Package feed is gt feed: it prints the Town's stream of events.
package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/town"
	"gastown/town/feed"
	"gastown/town/layout"
)

const (
	// followPage is how many events gt feed --follow reads at once.
	followPage = 500
	// busyPause is how long it waits before it tries again when the planes are
	// busy.
	busyPause = time.Second
	// The columns of kind and subject begin with the widths that most events fit and
	// grow no wider than maxColumn.
	leastKind, leastSubject, maxColumn = 16, 12, 24
)

// feedOptions are the options of gt feed.
type feedOptions struct {
	call   *shell.Call
	follow bool
	since  string
	limit  int
	// kind and subject are the widths of those columns, in bytes: the widest so far.
	kind, subject int
}

// Commands adds gt feed to a program.
func Commands(p *shell.Program) {
	p.Add(p, shell.Command{
		Name: "feed", Help: "Show what happened in the Town: changes of beads, checks, jobs and exchanges, oldest first.",
		Examples: []string{"gt feed", "gt feed --since 2h --limit 500", "gt feed --follow --json    # one JSON object a line"},
		Planes:   []string{layout.Operational, layout.Ledger}, Permission: shell.MayReadTown, Repeatable: true, EndlessWith: []string{"follow"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &feedOptions{call: call, kind: leastKind, subject: leastSubject}
			c.Flag("follow", "Go on with what happens next, until interrupted.").Short('f').BoolVar(&o.follow)
			c.Flag("since", "Only what happened since then: 90m, 12h, 7d, 2031-03-10 or 2031-03-10T12:00:00Z.").PlaceHolder("TIME").StringVar(&o.since)
			shell.Number(c.Flag("limit", "How many of the newest events to begin with.").Default("50").PlaceHolder("N"), &o.limit)
			return o.run
		},
	})
}

func (o *feedOptions) run(ctx context.Context) error {
	since, err := shell.Since(o.since, o.call.Now())
	if err != nil {
		return err
	}
	if o.limit < 0 {
		return town.Fail("show the feed", "give a number such as --limit 100", "%w: --limit %d is negative", town.ErrUsage, o.limit)
	}
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	f := h.Feed()
	// Existing events are shown even when none can be appended: on a full disk, or
	// while the ledger cannot be read.
	_, incomplete := f.Collect(ctx)
	page, err := f.Newest(ctx, since, o.limit)
	if err == nil {
		err = o.show(page, since)
	}
	switch {
	case err != nil:
		return err
	case incomplete != nil:
		return fmt.Errorf("the newest changes of the ledger are not in the feed: %w", incomplete)
	case !o.follow:
		return nil
	}
	return o.followFrom(ctx, f, page.Next, since)
}

// followFrom prints the events after a number until a person interrupts it.
func (o *feedOptions) followFrom(ctx context.Context, f *feed.Feed, next int64, since time.Time) error {
	for {
		err := f.Wait(ctx, next)
		var page feed.Page
		if err == nil {
			page, err = f.After(ctx, next, followPage)
		}
		switch {
		case ctx.Err() != nil:
			if cause := context.Cause(ctx); errors.Is(cause, town.ErrBusy) {
				return cause // the Deacon ended it, not a person
			}
			return nil
		case errors.Is(err, town.ErrBusy): // a Deacon starts or stops, or a command borrows the planes
			select {
			case <-time.After(busyPause):
			case <-ctx.Done():
			}
		case err != nil:
			return err
		default:
			if err := o.show(page, since); err != nil {
				return err
			}
			next = page.Next
		}
	}
}

// show prints events, one a line.
func (o *feedOptions) show(page feed.Page, since time.Time) error {
	if page.Loss != nil {
		page.Events = append([]feed.Event{feed.Missed(*page.Loss)}, page.Events...)
	}
	p := o.call.Printer(o.call.Stdout)
	enc := json.NewEncoder(o.call.Stdout)
	enc.SetEscapeHTML(false)
	for _, e := range page.Events {
		o.kind, o.subject = min(max(o.kind, len(e.Kind)), maxColumn), min(max(o.subject, len(e.Subject)), maxColumn)
	}
	for _, e := range page.Events {
		switch {
		case e.At.Before(since):
		case o.call.JSON:
			if err := enc.Encode(e); err != nil {
				return err
			}
		default:
			p.Line("%s", o.line(e))
		}
	}
	return p.Flush()
}

// line formats one event: time, kind, subject, text, actor.
func (o *feedOptions) line(e feed.Event) string {
	line := fmt.Sprintf("%s  %-*s %-*s %s", e.At.UTC().Format(time.RFC3339), o.kind, e.Kind, o.subject, e.Subject, strings.ReplaceAll(e.Text, "\n", " "))
	if e.Actor != "" {
		line = strings.TrimRight(line, " ") + "  (" + e.Actor + ")"
	}
	return strings.TrimRight(line, " ")
}
