// Package access is gt access: who may do what in the Town, and why.
package access

import (
	"context"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/gate"
	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/access"
	"gastown/town/layout"
)

// options are those of the commands of this package.
type options struct {
	call         *shell.Call
	user, action string
	actions      bool
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("access", "Who may do what in the Town, as config/access.yaml says.").HelpLong(shell.Examples(
		"gt access list", "gt access check contractor@example.com polecat:nuke"))
	p.Add(g, shell.Command{
		Name: "list", Default: true, Help: "List the users with what they may do, and say whether config/access.yaml is in force. The exit code is 1 if that file is wrong.",
		Examples:   []string{"gt access list", "gt access list --json", "gt access list --actions    # what a permission can be about"},
		Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			c.Flag("actions", "List the actions instead, with the commands that need each.").BoolVar(&o.actions)
			return o.list
		},
	})
	p.Add(g, shell.Command{
		Name: "check", Help: "Say whether somebody may do something, and what decides it. The exit code is 5 for no.",
		Examples: []string{
			"gt access check contractor@example.com polecat:nuke", "gt access check login:bob rig:read --json",
			"gt access check web/polecats/amber polecat:sling    # an agent", "gt access check town:beta enter:role/mayor        # what arrives from another Town",
		},
		Planes: []string{layout.Federation}, Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			c.Arg("user", "An email address of config/access.yaml, login:NAME, the address of an agent, or town:NAME.").
				Required().PlaceHolder("USER").HintAction(o.users).StringVar(&o.user)
			c.Arg("action", "AREA:ACTION; gt access list --actions shows them.").
				Required().PlaceHolder("ACTION").HintAction(func() []string { return access.Actions }).StringVar(&o.action)
			return o.check
		},
	})
}

// policy is what is in force. Its error says what is wrong with the file.
func (o *options) policy() (p *access.Policy, fault, err error) {
	t, err := o.call.FindTown()
	if err != nil {
		return nil, nil, err
	}
	if o.call.Gate == nil {
		return access.Absent(), nil, nil
	}
	p, fault = o.call.Gate.Policy(t)
	return p, fault, nil
}

// users completes users.
func (o *options) users() (all []string) {
	p, _, err := o.policy()
	if err != nil {
		return nil
	}
	for _, u := range p.Users() {
		if u.Town != "" {
			all = append(all, townPrefix+u.Town)
			continue
		}
		all = append(all, u.Email)
	}
	return all
}

// The prefixes of what gt access check takes beside email addresses.
const (
	loginPrefix = "login:"
	townPrefix  = "town:"
)

func (o *options) check(ctx context.Context) error {
	if err := access.CheckAction(o.action); err != nil {
		return err
	}
	p, fault, err := o.policy()
	if err != nil {
		return err
	}
	d, err := o.decide(ctx, p)
	if err != nil {
		return err
	}
	err = o.call.Show(d, func(out *term.Printer) {
		word := "yes"
		if !d.Allowed {
			word = "no"
		}
		out.Line("%s: %s", word, d.Reason)
	})
	if fault != nil {
		o.call.Hint("%s", shell.Message(fault))
	}
	if err == nil && !d.Allowed {
		err = shell.Shown(town.ErrRefused)
	}
	return err
}

func (o *options) decide(ctx context.Context, p *access.Policy) (access.Decision, error) {
	if login, ok := strings.CutPrefix(o.user, loginPrefix); ok && login != "" {
		l, err := o.local(p, login)
		return p.MayLocal(l, o.action), err
	}
	if _, name, prefixed := strings.Cut(o.user, ":"); prefixed && name == "" {
		return access.Decision{}, town.Fail("check what somebody may do", "gt access list shows the users", "%w: %s names nobody", town.ErrUsage, town.Typed(o.user))
	}
	if writer, ok := strings.CutPrefix(o.user, townPrefix); ok {
		kind, name, ok := access.Entering(o.action)
		if !ok {
			return access.Decision{}, town.Fail("check what the Town may write", "gt access check "+o.user+" enter:role/mayor",
				"%w: %s is for commands; what arrives from a Town is enter:KIND/NAME", town.ErrUsage, o.action)
		}
		return o.entering(ctx, writer, kind, name)
	}
	if a, err := town.ParseAddress(o.user); err == nil {
		d := access.MayAgent(a.Kind, o.action)
		d.Who = a.String()
		return d, nil
	}
	return p.May(o.user, o.action), nil
}

