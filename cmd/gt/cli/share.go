package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/sync/share"
	"gastown/town"
)

// shareOptions are those of gt federation share.
type shareOptions struct {
	app    *App
	name   string
	rig    string
	lists  struct{ types, labels, statuses, fields []string }
	redact []string
}

func (a *App) configureShare(fed *kingpin.CmdClause) {
	g := fed.Command("share", "Share records of the ledger, by rules. Without a rule nothing of it leaves.").HelpLong(examples(
		"gt federation share add bugs --type bug --label public     # say what",
		"gt federation share preview                                # see exactly what would leave",
		"gt federation push                                         # confirm and publish"))
	l := &shareOptions{app: a}
	a.add(g, "list", "List the rules.", examples("gt federation share list", "gt federation share list --json"), l.list).Default()

	n := &shareOptions{app: a}
	c := a.add(g, "add", "Add a rule. A bead must match everything it says; with several rules for a bead the fields of all leave, "+
		"and the redactions of all apply.",
		examples("gt federation share add bugs --type bug,task --status open --label public",
			"gt federation share add web --rig web --fields title,status,description --redact 'description=ACME-[0-9]+'"), n.add)
	c.Arg("name", "What to call it.").Required().PlaceHolder("NAME").StringVar(&n.name)
	c.Flag("rig", "Only beads of this rig: its name, or the prefix of its ids.").PlaceHolder("RIG").StringVar(&n.rig)
	c.Flag("type", "Only beads of one of these types.").Short('t').PlaceHolder("T,..").StringsVar(&n.lists.types)
	c.Flag("label", "Only beads with all of these labels.").Short('l').PlaceHolder("L,..").StringsVar(&n.lists.labels)
	c.Flag("status", "Only beads in one of these states.").Short('s').PlaceHolder("S,..").StringsVar(&n.lists.statuses)
	c.Flag("fields", "The fields that leave (default: "+strings.Join(share.Default, ",")+").").PlaceHolder("F,..").StringsVar(&n.lists.fields)
	c.Flag("redact", "Replace what matches a pattern (RE2) in a field; may be repeated.").PlaceHolder("FIELD=PATTERN").StringsVar(&n.redact)

	r := &shareOptions{app: a}
	c = a.add(g, "remove", "Remove a rule. What it shared is taken back at the next push; the repository's history keeps it.",
		examples("gt federation share remove bugs"), r.remove)
	c.Arg("name", "Its name.").Required().PlaceHolder("NAME").HintAction(a.hintRules).StringVar(&r.name)

	p := &shareOptions{app: a}
	a.add(g, "preview", "Show exactly the records and fields that would leave by the rules, and what is withheld and why.",
		examples("gt federation share preview", "gt federation share preview --json"), p.preview)
}

// hintRules completes the names of rules.
func (a *App) hintRules() (names []string) {
	t, err := a.find()
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

func (o *shareOptions) load() (*workplace, *share.File, error) {
	h, err := o.app.open()
	if err != nil {
		return nil, nil, err
	}
	f, err := share.Load(h.layout.Sharing())
	return h, f, err
}

func (o *shareOptions) list(context.Context) error {
	_, f, err := o.load()
	if err != nil {
		return err
	}
	return o.app.show(list(f.Rules), func(p *printer) {
		if len(f.Rules) == 0 {
			p.line("no rules: nothing of the ledger leaves this Town")
			return
		}
		var rows [][]string
		for _, r := range f.Rules {
			rows = append(rows, []string{r.Name, matchText(r), strings.Join(r.Fields, ","), redactText(r)})
		}
		p.table([]string{"NAME", "BEADS", "FIELDS", "REDACTED"}, rows)
	})
}

// matchText words which beads a rule is about.
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
		return "all"
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

// split takes lists joined by commas apart.
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
	return o.app.summary(r, func(p *printer) {
		p.line("rule %s added; gt federation share preview shows what would leave, the next push asks for it", r.Name)
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
	return o.app.summary(value, func(p *printer) {
		p.line("rule %s removed", o.name)
		p.line("  %s", withdrawn)
	})
}

// withdrawn is what people must know who take a rule away.
const withdrawn = "what only it shared is taken back at the next push, but the repository's history keeps it: " +
	"whoever could read it there still can"

// change runs fn with the rules locked, and saves them.
func (o *shareOptions) change(ctx context.Context, fn func(*share.File) error) (err error) {
	h, err := o.app.open()
	if err != nil {
		return err
	}
	unlock, err := o.app.lock(ctx, h.layout, "sharing")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	f, err := share.Load(h.layout.Sharing())
	if err != nil {
		return err
	}
	if err := fn(f); err != nil {
		return err
	}
	return f.Save()
}

func (o *shareOptions) preview(ctx context.Context) error {
	h, err := o.app.open()
	if err != nil {
		return err
	}
	p, err := h.engine.PreviewShare(ctx)
	if err != nil {
		return err
	}
	out := newSharePreview(p)
	return o.app.show(out, func(pr *printer) { out.say(pr, 0) })
}
