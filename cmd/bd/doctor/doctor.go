// Package doctor is bd doctor: it checks every bead and every link of a ledger.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// maxNamed is how many beads a finding of bd doctor names.
const maxNamed = 5

// The grades of a finding.
const (
	gradeOK      = "ok"
	gradeWarning = "warning"
	gradeError   = "error"
)

// finding is one line of bd doctor.
type finding struct {
	Name    string `json:"name"`
	Status  string `json:"status"`
	Message string `json:"message"`
	Next    string `json:"next,omitempty"`
}

// diagnosis is what bd doctor prints.
type diagnosis struct {
	Ledger   string    `json:"ledger"`
	Beads    int       `json:"beads"`
	Bytes    int64     `json:"bytes"`
	Overall  bool      `json:"overall_ok"`
	Findings []finding `json:"checks"`
}

// doctorOptions are those of bd doctor.
type doctorOptions struct {
	call  *shell.Call
	check string
	fix   bool
}

// checks are the names of what bd doctor examines, validate all that the public bd means
// by that name.
var checks = []string{"store", "values", "words", "links", "cycles", "work", validate}

const validate = "validate"

// Command is bd doctor.
func Command() shell.Command {
	return shell.Command{
		Name: "doctor", Help: "Check the ledger: every bead, every link. Exit 1 when something is wrong.",
		Examples: []string{"bd doctor", "bd doctor --json", "bd doctor --check=links"},
		// It holds the id and the links of every bead there is.
		Alone:  true,
		Planes: []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &doctorOptions{call: call}
			c.Flag("check", "Report one check only: "+strings.Join(checks, ", ")+" (all of them).").PlaceHolder("NAME").StringVar(&o.check)
			c.Flag("agent", "Without effect: what is found always has a next step.").Hidden().Bool()
			c.Flag("deep", "Without effect: every bead and link is always read.").Hidden().Bool()
			c.Flag("fix", "Refused: nothing is mended by itself.").Hidden().BoolVar(&o.fix)
			c.Flag("yes", "As --fix.").Short('y').Hidden().Bool()
			return o.run
		},
	}
}

func (o *doctorOptions) run(ctx context.Context) error {
	if o.fix {
		return town.Fail("mend the ledger", "bd doctor says what to do about each finding; gt doctor --fix mends databases that are damaged",
			"%w: bd doctor changes nothing", town.ErrUsage)
	}
	if o.check != "" && !slices.Contains(checks, o.check) {
		return town.Fail("check the ledger", "bd lint, bd stale, bd orphans and bd duplicates look at the work itself",
			"%w: no check %q; there are: %s", town.ErrUsage, town.Clip(o.check, 40), strings.Join(checks, ", "))
	}
	var out diagnosis
	err := session.Use(ctx, o.call, func(l *session.Ledger) (err error) {
		out, err = examine(ctx, o.call, l)
		return err
	})
	if err != nil {
		return session.Fail("check the ledger", err)
	}
	if o.check != "" && o.check != validate {
		out.only(o.check)
	}
	err = o.call.Show(out, func(p *term.Printer) {
		p.Line("%s, %s in %s", term.Plural(out.Beads, "bead", "beads"), term.Size(out.Bytes), out.Ledger)
		marks := map[string]string{gradeOK: "✓", gradeWarning: "!", gradeError: "✗"}
		shades := map[string]term.Style{gradeOK: term.Good, gradeWarning: term.Warn, gradeError: term.Bad}
		for _, f := range out.Findings {
			p.Styled(shades[f.Status], "%s %s: %s", marks[f.Status], f.Name, f.Message)
			if f.Next != "" {
				p.Line("    next: %s", f.Next)
			}
		}
	})
	if err == nil && !out.Overall && !o.call.JSON {
		return town.Fail("check the ledger", "see the findings above", "something is wrong")
	}
	if err == nil && !out.Overall {
		return shell.Shown(nil)
	}
	return err
}

