package federation

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/federation"
	"gastown/town"
	"gastown/town/layout"
)

// townsOptions are the options of gt federation towns.
type townsOptions struct {
	call *shell.Call
	all  bool
	// forget and remember are a Town's name or id.
	forget, remember string
}

// member is a Town for printing.
type member struct {
	federation.Member
	Self bool `json:"self"`
	// Fingerprint is that of the Town's key; empty where the Town has none.
	Fingerprint string `json:"fingerprint"`
	// Trusted: what it signs may come into force here. Pinned is the fingerprint that a
	// person asked for; empty where nobody did.
	Trusted bool   `json:"trusted"`
	Pinned  string `json:"pinned"`
	// Forgotten: only --all lists it.
	Forgotten bool `json:"forgotten"`
}

func townsCommand() shell.Command {
	return shell.Command{
		Name: "towns", Help: "List the Towns of the federation.",
		Examples: []string{
			"gt federation towns", "gt federation towns --json", "gt federation towns --all",
			"gt federation towns --forget harbour      # do not list a Town that is gone; only here",
		},
		// --forget decides for the whole Town.
		Planes: []string{layout.Federation}, Permission: shell.MayReadFederation, Repeatable: true,
		WritesWith: []string{"forget", "remember"}, WritePermission: shell.MayWriteFederation,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &townsOptions{call: call}
			c.Flag("all", "List forgotten Towns too.").Short('a').BoolVar(&o.all)
			c.Flag("forget", "Hide a Town here, by name or id, and what it shares, until it writes into the registry again.").
				PlaceHolder("TOWN").HintAction(o.hint(false)).StringVar(&o.forget)
			c.Flag("remember", "Show a forgotten Town again.").PlaceHolder("TOWN").HintAction(o.hint(true)).StringVar(&o.remember)
			return o.run
		},
	}
}

func (o *townsOptions) run(ctx context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	all, err := h.members(ctx)
	if err != nil {
		return err
	}
	switch {
	case o.forget != "" && o.remember != "":
		return town.Fail("change which Towns are shown", "give one of the two", "%w: --forget and --remember exclude each other", town.ErrUsage)
	case o.forget != "":
		return o.change(ctx, h, all, o.forget, true)
	case o.remember != "":
		return o.change(ctx, h, all, o.remember, false)
	}
	out := []member{}
	for _, m := range all {
		if o.all || !m.Forgotten {
			out = append(out, m)
		}
	}
	hidden := len(all) - len(out)
	return o.call.Show(out, func(p *term.Printer) {
		if len(all) == 0 {
			p.Line("no Town is registered: that happens with gt federation init or join")
			return
		}
		var rows [][]string
		for _, m := range out {
			rows = append(rows, []string{cmp.Or(m.Name, "-"), string(m.ID), cmp.Or(m.Fingerprint, "no key"), strconv.FormatUint(m.Revision, 10), m.remark()})
		}
		p.Table([]string{"NAME", "ID", "FINGERPRINT", "REVISION", ""}, rows)
		if hidden > 0 {
			p.Line("%s forgotten here; --all lists them", term.Plural(hidden, "Town is", "Towns are"))
		}
	})
}

// remark says what is special about a Town.
func (m member) remark() string {
	var all []string
	if m.Name == "" {
		all = append(all, "not in the registry")
	}
	if m.Left {
		all = append(all, "left")
	}
	if m.Forgotten {
		all = append(all, "forgotten here")
	}
	if !m.Trusted {
		all = append(all, "not trusted")
	} else if m.Pinned != "" {
		all = append(all, "trusted")
	}
	if m.Self {
		all = append(all, "this Town")
	}
	return strings.Join(all, ", ")
}

// members lists the registry.
func (h *target) members(ctx context.Context) (out []member, err error) {
	forgotten, err := h.Forgotten()
	if err != nil {
		return nil, err
	}
	trust, err := h.Trust()
	if err != nil {
		return nil, err
	}
	err = h.engine.Read(ctx, func(s *federation.Store) error {
		all, prints, err := host.KnownTowns(ctx, s)
		for _, m := range all {
			d, decided := trust[m.ID]
			out = append(out, member{
				Member: m, Self: m.ID == h.Config.Town.ID, Fingerprint: prints[m.ID], Forgotten: forgotten.Hides(m),
				Trusted: d.Trusted || !decided, Pinned: d.Fingerprint,
			})
		}
		return err
	})
	return out, err
}

// change hides a Town, or shows it again.
func (o *townsOptions) change(ctx context.Context, h *target, all []member, name string, hide bool) error {
	verb := "remember"
	if hide {
		verb = "forget"
	}
	op := verb + " Town " + town.Clip(name, 64)
	m, err := named(op, all, name)
	if err != nil {
		return err
	}
	if hide && m.Self {
		return town.Fail(op, "gt federation leave ends the exchange with a remote", "%w: it is this Town", town.ErrRefused)
	}
	err = h.ChangeForgotten(ctx, func(f host.Forgotten) {
		if delete(f, m.ID); hide {
			f[m.ID] = m.Revision
		}
	})
	if err != nil {
		return err
	}
	m.Forgotten = hide
	return o.call.Summary(m, func(p *term.Printer) {
		if hide {
			p.Line("Town %s (%s) is forgotten here until it writes into the registry again", m.Name, m.ID)
		} else {
			p.Line("Town %s (%s) is shown here", m.Name, m.ID)
		}
	})
}

// named finds the Town with a name or an id.
func named(op string, all []member, name string) (member, error) {
	entries := make([]federation.Member, len(all))
	for i, m := range all {
		entries[i] = m.Member
	}
	found, err := host.RegisteredTown(op, entries, name)
	if err != nil {
		return member{}, err
	}
	return all[slices.IndexFunc(all, func(m member) bool { return m.ID == found.ID })], nil
}

// hint completes names of other Towns, of those that are forgotten or of those that
// are not.
func (o *townsOptions) hint(forgotten bool) kingpin.HintAction {
	return func() (names []string) {
		h, err := open(o.call)
		if err != nil {
			return nil
		}
		all, err := h.members(context.Background())
		for _, m := range all {
			if err == nil && !m.Self && m.Forgotten == forgotten {
				names = append(names, cmp.Or(m.Name, string(m.ID)))
			}
		}
		return names
	}
}

// townNames maps the registry's ids to names. A name that several Towns have comes with
// the fingerprint of the key, which only one has.
func townNames(ctx context.Context, s *federation.Store) (map[town.ID]string, error) {
	members, err := s.Towns(ctx)
	if err != nil {
		return nil, err
	}
	count := map[string]int{}
	for _, m := range members {
		count[m.Name]++
	}
	prints, err := s.Fingerprints(ctx)
	all := make(map[town.ID]string, len(members))
	for _, m := range members {
		if all[m.ID] = m.Name; count[m.Name] > 1 {
			all[m.ID] += " (" + federation.ShortFingerprint(prints[m.ID]) + ")"
		}
	}
	return all, err
}

// townName is a Town's name, or the start of its id if it has no name.
func townName(all map[town.ID]string, id town.ID) string {
	if name := all[id]; name != "" {
		return name
	}
	if id == "" {
		return "-"
	}
	return short(string(id))
}
