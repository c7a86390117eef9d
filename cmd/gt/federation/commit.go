package federation

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/federate"
	"gastown/town/layout"
)

// commitOptions are the options of gt federation commit.
type commitOptions struct {
	call    *shell.Call
	message string
}

// recorded is the engine's result for printing.
type recorded struct {
	Commit string   `json:"commit,omitempty"`
	Edits  int      `json:"edits"`
	Notes  []string `json:"notes"`
	fileReport
}

func commitCommand() shell.Command {
	return shell.Command{
		Name: "commit", Help: "Record edited files in this Town. It needs no network; push does it first.",
		Examples: []string{"gt federation commit", `gt federation commit -m "mayor: hand over at dusk"`},
		Planes:   []string{layout.Federation, layout.Operational}, Permission: shell.MayWriteFederation, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &commitOptions{call: call}
			c.Flag("message", "What the edit is about (default: the documents edited).").Short('m').PlaceHolder("TEXT").StringVar(&o.message)
			return o.run
		},
	}
}

func (o *commitOptions) run(ctx context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	done, err := h.engine.Commit(ctx, o.message)
	if err != nil {
		return err
	}
	out := newRecorded(done)
	err = o.call.Summary(out, func(p *term.Printer) {
		if out.Edits == 0 {
			p.Line("nothing to record")
		}
		out.print(p)
	})
	if err != nil {
		return err
	}
	return h.CheckReviews()
}

func newRecorded(r federate.Recorded) recorded {
	return recorded{Commit: r.Commit, Edits: r.Edits, Notes: nonNil(r.Notes), fileReport: reportFiles(r.FileReport)}
}

func (r recorded) worthPrinting() bool {
	return r.Edits > 0 || len(r.Notes) > 0 || r.fileReport.hasEntries()
}

func (r recorded) print(p *term.Printer) { r.printFor(p, false) }

func (r recorded) printFor(p *term.Printer, dry bool) {
	switch {
	case r.Edits == 0:
	case dry:
		p.Line("%s to record", term.Plural(r.Edits, "edit", "edits"))
	default:
		p.Styled(term.Good, "recorded %s (%s)", term.Plural(r.Edits, "edit", "edits"), short(r.Commit))
	}
	printNotes(p, r.Notes)
	r.fileReport.print(p)
}
