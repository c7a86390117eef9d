package federation

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/share"
	"gastown/town"
	"gastown/town/layout"
)

// shareOptions are the options of gt federation share.
type shareOptions struct {
	call   *shell.Call
	name   string
	rig    string
	lists  struct{ types, labels, statuses, fields []string }
	redact []string
}

func addShare(p *shell.Program, fed *kingpin.CmdClause) {
	g := fed.Command("share", "Share records of the ledger, by rules. Without a rule nothing of it leaves.").HelpLong(shell.Examples(
		"gt federation share add bugs --type bug --label public     # say what",
		"gt federation share preview                                # see exactly what would leave",
		"gt federation push                                         # confirm and publish"))
	p.Add(g, shell.Command{
		Name: "list", Default: true, Help: "List the rules.", Examples: []string{"gt federation share list", "gt federation share list --json"},
		Planes:     []string{layout.Ledger},
		Permission: shell.MayReadFederation, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return (&shareOptions{call: call}).list
		},
	})
	p.Add(g, shell.Command{
		Name: "add", Help: "Add a rule. A bead must match everything it says; with several rules for a bead the fields of all leave, " +
			"and the redactions of all apply.",
		Examples: []string{
			"gt federation share add bugs --type bug,task --status open --label public",
			"gt federation share add web --rig web --fields title,status,description --redact 'description=ACME-[0-9]+'",
		},
		Planes:     []string{layout.Ledger},
		Permission: shell.MayWriteFederation, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &shareOptions{call: call}
			c.Arg("name", "What to call it.").Required().PlaceHolder("NAME").StringVar(&o.name)
			c.Flag("rig", "Only beads of this rig: its name, or the prefix of its ids.").PlaceHolder("RIG").StringVar(&o.rig)
			c.Flag("type", "Only beads of one of these types.").Short('t').PlaceHolder("T,..").StringsVar(&o.lists.types)
			c.Flag("label", "Only beads with all of these labels.").Short('l').PlaceHolder("L,..").StringsVar(&o.lists.labels)
			c.Flag("status", "Only beads in one of these states.").Short('s').PlaceHolder("S,..").StringsVar(&o.lists.statuses)
			c.Flag("fields", "The fields that leave (default: "+strings.Join(share.Default, ",")+").").PlaceHolder("F,..").StringsVar(&o.lists.fields)
			c.Flag("redact", "Replace what matches a pattern (RE2) in a field; may be repeated.").PlaceHolder("FIELD=PATTERN").StringsVar(&o.redact)
			return o.add
		},
	})
	p.Add(g, shell.Command{
		Name: "remove", Help: "Remove a rule. What it shared is taken back at the next push; the repository's history keeps it.",
		Examples:   []string{"gt federation share remove bugs"},
		Permission: shell.MayWriteFederation, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &shareOptions{call: call}
			c.Arg("name", "Its name.").Required().PlaceHolder("NAME").HintAction(hintRules(call)).StringVar(&o.name)
			return o.remove
		},
	})
	p.Add(g, shell.Command{
		Name: "preview", Help: "Show exactly the records and fields that would leave by the rules, and what is withheld and why.",
		Examples: []string{"gt federation share preview", "gt federation share preview --json"},
		Planes:   []string{layout.Federation, layout.Ledger}, Permission: shell.MayReadFederation, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action { return (&shareOptions{call: call}).preview },
	})
}

// hintRules completes the names of rules.
func hintRules(call *shell.Call) kingpin.HintAction {
	return func() (names []string) {
		t, err := call.FindTown()
		if err != nil {
			return nil
		}
		f, err := share.Load(t.Sharing())
		if err != nil {
			return nil
		}
		for _, r := range f.Rules {
			names = append(names, r.Name)
		}
		return names
	}
}

func (o *shareOptions) load() (*target, *share.File, error) {
	h, err := open(o.call)
	if err != nil {
		return nil, nil, err
	}
	f, err := share.Load(h.Layout.Sharing())
	return h, f, err
}

// listedRule is a rule for printing.
type listedRule struct {
	share.Rule
	// Everything says that the rule has no condition.
	Everything bool `json:"everything,omitempty"`
	// Warnings say what may not be meant.
	Warnings []string `json:"warnings,omitempty"`
}

