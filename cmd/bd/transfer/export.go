package transfer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// exportOptions are those of bd export.
type exportOptions struct {
	call    *shell.Call
	file    string
	filters flags.Filters
	// all includes short-lived beads, scrub leaves out test beads.
	all, scrub                bool
	memories, withoutMemories bool
	// leftOut counts short-lived beads.
	leftOut int
}

// Export is bd export.
func Export() shell.Command {
	return shell.Command{
		Name: "export", Help: "Write beads with everything that belongs to them, one JSON object a line, in the order of their ids, then the memories.",
		Examples: []string{"bd export -o issues.jsonl", "bd export --all -o everything.jsonl", "bd export -s open | gzip > open.jsonl.gz", "bd export --no-memories --scrub -l public"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Rewrites: []string{"output"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &exportOptions{call: call}
			c.Flag("output", "Write this file, whole or not at all, instead of standard output.").Short('o').PlaceHolder("FILE").StringVar(&o.file)
			c.Flag("all", "Also short-lived beads, which are otherwise left out.").BoolVar(&o.all)
			c.Flag("include-infra", "Accepted without effect: beads of agents, gates and the like are written.").Hidden().Bool()
			c.Flag("scrub", "Leave out beads whose titles begin with test, sample, tmp and the like.").BoolVar(&o.scrub)
			c.Flag("memories", "Also the memories, where filters select beads.").BoolVar(&o.memories)
			c.Flag("include-memories", "The same as --memories.").Hidden().BoolVar(&o.memories)
			c.Flag("no-memories", "Leave out the memories.").BoolVar(&o.withoutMemories)
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

func (o *exportOptions) run(ctx context.Context) error {
	f, err := o.filters.Build(o.call.Now(), false)
	if err == nil && (f.Limit != 0 || f.Offset != 0 || len(f.Sort) > 0) {
		err = fmt.Errorf("%w: an export has every bead the filters select, in the order of their ids: no --limit, --offset, --sort or --reverse", town.ErrUsage)
	}
	if err != nil {
		return session.Fail("export", err)
	}
	memories := !o.withoutMemories && (o.memories || o.all || reflect.DeepEqual(f, unfiltered()))
	n, said := 0, 0
	err = session.Deferred(o.call, func(call *shell.Call) error {
		return session.UseFilter(ctx, call, f, func(l *session.Ledger, f ledger.Filter) error {
			write := func(w io.Writer) (err error) {
				out := bufio.NewWriterSize(w, 1<<18)
				if n, err = o.beads(ctx, l, f, out); err != nil {
					return err
				}
				if memories {
					if said, err = writeMemories(ctx, l, out); err != nil {
						return err
					}
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
	if o.leftOut > 0 {
		o.call.Hint("%s left out; --all has them", term.Plural(o.leftOut, "short-lived bead was", "short-lived beads were"))
	}
	if !shell.IsStandard(o.file) {
		what := term.Plural(n, "bead", "beads")
		if said > 0 {
			what += " and " + term.Plural(said, "memory", "memories")
		}
		o.call.Hint("exported %s to %s", what, o.file)
	}
	return nil
}

// unfiltered is the filter of an export without filters.
func unfiltered() ledger.Filter {
	f, _ := (&flags.Filters{All: true}).Build(time.Time{}, false) // no flag can be wrong
	return f
}

// tried matches the beginning of the title of a test bead.
var tried = regexp.MustCompile(`(?i)^(test|benchmark|sample|tmp|temp|debug|dummy)[-_\s]`)

// beads writes the beads of a filter and returns how many there are.
func (o *exportOptions) beads(ctx context.Context, l *session.Ledger, f ledger.Filter, out io.Writer) (n int, err error) {
	o.leftOut = 0
	err = l.Export(ctx, f, func(b town.Bead) error {
		if b.Ephemeral && !o.all {
			o.leftOut++
			return nil
		}
		if o.scrub && tried.MatchString(b.Title) {
			return nil
		}
		if n++; n%1000 == 0 {
			o.call.Progress().Step("export", int64(n), 0, "beads")
		}
		return ledger.WriteLine(out, b)
	})
	return n, err
}

// writeMemories writes the memories and returns how many there are.
func writeMemories(ctx context.Context, l *session.Ledger, out io.Writer) (int, error) {
	list, err := l.Memories(ctx, "")
	for _, m := range list {
		if err == nil {
			err = ledger.WriteMemory(out, m)
		}
	}
	return len(list), err
}
