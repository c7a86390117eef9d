package change

import (
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/settings"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town/layout"
)

// maxScript is how large a script of bd batch may be, in bytes.
const maxScript = 64 << 20

// batchOptions are those of bd batch.
type batchOptions struct {
	call    *shell.Call
	file    string
	message string
	dryRun  bool
	force   bool
}

// batchResult is what bd batch prints.
type batchResult struct {
	Operations int             `json:"operations"`
	Status     string          `json:"status"`
	DryRun     bool            `json:"dry_run,omitempty"`
	Results    []ledger.Effect `json:"results"`
}

// Batch is bd batch.
func Batch() shell.Command {
	return shell.Command{
		Name: "batch", Help: "Make many changes in one commit, all or none: a line for each.",
		Examples: []string{
			"bd batch -f changes.txt", `printf 'close gt-a3f8x done\nupdate gt-b7151 status=in_progress\n' | bd batch`,
			`echo 'create bug 1 Login fails' | bd batch`, `echo 'dep add gt-a3f8x gt-b7151' | bd batch --dry-run`,
		},
		Planes: []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, DryWith: []string{"dry-run"},
		Reads: []string{"file"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &batchOptions{call: call}
			c.Flag("file", "Read the lines from a file instead of standard input. A line is: close ID [REASON], update ID KEY=VALUE... (assignee, priority, status, title), "+
				"create TYPE PRIORITY TITLE, dep add ID ON [TYPE], or dep remove ID ON.").Short('f').PlaceHolder("FILE").StringVar(&o.file)
			c.Flag("dry-run", "Check everything and change nothing.").BoolVar(&o.dryRun)
			c.Flag("force", "Close beads that wait for open ones or have open children, too.").BoolVar(&o.force)
			c.Flag("message", "What the commit is called.").Short('m').PlaceHolder("TEXT").StringVar(&o.message)
			return o.run
		},
	}
}

func (o *batchOptions) run(ctx context.Context) error {
	const op = "run the batch"
	text, err := flags.ReadFile(o.call, o.file, maxScript)
	if err != nil {
		return session.Fail(op, err)
	}
	steps, err := ledger.ReadScript(text)
	if err != nil {
		return session.FailNext(op, "bd batch --help shows what a line may be", err)
	}
	result := batchResult{Operations: len(steps), Status: "ok", DryRun: o.dryRun, Results: []ledger.Effect{}}
	if len(steps) > 0 {
		result.Results, err = o.apply(ctx, steps)
	}
	if err != nil {
		return session.Fail(op, err)
	}
	verb := "done"
	if o.dryRun {
		verb = "checked, and nothing was changed"
	}
	return o.call.Changed(result, func(p *term.Printer) {
		p.Styled(term.Good, "%s: %s", term.Plural(len(result.Results), "line", "lines"), verb)
		for _, r := range result.Results {
			p.Line("  line %d: %s %s", r.Line, r.Op, r.Target)
		}
	})
}

func (o *batchOptions) apply(ctx context.Context, steps []ledger.Step) (effects []ledger.Effect, err error) {
	message := o.message
	if strings.TrimSpace(message) == "" {
		message = fmt.Sprintf("batch of %d lines", len(steps))
	}
	err = session.Use(ctx, o.call, func(l *session.Ledger) error {
		prefix, _, err := l.Config.Get(settings.BeadPrefix)
		if err != nil {
			return err
		}
		return l.FullByRef(ctx, ledger.ScriptRefs(steps), func(full map[string]string) error {
			return l.Change(ctx, o.dryRun, message, func(c *ledger.Change) (err error) {
				effects, err = c.Script(ctx, steps, full, prefix, o.force)
				return err
			})
		})
	})
	return effects, err
}