// entering says what a Town may write here.
func (o *options) entering(ctx context.Context, writer, kind, name string) (access.Decision, error) {
	h, err := host.Open(o.call)
	if err != nil {
		return access.Decision{}, err
	}
	d, known, err := h.MayEnter(ctx, writer, kind, name)
	if err == nil && !known {
		o.call.Hint("no Town %s is in the registry: this is what one of that name could do", town.Clip(writer, 64))
	}
	return d, err
}

// local is a user of this machine, as the Deacon and a command that runs alone would see a
// process of theirs. One whom the machine does not know is nobody but the name.
func (o *options) local(p *access.Policy, login string) (access.Local, error) {
	t, err := o.call.FindTown()
	if err != nil {
		return access.Local{}, err
	}
	if id, err := strconv.Atoi(login); err == nil {
		return gate.Local(t, p, id), nil
	}
	if u, err := user.Lookup(login); err == nil {
		if id, err := strconv.Atoi(u.Uid); err == nil {
			return gate.Local(t, p, id), nil
		}
	}
	return access.Local{Login: login, ID: -1}, nil
}

// listed is the policy for printing.
type listed struct {
	State access.State `json:"state"`
	// Problem says what is wrong with the file; "" for nothing.
	Problem string       `json:"problem,omitempty"`
	Users   []listedUser `json:"users"`
}

type listedUser struct {
	Email        string   `json:"email,omitempty"`
	Town         string   `json:"town,omitempty"`
	Login        string   `json:"login,omitempty"`
	Role         string   `json:"role"`
	Permissions  []string `json:"permissions"`
	Restrictions []string `json:"restrictions"`
	Line         int      `json:"line"`
}

func (o *options) list(context.Context) error {
	if o.actions {
		return o.listActions()
	}
	p, fault, err := o.policy()
	if err != nil {
		return err
	}
	out := listed{State: p.State(), Users: []listedUser{}}
	if fault != nil {
		out.Problem = shell.Message(fault)
	}
	for _, u := range p.Users() {
		out.Users = append(out.Users, listedUser{u.Email, u.Town, u.Login, u.Role, u.Permissions(), u.Restrictions(), u.Line})
	}
	err = o.call.Show(out, func(pr *term.Printer) {
		switch {
		case fault != nil && p.State() == access.InForce:
			pr.Styled(term.Bad, "config/access.yaml is wrong, and its last right version is in force: %s", out.Problem)
		case fault != nil:
			pr.Styled(term.Bad, "config/access.yaml is wrong, and only the Town's owner may use the Town: %s", out.Problem)
		case p.State() == access.NoFile:
			pr.Line("There is no config/access.yaml: the Town's owner may do everything, nobody else anything.")
		case len(p.Users()) == 0:
			pr.Line("config/access.yaml has no users: the Town's owner may do everything, nobody else anything.")
		}
		var rows [][]string
		for _, u := range p.Users() {
			rows = append(rows, []string{u.Name(), u.Role, u.Login, strings.Join(u.Permissions(), " "), strings.Join(u.Restrictions(), " ")})
		}
		if len(rows) > 0 {
			pr.Table([]string{"USER", "ROLE", "LOGIN", "MAY", "MAY NOT"}, rows)
		}
	})
	if err == nil && fault != nil {
		err = shell.Shown(nil)
	}
	return err
}

// action is one of access.Actions for printing.
type action struct {
	Action   string   `json:"action"`
	Commands []string `json:"commands"`
	// Polecats says whether polecats may.
	Polecats bool `json:"polecats"`
}

func (o *options) listActions() error {
	needed := map[string][]string{}
	for program, describe := range o.call.Programs {
		for name, c := range describe(&shell.Invocation{Now: o.call.Now}).Table() {
			if c.Hidden {
				continue
			}
			needed[c.Permission] = append(needed[c.Permission], program+" "+name)
			if w := c.WritePermission; w != "" && w != c.Permission {
				needed[w] = append(needed[w], program+" "+name+" (with some flags)")
			}
		}
	}
	all := []action{}
	for _, a := range access.Actions {
		all = append(all, action{a, slices.Sorted(slices.Values(needed[a])), access.MayAgent(town.Polecat, a).Allowed})
	}
	return o.call.Show(all, func(p *term.Printer) {
		for _, a := range all {
			note := ""
			if !a.Polecats {
				note = "   (not for polecats)"
			}
			p.Styled(term.Head, "%s%s", a.Action, note)
			p.Wrapped("", "  ", strings.Join(a.Commands, ", "))
		}
		p.Styled(term.Head, "enter:KIND/NAME")
		p.Wrapped("", "  ", "a document or record that arrives from another Town, such as enter:role/mayor")
	})
}
