// Package doctor is gt doctor: it examines a Town area by area, says what is wrong
// and why it matters, and makes the repairs that need no decision by a person.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// areaDeadline bounds the examination of one area.
const areaDeadline = 2 * time.Minute

// doctorWait bounds how long the doctor waits for a lock. After that it reports the
// holder.
const doctorWait = 2 * time.Second

// severity is how bad a finding is.
type severity string

const (
	// problem: something does not work, or a text could be lost. The exit code is
	// 1.
	problem severity = "problem"
	// warning: it works now, and may fail later.
	warning severity = "warning"
	// note: nothing is wrong; the information is useful.
	note severity = "note"
)

// finding is one thing the doctor found.
type finding struct {
	Area     string   `json:"area"`
	Severity severity `json:"severity"`
	// What is wrong, Why it matters, Fix: what --fix would do, and Next: what a
	// person must do where --fix does nothing.
	What string `json:"what"`
	Why  string `json:"why,omitempty"`
	Fix  string `json:"fix,omitempty"`
	Next string `json:"next,omitempty"`
	// Fixed and Failed are the outcome of --fix.
	Fixed  bool   `json:"fixed,omitempty"`
	Failed string `json:"fix_failed,omitempty"`

	repair func(context.Context) error
}

// area is a part of the Town the doctor examines.
type area struct {
	name string
	look func(context.Context) ([]finding, error)
}

// doctor examines one Town.
type doctor struct {
	call   *shell.Call
	layout layout.Town
	// host and engine are nil when the configuration cannot be read.
	host   *host.Host
	engine *federate.Engine
}

// doctorOptions are the options of gt doctor.
type doctorOptions struct {
	call    *shell.Call
	fix     bool
	offline bool
}

// examined is the doctor's report.
type examined struct {
	Path string `json:"path"`
	Town string `json:"town,omitempty"`
	// Areas were examined.
	Areas    []string  `json:"areas"`
	Fixed    []finding `json:"fixed"`
	Findings []finding `json:"findings"`
	Problems int       `json:"problems"`
	Warnings int       `json:"warnings"`
}

// Commands adds gt doctor to a program. It runs alone, because it has to work when
// the Deacon does not, and it reads every chunk of every plane.
func Commands(p *shell.Program) {
	p.Add(p, shell.Command{
		Name: "doctor", Help: "Examine the Town: what is wrong, why it matters, and what to do. Nothing of yours is ever removed.",
		Examples: []string{"gt doctor", "gt doctor --fix         # repair what can be repaired without a person", "gt doctor --offline --json"},
		Alone:    true, Planes: host.Planes, Permission: shell.MayReadTown, WritesWith: []string{"fix"}, WritePermission: shell.MayAdminTown, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &doctorOptions{call: call}
			c.Flag("fix", "Repair permissions, missing parts, leftovers, mirrors, hooks and planes that are older than what was exchanged.").BoolVar(&o.fix)
			c.Flag("offline", "Contact no remote.").BoolVar(&o.offline)
			return o.run
		},
	})
}

func (o *doctorOptions) run(ctx context.Context) (err error) {
	t, err := o.call.FindTown()
	if err != nil {
		return err
	}
	impatient := *o.call
	impatient.Wait = min(o.call.Wait, doctorWait)
	o.call = &impatient
	out := examined{Path: t.Root, Areas: []string{}, Fixed: []finding{}}
	if o.fix {
		unlock, err := o.call.Lock(ctx, t, "install")
		if err != nil {
			// No step: the cause, a lock, says who has it and what to do.
			return town.Fail("repair the Town "+t.Root, "", "%w", err)
		}
		defer func() { err = errors.Join(err, unlock()) }()
	}
	found, err := o.examine(ctx, t, &out)
	if err != nil {
		return err
	}
	if o.fix {
		if again := repair(ctx, o.call.Progress(), found, &out); again {
			before := found
			if found, err = o.examine(ctx, t, &out); err != nil {
				return err
			}
			keepFailures(found, before)
		}
	}
	out.Findings = append([]finding{}, found...)
	for _, f := range found {
		switch f.Severity {
		case problem:
			out.Problems++
		case warning:
			out.Warnings++
		}
	}
	if err := o.call.Show(out, out.print); err != nil {
		return err
	}
	if out.Problems > 0 {
		return fmt.Errorf("%s in the Town %s", term.Plural(out.Problems, "problem", "problems"), t.Root)
	}
	return nil
}