// examine reads every bead once and checks it and the targets of its links.
func examine(ctx context.Context, call *shell.Call, l *session.Ledger) (diagnosis, error) {
	out := diagnosis{Ledger: l.Layout.Data(layout.Ledger), Overall: true, Findings: []finding{}}
	words, err := l.Words(ctx)
	if err != nil {
		return out, err
	}
	var invalid, strays, orphans, stale []string
	known := map[string]bool{}
	var links []town.Dependency
	err = l.Export(ctx, ledger.Filter{}, func(b town.Bead) error {
		if out.Beads++; out.Beads%1000 == 0 {
			call.Progress().Step("examine", int64(out.Beads), 0, "beads")
		}
		known[b.ID] = true
		links = append(links, b.Dependencies...)
		if err := b.Validate(); err != nil {
			invalid = append(invalid, fmt.Sprintf("%s (%v)", b.ID, err))
		}
		if slices.Contains(words.Strays, b.Status) {
			strays = append(strays, fmt.Sprintf("%s (status %s)", b.ID, town.Clip(string(b.Status), 40)))
		}
		if !slices.Contains(words.Types, b.Type) {
			strays = append(strays, fmt.Sprintf("%s (type %s)", b.ID, town.Clip(string(b.Type), 40)))
		}
		if b.Status == town.StatusInProgress && b.Assignee == "" {
			stale = append(stale, b.ID)
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	for _, l := range links {
		if !known[l.Target] && !ledger.External(l.Target) {
			orphans = append(orphans, l.Bead+" -> "+l.Target)
		}
	}
	call.Progress().Step("look for cycles", 0, 0, "")
	cycles, err := l.DepCycles(ctx)
	if err != nil {
		return out, err
	}
	var circles []string
	for _, c := range cycles {
		circles = append(circles, strings.Join(c, " -> "))
	}
	if out.Bytes, err = size(out.Ledger); err != nil {
		return out, err
	}
	out.add("store", gradeError, nil, "it belongs to this Town, and its schema is current", "", "")
	out.add("values", gradeError, invalid, "every bead is valid", "hold values no bead may have", "bd update ID sets the field that is named")
	out.add("words", gradeWarning, strays, "every status and type is known", "have a status or type that no setting names",
		"bd config set "+ledger.CustomStatuses+" LIST or "+ledger.CustomTypes+" LIST, or bd update ID sets another one")
	out.add("links", gradeWarning, orphans, "every link leads to a bead", "lead to no bead of this ledger", "bd dep remove ID ID, or import what is missing")
	out.add("cycles", gradeError, circles, "no bead waits for itself", "wait for themselves", "bd dep cycles shows them")
	out.add("work", gradeWarning, stale, "every bead in progress has an assignee", "are in progress without an assignee", "bd update ID --assignee NAME, or --status open")
	return out, nil
}

// add adds a finding: that some beads are wrong, or that all are right.
func (d *diagnosis) add(name, grade string, bad []string, well, ill, next string) {
	if len(bad) == 0 {
		d.Findings = append(d.Findings, finding{Name: name, Status: gradeOK, Message: well})
		return
	}
	text := strings.Join(bad[:min(len(bad), maxNamed)], ", ")
	if len(bad) > maxNamed {
		text += fmt.Sprintf(" and %d more", len(bad)-maxNamed)
	}
	d.Overall = d.Overall && grade != gradeError
	d.Findings = append(d.Findings, finding{name, grade, fmt.Sprintf("%d %s: %s", len(bad), ill, text), next})
}

// only keeps one of the findings.
func (d *diagnosis) only(name string) {
	d.Findings = slices.DeleteFunc(d.Findings, func(f finding) bool { return f.Name != name })
	d.Overall = !slices.ContainsFunc(d.Findings, func(f finding) bool { return f.Status == gradeError })
}

// size returns the size of a directory's files in bytes. It is 0 when there is no
// directory because the ledger is on another server.
func size(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was removed meanwhile
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
