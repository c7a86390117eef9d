// Package prime is bd prime: what an agent has to know before it works in a Town.
// Hooks of agents run it at the start of each session.
package prime

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/agenthooks"
	"gastown/town/config"
	"gastown/town/layout"
)

const (
	// defaultPatience bounds the wait for the ledger: a session that starts late is
	// worse than one that starts without memories.
	defaultPatience = 3 * time.Second
	// maxHeld is how many beads of the agent are named.
	maxHeld = 5
)

// primeOptions are those of bd prime.
type primeOptions struct {
	call         *shell.Call
	hook         bool
	memoriesOnly bool
	noMemories   bool
	ignored      bool
}

// Command is bd prime.
func Command() shell.Command {
	return shell.Command{
		Name: "prime", Help: "Tell an agent who it is, how work goes here and what the Town remembers. It never fails for want of a Town.",
		Examples: []string{"bd prime", "bd prime --hook-json", "bd prime --memories-only"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &primeOptions{call: call}
			c.Flag("hook-json", "Print what hooks of agents take: JSON with the text as additional context.").BoolVar(&o.hook)
			c.Flag("memories-only", "Print the memories alone.").BoolVar(&o.memoriesOnly)
			c.Flag("no-memories", "Leave the memories out.").BoolVar(&o.noMemories)
			for _, name := range []string{"full", "mcp", "stealth", "export"} {
				c.Flag(name, "Accepted for hooks of the public bd; without effect.").Hidden().BoolVar(&o.ignored)
			}
			return o.run
		},
	}
}

// facts are what bd prime knows of the Town and of its caller.
type facts struct {
	Town  string `json:"town"`
	Path  string `json:"path"`
	Actor string `json:"actor"`
	Rig   string `json:"rig,omitempty"`
	// Held are the beads the caller works on.
	Held []town.Bead `json:"held"`
	// Memories are the newest first.
	Memories []ledger.Memory `json:"memories"`
	// Documents are the names of the Town's documents by the name of their kind's
	// directory.
	Documents map[string][]string `json:"documents"`
	// Rules is the Town's own text for agents; see rulesTemplate.
	Rules string `json:"rules,omitempty"`
	// Missing says what could not be read, and why.
	Missing []string `json:"missing,omitempty"`
}

// run prints what it can find out. What cannot be read is named in the text, as the
// hooks of agents drop the text of a command that fails.
func (o *primeOptions) run(ctx context.Context) error {
	f, err := o.collect(ctx)
	text := ""
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		text = fmt.Sprintf("bd: no work is tracked here: %s. Ignore what you know of bd, or make a Town: bd init\n", shell.Message(err))
	case o.memoriesOnly:
		text = f.memories(maxText)
	default:
		text = f.text(!o.noMemories)
	}
	if o.hook {
		_, err := io.WriteString(o.call.Stdout, agenthooks.Context("SessionStart", text))
		return err
	}
	if o.call.JSON {
		return o.call.Show(struct {
			facts
			Text string `json:"text"`
		}{f, text}, nil)
	}
	p := o.call.Printer(o.call.Stdout)
	p.Body("", text)
	return p.Flush()
}

// collect finds the Town and reads what concerns the caller. Its error says that
// there is no Town; all other failures are among what is missing.
func (o *primeOptions) collect(ctx context.Context) (facts, error) {
	f := facts{Held: []town.Bead{}, Memories: []ledger.Memory{}, Documents: map[string][]string{}}
	t, err := o.call.FindTown()
	if err != nil {
		return f, err
	}
	cfg, err := config.Load(t.Config())
	if err != nil {
		return f, err
	}
	f.Town, f.Path, f.Actor, f.Rig = cfg.Town.Name, t.Root, o.call.Actor(cfg.Actor).Name, session.RigOf(t, o.call)
	f.readDocuments(t)
	call := *o.call
	call.Wait = min(call.Wait, defaultPatience)
	if err := session.Use(ctx, &call, func(l *session.Ledger) error { return f.readLedger(ctx, l) }); err != nil {
		f.Missing = append(f.Missing, "your beads and the memories: "+shell.Message(err))
	}
	return f, nil
}

// readLedger reads the beads of the caller and the memories in one query each. With
// the Deacon's caches it takes none.
func (f *facts) readLedger(ctx context.Context, l *session.Ledger) error {
	filter := ledger.Filter{
		Statuses: []town.Status{town.StatusInProgress, town.StatusHooked}, Assignees: []string{f.Actor}, Limit: maxHeld,
		Fields: ledger.Fields{"id", "title", "status"},
	}
	err := l.List(ctx, filter, func(i ledger.Item) error {
		f.Held = append(f.Held, i.Bead)
		return nil
	})
	if err != nil {
		return err
	}
	memories, err := l.Memories(ctx, "")
	slices.SortStableFunc(memories, func(a, b ledger.Memory) int { return b.UpdatedAt.Compare(a.UpdatedAt) })
	f.Memories = append(f.Memories, memories...)
	return err
}