func (o *shareOptions) list(ctx context.Context) error {
	h, f, err := o.load()
	if err != nil {
		return err
	}
	warnings := o.warnings(ctx, h)
	out := []listedRule{}
	for _, r := range f.Rules {
		l := listedRule{Rule: r, Everything: r.Everything()}
		for _, w := range warnings {
			if w.Rule == r.Name {
				l.Warnings = append(l.Warnings, w.What)
			}
		}
		out = append(out, l)
	}
	return o.call.Show(out, func(p *term.Printer) {
		if len(f.Rules) == 0 {
			p.Line("no rules: nothing of the ledger leaves this Town")
			return
		}
		var rows [][]string
		for _, r := range f.Rules {
			rows = append(rows, []string{r.Name, matchText(r), strings.Join(r.Fields, ","), redactText(r)})
		}
		p.Table([]string{"NAME", "BEADS", "FIELDS", "REDACTED"}, rows)
		printWarnings(p, warnings)
	})
}

// warnings tells what the rules may say that was not meant. A ledger that cannot be
// read now does not keep the rules from being shown.
func (o *shareOptions) warnings(ctx context.Context, h *target) []share.Warning {
	all, err := h.engine.WarnShare(ctx)
	if err != nil {
		o.call.Hint("the rules are not compared with the ledger: %s", shell.Message(err))
	}
	return all
}

// matchText describes which beads a rule selects.
func matchText(r share.Rule) string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	add("rig", r.Rig)
	add("type", joinWords(r.Types))
	add("status", joinWords(r.Statuses))
	add("label", strings.Join(r.Labels, "+"))
	if len(parts) == 0 {
		return "every bead"
	}
	return strings.Join(parts, " ")
}

func redactText(r share.Rule) string {
	var parts []string
	for _, red := range r.Redact {
		parts = append(parts, red.Field+"="+red.Pattern)
	}
	return strings.Join(parts, " ")
}

func joinWords[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = string(w)
	}
	return strings.Join(words, ",")
}

// split splits each value at its commas.
func split[T ~string](lists []string) (all []T) {
	for _, l := range lists {
		for part := range strings.SplitSeq(l, ",") {
			if part = strings.TrimSpace(part); part != "" {
				all = append(all, T(part))
			}
		}
	}
	return all
}

func (o *shareOptions) add(ctx context.Context) error {
	r := share.Rule{
		Name: o.name, Rig: o.rig, Types: split[town.BeadType](o.lists.types), Statuses: split[town.Status](o.lists.statuses),
		Labels: split[string](o.lists.labels), Fields: split[string](o.lists.fields),
	}
	for _, text := range o.redact {
		red, err := share.ParseRedaction(text)
		if err != nil {
			return err
		}
		r.Redact = append(r.Redact, red)
	}
	if err := r.Normalise(); err != nil {
		return err
	}
	err := o.change(ctx, func(f *share.File) error {
		err := f.Add(r)
		if errors.Is(err, share.ErrExists) {
			return town.Fail("add rule "+r.Name, "remove it first, or choose another name", "%w: %w", town.ErrRefused, err)
		}
		return err
	})
	if err != nil {
		return err
	}
	h, err := open(o.call)
	if err != nil {
		return err
	}
	warnings := slices.DeleteFunc(o.warnings(ctx, h), func(w share.Warning) bool { return w.Rule != r.Name })
	return o.call.Summary(r, func(p *term.Printer) {
		printWarnings(p, warnings)
		p.Line("rule %s added; gt federation share preview shows what would leave, the next push asks for it", r.Name)
	})
}

func (o *shareOptions) remove(ctx context.Context) error {
	err := o.change(ctx, func(f *share.File) error {
		err := f.Remove(o.name)
		if errors.Is(err, share.ErrNone) {
			return town.Fail("remove rule "+town.Clip(o.name, 64), "gt federation share list shows them", "%w: %w", town.ErrUsage, err)
		}
		return err
	})
	if err != nil {
		return err
	}
	value := struct {
		Removed string `json:"removed"`
		Note    string `json:"note"`
	}{o.name, withdrawn}
	return o.call.Summary(value, func(p *term.Printer) {
		p.Line("rule %s removed", o.name)
		p.Line("  %s", withdrawn)
	})
}

// withdrawn tells a person who removed a rule what happens next.
const withdrawn = "what only it shared is taken back at the next push (which asks if no rule is left), but the repository's history keeps it: " +
	"whoever could read it there still can"

// change runs fn with the rules locked, and saves them.
func (o *shareOptions) change(ctx context.Context, fn func(*share.File) error) (err error) {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	unlock, err := o.call.Lock(ctx, h.Layout, "sharing")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	f, err := share.Load(h.Layout.Sharing())
	if err != nil {
		return err
	}
	if err := fn(f); err != nil {
		return err
	}
	return f.Save()
}

func (o *shareOptions) preview(ctx context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	p, err := h.engine.PreviewShare(ctx)
	if err != nil {
		return err
	}
	out := newSharePreview(p)
	return o.call.Show(out, func(pr *term.Printer) { out.print(pr, 0) })
}
