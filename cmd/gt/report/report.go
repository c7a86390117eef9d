// Package report is gt report: it writes one page of how the Town performed, with charts
// and tables, that opens without a network.
package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/gt/internal/insight"
	"gastown/cmd/internal/figures"
	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/analysis"
	"gastown/town/durable"
	"gastown/town/layout"
	"gastown/town/report"
	"gastown/town/series"
	"gastown/town/strict"
)

const (
	// performance is the only type of report.
	performance = "performance"
	// defaultSince is as long as monitor.keep is by default.
	defaultSince = "15d"
	// maxNote bounds what the last report left, in bytes.
	maxNote = 1 << 20
)

// options are those of gt report.
type options struct {
	call                *shell.Call
	kind, output, since string
}

// Commands adds gt report to a program.
func Commands(p *shell.Program) {
	p.Add(p, shell.Command{
		Name: "report", Help: "Write a page of how the Town performed: charts, figures with thresholds, where time went, what changed since the last report.",
		Examples: []string{"gt report --type=performance --output=report.html", "gt report --since 24h --output day.html"},
		// It reads the Town: the file is the caller's, and what it notes for the next report is derived.
		Planes: []string{layout.Operational, layout.Ledger}, Permission: shell.MayReadTown, WritesWith: []string{"output"}, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			c.Flag("type", "What to report on: performance.").Default(performance).PlaceHolder("TYPE").EnumVar(&o.kind, performance)
			c.Flag("output", "The file to write, - for standard output. An existing file is replaced if it is a report.").Short('o').Default("report.html").PlaceHolder("FILE").StringVar(&o.output)
			c.Flag("since", "The time to report on: 90m, 24h, 7d or when it began.").Default(defaultSince).PlaceHolder("TIME").StringVar(&o.since)
			return o.run
		},
	})
}

// written is what the command prints.
type written struct {
	File     string        `json:"file"`
	Report   report.Report `json:"report"`
	Recorded float64       `json:"recorded_seconds"`
}

func (o *options) run(ctx context.Context) error {
	now := o.call.Now().Truncate(time.Millisecond) // as samples are
	since, err := insight.Since(o.since, now, "gt report --since 24h")
	if err != nil {
		return err
	}
	if err := o.mayReplace(); err != nil {
		return err
	}
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	r, note, err := o.make(ctx, h, since, now)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := report.Write(&text, r); err != nil {
		return err
	}
	write := func(w io.Writer) error {
		_, err := w.Write(text.Bytes())
		return err
	}
	standard := shell.IsStandard(o.output)
	if standard {
		err = write(o.call.Stdout)
	} else {
		err = o.call.WriteFile(o.output, write)
	}
	if err != nil {
		return err
	}
	if r.Recorded > 0 {
		if err := keep(h.Layout.LastReport(), note); err != nil {
			o.call.Hint("the next report will not compare with this one: %v", err)
		}
	}
	if standard {
		return nil
	}
	out := written{File: o.output, Report: r, Recorded: r.Recorded}
	return shell.ErrAppliedUnprinted(o.call.Summary(out, func(p *term.Printer) {
		p.Line("%s has figures of %s", o.output, analysis.Seconds(r.Recorded))
		for _, c := range r.Changes {
			if c.Differs {
				p.Line("since the last report %s went from %s to %s", c.Name, report.Value(c.Unit, c.Before.Median), report.Value(c.Unit, c.Now.Median))
			}
		}
	}))
}

// mayReplace refuses to replace a file that is not a report.
func (o *options) mayReplace() error {
	path := o.output
	if shell.IsStandard(path) || o.call.Foreign { // WriteFile refuses another user's
		return nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(o.call.Dir, path)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil // WriteFile says what is wrong with what is not a regular file
	}
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		head := make([]byte, len(report.Mark))
		n, _ := io.ReadFull(f, head) // a shorter file is not a report, unless it is empty
		if n == 0 || string(head) == report.Mark {
			return nil
		}
		err = fmt.Errorf("%w: it is there, and it is not a report", town.ErrRefused)
	}
	return town.Fail("write "+o.output, "name another file with --output", "%w", err)
}

// make gathers what the page shows.
func (o *options) make(ctx context.Context, h *host.Host, since, now time.Time) (r report.Report, note report.Note, err error) {
	r = report.Report{Town: h.Config.Town.Name, At: now, From: since, Changes: []report.Change{}, Settings: []report.Setting{}}
	last, err := lastNote(h.Layout.LastReport())
	if err != nil {
		o.call.Hint("there is nothing to compare with: %v", err)
	}
	if last.At.Before(now) {
		r.Last = last.At
	}
	rules, err := series.ReadRules(h.Layout.Rules())
	if err != nil {
		o.call.Hint("the thresholds are the built-in ones: %v", err)
		rules = series.DefaultRules
	}
	facts, why, err := insight.Facts(ctx, o.call, since, now, analysis.Types...)
	if err != nil {
		return r, note, err
	}
	r.Recorded = facts.Recorded.Seconds()
	if facts.Recorded > 0 {
		r.From = facts.From
	}
	err = figures.With(ctx, o.call, "report on the Town", func(ctx context.Context, s figures.Source) (err error) {
		r.Figures, err = report.Read(ctx, s, r.From, now, r.Last, rules)
		return err
	})
	if err != nil && why == "" {
		return r, note, err
	}
	if why != "" {
		r.Figures = nil
	}
	rows, err := insight.Rows(ctx, h, analysis.Types...)
	if err != nil {
		return r, note, err
	}
	for _, t := range analysis.Types {
		a := analysis.Analyze(t, facts, rows, insight.Settings(h), now)
		if why != "" {
			a.Missing = append([]string{why}, a.Missing...)
		}
		r.Analyses = append(r.Analyses, a)
	}
	since = r.From
	if !r.Last.IsZero() {
		r.Changes, since = report.Compare(last, r.Figures), r.Last
	}
	if err := tuned(ctx, h, since, &r); err != nil {
		return r, note, err
	}
	return r, report.NoteOf(now, r.Figures), nil
}

// tuned adds what gt autotune changed since a time.
func tuned(ctx context.Context, h *host.Host, since time.Time, r *report.Report) error {
	return h.Rows(ctx, func(s *operational.Store) error {
		all, err := s.Tunings(ctx)
		for _, c := range all {
			if c.At.After(since) || c.Ended.After(since) {
				r.Settings = append(r.Settings, report.Setting{At: c.At, Key: c.Setting, From: c.From, To: c.To, Why: c.Why, Outcome: string(c.State)})
			}
		}
		return err
	})
}

// lastNote reads what the last report left. The zero note stands for none.
func lastNote(path string) (n report.Note, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	if err == nil && info.Size() > maxNote {
		err = fmt.Errorf("%s has %d bytes", path, info.Size())
	}
	if err != nil {
		return n, err
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = strict.JSON(text, &n)
	}
	if err != nil {
		return report.Note{}, err
	}
	return n, nil
}

func keep(path string, n report.Note) error {
	text, err := shell.JSONText(n, "")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = durable.Replace(path, text, 0o600)
	}
	return err
}
