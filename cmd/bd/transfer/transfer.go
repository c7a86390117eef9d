// Package transfer is bd import and bd export: beads as lines of JSON.
package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

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

// importOptions are those of bd import.
type importOptions struct {
	call    *shell.Call
	file    string
	flag    string
	options ledger.ImportOptions
}

// exportOptions are those of bd export.
type exportOptions struct {
	call    *shell.Call
	file    string
	filters flags.Filters
}

// Import is bd import.
func Import() shell.Command {
	return shell.Command{
		Name: "import", Help: "Import beads, one JSON object a line, all or none. A newer line replaces a bead; comments are only added.",
		Examples: []string{"bd import issues.jsonl", "bd import --dry-run issues.jsonl", "ssh host bd export | bd import -"},
		// It holds every line of the export.
		Alone:  true,
		Planes: []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &importOptions{call: call}
			c.Arg("file", "The export, - for standard input.").PlaceHolder("FILE").StringVar(&o.file)
			c.Flag("input", "The same as FILE.").Short('i').Hidden().PlaceHolder("FILE").StringVar(&o.flag)
			c.Flag("dry-run", "Check and count, and change nothing.").BoolVar(&o.options.DryRun)
			c.Flag("force", "Replace also beads that were changed here later.").BoolVar(&o.options.Force)
			c.Flag("revive", "Bring back beads that were deleted here.").BoolVar(&o.options.Revive)
			c.Flag("keep-unknown", "Keep unknown fields, instead of refusing their lines.").BoolVar(&o.options.KeepUnknown)
			return o.run
		},
	}
}

// Export is bd export.
func Export() shell.Command {
	return shell.Command{
		Name: "export", Help: "Write beads with everything that belongs to them, one JSON object a line, in the order of their ids.",
		Examples: []string{"bd export -o issues.jsonl", "bd export -s open | gzip > open.jsonl.gz", "bd export -l public"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &exportOptions{call: call}
			c.Flag("output", "Write this file, whole or not at all, instead of standard output.").Short('o').PlaceHolder("FILE").StringVar(&o.file)
			o.filters.Define(c)
			o.filters.All = true
			// An export has every bead, not the first fifty.
			c.GetFlag("limit").Default("0").Hidden()
			c.GetFlag("sort").Hidden()
			c.GetFlag("reverse").Hidden()
			c.GetFlag("offset").Hidden()
			return o.run
		},
	}
}

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
		return session.Fail(op, err)
	}
	if o.call.Resident == nil {
		memory.Room(importRoom)
	}
	// A pipe may be slow, so it is read before the ledger is opened.
	o.call.Progress().Step("read "+strings.TrimPrefix(op, "import "), 0, 0, "")
	lines, err := ledger.ReadLines(f, o.options.KeepUnknown)
	err = errors.Join(err, f.Close())
	var result ledger.ImportResult
	var bad *ledger.BatchError
	switch {
	case errors.As(err, &bad):
		next := ""
		if errors.Is(err, ledger.ErrField) {
			next = "bd import --keep-unknown keeps such fields and writes them back"
		}
		return session.FailBatch(ctx, o.call, op, next, bad, func(l *session.Ledger) error { return l.CheckLines(ctx, lines) })
	case err == nil:
		err = session.Use(ctx, o.call, func(l *session.Ledger) error {
			o.call.Progress().Step("import", 0, 0, "")
			result, err = l.ImportLines(ctx, lines, o.options)
			return err
		})
	}
	if err != nil {
		return session.Fail(op, err)
	}
	for _, w := range result.Warnings {
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
		if result.Other > 0 {
			p.Line("  %s about no bead", term.Plural(result.Other, "line was", "lines were"))
		}
	})
}

func (o *exportOptions) run(ctx context.Context) error {
	f, err := o.filters.Build(o.call.Now(), false)
	if err == nil && (f.Limit != 0 || f.Offset != 0 || len(f.Sort) > 0) {
		err = fmt.Errorf("%w: an export has every bead the filters select, in the order of their ids: no --limit, --offset, --sort or --reverse", town.ErrUsage)
	}
	if err != nil {
		return session.Fail("export", err)
	}
	n := 0
	err = session.Deferred(o.call, func(call *shell.Call) error {
		return session.Use(ctx, call, func(l *session.Ledger) error {
			f, err := session.FullFilter(ctx, l, f)
			if err != nil {
				return err
			}
			write := func(w io.Writer) error {
				out := bufio.NewWriterSize(w, 1<<18)
				err := l.Export(ctx, f, func(b town.Bead) error {
					if n++; n%1000 == 0 {
						o.call.Progress().Step("export", int64(n), 0, "beads")
					}
					return ledger.WriteLine(out, b)
				})
				if err != nil {
					return err
				}
				return out.Flush()
			}
			if shell.IsStandard(o.file) {
				return write(call.Stdout)
			}
			return call.WriteFile(o.file, write)
		})
	})
	if err != nil {
		return session.Fail("export", err)
	}
	if !shell.IsStandard(o.file) {
		o.call.Hint("exported %s to %s", term.Plural(n, "bead", "beads"), o.file)
	}
	return nil
}
