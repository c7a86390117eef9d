package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gastown/town"
)

// Step is one line of a script of changes:
//
//	close ID [REASON...]
//	update ID KEY=VALUE...
//	create TYPE PRIORITY TITLE...
//	dep add ID ON [TYPE]
//	dep remove ID ON
//
// Words are separated by spaces; double quotes hold a word with spaces, in which
// \" is a quote and \\ a backslash. Empty lines and lines that begin with # are no
// steps.
type Step struct {
	// Line counts from 1. Op is close, update, create, dep.add or dep.remove.
	Line int
	Op   string
	args []string
}

// Effect is what a step did.
type Effect struct {
	Line int    `json:"line"`
	Op   string `json:"op"`
	// Target is the bead, or the two ends of a link.
	Target string `json:"target,omitempty"`
}

// stepArgs is how many words each operation needs at least, and how it is written.
var stepArgs = map[string]struct {
	least int
	form  string
}{
	"close": {1, "close ID [REASON...]"}, "update": {2, "update ID KEY=VALUE..."}, "create": {3, "create TYPE PRIORITY TITLE..."},
	"dep.add": {2, "dep add ID ON [TYPE]"}, "dep.remove": {2, "dep remove ID ON"},
}

// ReadScript reads the steps of a script. The BatchError it returns lists every
// line that is none.
func ReadScript(text string) (steps []Step, err error) {
	var bad batch
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		step, err := readStep(line)
		step.Line = n
		bad.add(n-1, n, "", err)
		steps = append(steps, step)
	}
	return steps, bad.err()
}

func readStep(line string) (Step, error) {
	words, err := splitWords(line)
	if err != nil {
		return Step{}, err
	}
	s := Step{Op: words[0], args: words[1:]}
	if s.Op == "dep" && len(s.args) > 0 {
		s.Op, s.args = "dep."+s.args[0], s.args[1:]
		if s.Op == "dep.rm" {
			s.Op = "dep.remove"
		}
	}
	need, known := stepArgs[s.Op]
	switch {
	case !known:
		return s, fmt.Errorf("%w: %q is no change that a batch makes: use close, update, create, dep add or dep remove", town.ErrUsage, town.Clip(words[0], 40))
	case len(s.args) < need.least:
		return s, fmt.Errorf("%w: write %s", town.ErrUsage, need.form)
	}
	return s, nil
}

// splitWords splits a line that is not empty.
func splitWords(line string) (words []string, err error) {
	var word strings.Builder
	began, quoted := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\' && i+1 < len(line) && (line[i+1] == '"' || line[i+1] == '\\'):
			i++
			word.WriteByte(line[i])
		case c == '"':
			quoted, began = !quoted, true
		case !quoted && (c == ' ' || c == '\t'):
			if began {
				words = append(words, word.String())
			}
			word.Reset()
			began = false
		default:
			word.WriteByte(c)
			began = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("%w: a quote is not closed", town.ErrUsage)
	}
	if began {
		words = append(words, word.String())
	}
	return words, nil
}

// ScriptRefs are the ids that steps name, each once.
func ScriptRefs(steps []Step) (refs []string) {
	seen := map[string]bool{}
	for _, s := range steps {
		ids := s.args[:min(len(s.args), 2)]
		switch s.Op {
		case "create":
			continue
		case "close", "update":
			ids = ids[:1]
		}
		for _, id := range ids {
			if !seen[id] && !External(id) {
				seen[id] = true
				refs = append(refs, id)
			}
		}
	}
	return refs
}

// Script makes the changes of a script, in order. full gives the full ids of those
// that ScriptRefs returned, and prefix begins the ids of new beads. The rule of Close
// holds, but what the script closes holds nothing up; force closes whatever waits. The BatchError it
// returns lists every line that cannot be done.
func (c *Change) Script(ctx context.Context, steps []Step, full map[string]string, prefix string, force bool) ([]Effect, error) {
	effects := make([]Effect, 0, len(steps))
	id := func(ref string) string { return or(full[ref], ref) }
	for _, s := range steps {
		if s.Op == "close" || s.Op == "update" && slices.Contains(s.args[1:], "status="+string(town.StatusClosed)) {
			c.closing = append(c.closing, id(s.args[0]))
		}
	}
	defer func() { c.closing = nil }()
	var bad batch
	for i, s := range steps {
		target, err := c.step(ctx, s, id, prefix, force)
		var faults *BatchError
		switch {
		case err != nil && !errors.As(err, &faults) && !errors.Is(err, town.ErrUsage) && !errors.Is(err, town.ErrBadBead):
			return nil, fmt.Errorf("line %d: %w", s.Line, err) // the database's, which ends the transaction
		case err != nil:
			bad.add(i, s.Line, "", unwrapBatch(err))
		}
		effects = append(effects, Effect{s.Line, s.Op, target})
	}
	if err := bad.err(); err != nil {
		return nil, err
	}
	return effects, nil
}

func (c *Change) step(ctx context.Context, s Step, id func(string) string, prefix string, force bool) (target string, err error) {
	switch s.Op {
	case "close":
		_, err = c.Close(ctx, []string{id(s.args[0])}, Closing{Reason: strings.Join(s.args[1:], " "), Force: force})
		return id(s.args[0]), err
	case "update":
		p := Patch{ID: id(s.args[0]), Guarded: !force}
		for _, pair := range s.args[1:] {
			if err := p.assign(pair); err != nil {
				return "", err
			}
		}
		_, err = c.Update(ctx, []Patch{p})
		return p.ID, err
	case "create":
		n := NewBead{Prefix: prefix}
		n.Title = strings.Join(s.args[2:], " ")
		if n.Type, err = town.TypeWord(s.args[0]); err != nil {
			return "", err
		}
		if n.Priority, err = town.ParsePriority(s.args[1]); err != nil {
			return "", err
		}
		made, err := c.Create(ctx, []NewBead{n})
		if err != nil {
			return "", err
		}
		return made[0].ID, nil
	}
	d := town.Dependency{Bead: id(s.args[0]), Target: id(s.args[1])}
	target = d.Bead + "->" + d.Target
	if s.Op == "dep.remove" {
		n, err := c.DepRemove(ctx, d.Bead, d.Target, "")
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: there is no such link", town.ErrBadBead)
		}
		return target, err
	}
	if len(s.args) > 2 {
		if d.Type, err = town.ParseDepType(s.args[2]); err != nil {
			return "", err
		}
	}
	_, err = c.DepAdd(ctx, []town.Dependency{d})
	return target, err
}

// assign reads KEY=VALUE into a patch.
func (p *Patch) assign(pair string) (err error) {
	key, value, ok := strings.Cut(pair, "=")
	if !ok {
		return fmt.Errorf("%w: %q is not KEY=VALUE", town.ErrUsage, town.Clip(pair, 40))
	}
	switch key {
	case "title":
		p.Title = &value
	case "assignee":
		p.Assignee = &value
	case "status":
		var s town.Status
		s, err = town.StatusWord(value)
		p.Status = &s
	case "priority":
		var n int
		n, err = town.ParsePriority(value)
		p.Priority = &n
	default:
		err = unknownField(key, []string{"status", "priority", "title", "assignee"})
	}
	return err
}