// repair makes the repairs and reports whether to examine again. An error is
// recorded with its finding.
func repair(ctx context.Context, progress *term.Progress, found []finding, out *examined) (again bool) {
	for i := range found {
		f := &found[i]
		if f.repair == nil || ctx.Err() != nil {
			continue
		}
		progress.Step("repair: "+f.What, 0, 0, "")
		if err := f.repair(ctx); err != nil {
			f.Failed = shell.Message(err)
			continue
		}
		f.Fixed, again = true, true
		out.Fixed = append(out.Fixed, *f)
	}
	return again
}

// keepFailures copies the errors of repairs to the same findings of the next
// examination.
func keepFailures(found, before []finding) {
	for _, was := range before {
		i := slices.IndexFunc(found, func(f finding) bool { return f.Area == was.Area && f.What == was.What })
		if was.Failed != "" && i >= 0 {
			found[i].Failed = was.Failed
		}
	}
}

// examine examines every area. If the configuration cannot be read, that is a
// finding, and the areas that do not need it are examined all the same.
func (o *doctorOptions) examine(ctx context.Context, t layout.Town, out *examined) ([]finding, error) {
	d := &doctor{call: o.call, layout: t}
	var found []finding
	cfg, err := config.Load(t.Config())
	if err == nil {
		d.host = host.New(o.call, t, cfg)
		d.engine = d.host.Engine(host.EngineOptions{})
		out.Town = cfg.Town.Name
	} else {
		found = append(found, finding{Area: "layout", Severity: problem, What: shell.Message(err),
			Why: "without its configuration the Town has no identity, and nothing else works", Next: shell.Advice(err)})
	}
	out.Areas = out.Areas[:0]
	for _, area := range d.areas(o.offline) {
		out.Areas = append(out.Areas, area.name)
		o.call.Progress().Step("examine: "+area.name, 0, 0, "")
		limited, cancel := context.WithTimeout(ctx, areaDeadline)
		more, err := area.look(limited)
		cancel()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			more = append(more, finding{Severity: problem, What: shell.Message(err), Why: "it cannot be examined", Next: shell.Advice(err)})
		}
		for _, f := range more {
			f.Area = area.name
			if f.repair == nil {
				f.Fix = ""
			}
			found = append(found, f)
		}
	}
	return found, nil
}

// areas are in the order of examination: an area comes before the areas that depend
// on it.
func (d *doctor) areas(offline bool) []area {
	all := []area{{"tools", d.tools}, {"disk", d.disk}, {"clock", d.clock}, {"permissions", d.permissions}, {"leftovers", d.leftovers}}
	if d.host == nil {
		return all
	}
	return append(all, area{"layout", d.parts}, area{"locks", d.locks}, area{"database", d.databases}, area{"files", d.files}, area{"backup", d.backup},
		area{"instance", d.instance}, area{"sharing", d.sharing},
		area{"remotes", func(ctx context.Context) ([]finding, error) { return d.remotes(ctx, offline) }},
		area{"hooks", d.hooks}, area{"clones", d.clones}, area{"schedule", d.schedule}, area{"deacon", d.deacon}, area{"listeners", d.listeners},
		area{"work", func(ctx context.Context) ([]finding, error) { return d.work(ctx, offline) }}, area{"sessions", d.sessions})
}

func (out examined) print(p *term.Printer) {
	for _, f := range out.Fixed {
		p.Styled(term.Good, "fixed: %s", f.What)
		p.Line("  %s", f.Fix)
	}
	fixable := 0
	for _, f := range out.Findings {
		style := term.Dim
		switch f.Severity {
		case problem:
			style = term.Bad
		case warning:
			style = term.Head
		}
		p.Styled(style, "%s (%s): %s", f.Severity, f.Area, f.What)
		for _, line := range [][2]string{{"why", f.Why}, {"--fix", f.Fix}, {"next", f.Next}, {"could not be fixed", f.Failed}} {
			if line[1] != "" {
				p.Line("  %s: %s", line[0], line[1])
			}
		}
		if f.repair != nil {
			fixable++
		}
	}
	p.Line("%s and %s; looked at %d areas", term.Plural(out.Problems, "problem", "problems"), term.Plural(out.Warnings, "warning", "warnings"), len(out.Areas))
	if fixable > 0 && len(out.Fixed) == 0 {
		p.Line("To repair %d of them: gt doctor --fix", fixable)
	}
}

// exists reports whether a path exists.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
