// Package transfer is bd import and bd export: beads as lines of JSON.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/memory"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// importRoom is how much memory an import may use before the garbage collector
// runs, in bytes. With the usual bound an import of 5,000 beads spends a fifth of
// its time collecting.
const importRoom = 256 << 20

// maxForeign is how much another user may import at once, in bytes: it is held in the memory
// of the Deacon.
const maxForeign = 8 << 20

// shownWarnings is how many warnings people are shown.
const shownWarnings = 20

// importOptions are those of bd import.
type importOptions struct {
	call    *shell.Call
	file    string
	flag    string
	options ledger.ImportOptions
}

// Import is bd import.
func Import() shell.Command {
	return shell.Command{
		Name: "import", Help: "Import beads, one JSON object a line, all or none. A newer line replaces a bead; comments are only added.",
		Examples: []string{"bd import issues.jsonl", "bd import --dry-run issues.jsonl", "ssh host bd export | bd import -"},
		// It holds every line of the export.
		Alone:  true,
		Planes: []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, DryWith: []string{"dry-run"}, Repeatable: true,
		Reads: []string{"file", "input"}, Bounded: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &importOptions{call: call}
			c.Arg("file", "The export, - for standard input.").PlaceHolder("FILE").StringVar(&o.file)
			c.Flag("input", "The same as FILE.").Short('i').Hidden().PlaceHolder("FILE").StringVar(&o.flag)
			c.Flag("dry-run", "Check and count, and change nothing.").BoolVar(&o.options.DryRun)
			c.Flag("force", "Replace also beads that were changed here later.").BoolVar(&o.options.Force)
			c.Flag("allow-stale", "The same as --force.").Hidden().BoolVar(&o.options.Force)
			c.Flag("revive", "Bring back beads that were deleted here.").BoolVar(&o.options.Revive)
			c.Flag("strict", "Refuse what would be mended, and unknown fields.").BoolVar(&o.options.Strict)
			c.Flag("skip-invalid", "Leave out lines of which nothing can be made.").BoolVar(&o.options.SkipInvalid)
			c.Flag("keep-unknown", "Accepted without effect: unknown fields are kept.").Hidden().Bool()
			return o.run
		},
	}
}

// bounded limits what another user imports: reading more than maxForeign bytes fails.
func (o *importOptions) bounded(r io.Reader) io.Reader {
	if !o.call.Foreign {
		return r
	}
	return io.MultiReader(io.LimitReader(r, maxForeign), &tooMuch{r})
}

// tooMuch fails if its reader still has something.
type tooMuch struct{ rest io.Reader }

func (m *tooMuch) Read([]byte) (int, error) {
	if n, err := io.ReadFull(m.rest, make([]byte, 1)); n == 0 {
		return 0, err
	}
	return 0, fmt.Errorf("%w: another user than the Town's owner imports at most %d MiB at once: split the file", town.ErrRefused, maxForeign>>20)
}

// nextFile is the next step where the file cannot be read.
const nextFile = "name a file with one JSON object a line, or - for standard input"

func (o *importOptions) run(ctx context.Context) error {
	name := o.file + o.flag
	op := "import " + town.Clip(name, 200)
	if o.file != "" && o.flag != "" {
		return session.Fail("import", fmt.Errorf("%w: name one file", town.ErrUsage))
	}
	if name == "" {
		op = "import standard input"
		if term.IsTerminal(o.call.Stdin) {
			return session.Fail("import", fmt.Errorf("%w: name a file: bd import FILE", town.ErrUsage))
		}
	}
	f, err := flags.OpenFile(o.call, name)
	if err != nil {
		return session.FailNext(op, nextFile, err)
	}
	if o.call.Resident == nil {
		memory.Room(importRoom)
	}
	// A pipe may be slow, so it is read before the ledger is opened.
	o.call.Progress().Step("read "+strings.TrimPrefix(op, "import "), 0, 0, "")
	lines, err := ledger.ReadLines(o.bounded(f), o.options)
	err = errors.Join(err, f.Close())
	var result ledger.ImportResult
	var bad *ledger.BatchError
	switch {
	case errors.As(err, &bad):
		next := "bd import --skip-invalid takes the other lines"
		if o.options.Strict {
			next = "without --strict what can be mended is mended, and unknown fields are kept"
		}
		return session.FailBatch(ctx, o.call, op, next, bad, func(l *session.Ledger) error { return l.CheckLines(ctx, lines, o.options) })
	case err == nil:
		err = session.Use(ctx, o.call, func(l *session.Ledger) error {
			o.call.Progress().Step("import", 0, 0, "")
			result, err = l.ImportLines(ctx, lines, o.options)
			return err
		})
	}
	if errors.Is(err, syscall.EISDIR) {
		return session.FailNext(op, nextFile, err)
	}
	if err != nil {
		return session.Fail(op, err)
	}
	for i, w := range result.Warnings {
		if i == shownWarnings && len(result.Warnings) > shownWarnings+1 {
			o.call.Hint("and %d more; --json lists them", len(result.Warnings)-shownWarnings)
			break
		}
		o.call.Hint("warning: %s", w)
	}
	return o.call.Changed(result, func(p *term.Printer) {
		verb := "imported"
		if o.options.DryRun {
			verb = "would import"
		}
		p.Styled(term.Good, "%s: %d new, %d changed, %d as they were", verb, result.Created, result.Updated, result.Unchanged)
		if result.Older > 0 {
			p.Line("  %s changed here later and left alone (--force takes the import's)", term.Plural(result.Older, "bead was", "beads were"))
		}
		if result.Deleted > 0 {
			p.Line("  %s deleted, here or there, and left alone", term.Plural(result.Deleted, "bead was", "beads were"))
		}
		if result.Memories > 0 {
			p.Line("  %s", term.Plural(result.Memories, "memory", "memories"))
		}
		if result.Other > 0 {
			p.Line("  %s about no bead", term.Plural(result.Other, "line was", "lines were"))
		}
		if result.Invalid > 0 {
			p.Line("  %s invalid and left out", term.Plural(result.Invalid, "line was", "lines were"))
		}
	})
}
