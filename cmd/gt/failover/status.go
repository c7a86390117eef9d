// Package failover is the command group gt town: which directory is the active one of the
// Town, and how another one takes its place.
package failover

import (
	"context"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/instance"
	"gastown/town/layout"
)

// options are the options of the group.
type options struct {
	call *shell.Call
	// of, key and dir are for gt town standby, force is for gt town promote.
	of, key, dir string
	force        bool
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("town", "Which directory is the Town's active one, and how another one takes its place.").HelpLong(shell.Examples(
		"gt town status", "gt town standby --of /mnt/backups ~/gt", "gt town promote --force"))
	p.Add(g, shell.Command{
		Name: "status", Default: true, Help: "Say what this directory is to its Town: active, standby or fenced, and in which epoch.",
		Examples: []string{"gt town status", "gt town status --json"},
		Planes:   []string{layout.Federation}, Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action { return (&options{call: call}).status },
	})
	p.Add(g, standbyCommand())
	p.Add(g, promoteCommand())
}

// statusResult is what gt town status prints.
type statusResult struct {
	Town   string        `json:"town"`
	TownID string        `json:"town_id"`
	Path   string        `json:"path"`
	Role   instance.Role `json:"role"`
	// Epoch is the highest one of the Town that is known here.
	Epoch    uint64 `json:"epoch"`
	Instance string `json:"instance"`
	// Active is the instance that speaks for the Town, as far as is known here: "none"
	// when the last one stepped down, empty when the registry names none yet.
	Active  string            `json:"active"`
	Standby *instance.Standby `json:"standby,omitempty"`
	// Damaged: the note of this directory was damaged, so it does not act until a person decides.
	Damaged bool `json:"damaged,omitempty"`
	// Behind is the age of the backup that a standby has restored, in seconds. Remotes are
	// those of the federation, with when each was last asked.
	Behind  float64  `json:"behind_seconds,omitempty"`
	Remotes []remote `json:"remotes"`
}

type remote struct {
	Name     string    `json:"name"`
	Verified time.Time `json:"verified,omitzero"`
}

func (o *options) status(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	engine := h.Engine(host.EngineOptions{})
	in, err := engine.Instance(ctx)
	if err != nil {
		return err
	}
	out := statusResult{
		Town: h.Config.Town.Name, TownID: string(h.Config.Town.ID), Path: h.Layout.Root, Role: in.Role(), Epoch: in.Epoch,
		Instance: in.Instance, Active: in.Entry.Instance, Standby: in.Standby, Damaged: in.Damaged, Remotes: []remote{},
	}
	if in.Other != "" {
		out.Active = in.Other
		if out.Role == instance.Active {
			out.Role = instance.Fenced // the registry says so, and the note not yet
		}
	}
	if s := out.Standby; s != nil && !s.Taken.IsZero() {
		out.Behind = o.call.Now().Sub(s.Taken).Seconds()
	}
	contacts, err := engine.Contacts(h.Remotes())
	for _, c := range contacts {
		out.Remotes = append(out.Remotes, remote{c.Name, c.Verified})
	}
	if err != nil {
		return err
	}
	return o.call.Show(out, func(p *term.Printer) { out.print(p, o.call) })
}

func (out statusResult) print(p *term.Printer, call *shell.Call) {
	switch out.Role {
	case instance.Active:
		p.Styled(term.Good, "Town %s is active in %s, epoch %d", out.Town, out.Path, out.Epoch)
	case instance.OnStandby:
		p.Styled(term.Head, "%s stands by for Town %s, epoch %d", out.Path, out.Town, out.Epoch)
	case instance.Fenced:
		if out.Damaged {
			p.Styled(term.Bad, "%s is fenced: %s", out.Path, instance.Note{Damaged: true}.Fence())
			break
		}
		p.Styled(term.Bad, "%s is fenced: Town %s goes on in another directory, epoch %d", out.Path, out.Town, out.Epoch)
	}
	switch out.Active {
	case out.Instance, "":
	case federate.Nobody:
		p.Line("  active    none: the last one stepped down")
	default:
		p.Line("  active    instance %s", town.Clip(out.Active, 8))
	}
	if s := out.Standby; s != nil {
		printStandby(p, call, s)
	}
	for _, r := range out.Remotes {
		when := "never"
		if !r.Verified.IsZero() {
			when = call.Ago(r.Verified)
		}
		p.Line("  %-9s asked %s", r.Name, when)
	}
	if out.Role == instance.Fenced {
		p.Line("  nothing is published from here, and no controller runs; what is only here stays")
		p.Line("  to hand it over: gt polecat nuke RIG/NAME for each sandbox, bd export --all --output FILE, and copies of edited documents")
		p.Line("  to let the Town go on here: gt federation instance continue")
	}
}

func printStandby(p *term.Printer, call *shell.Call, s *instance.Standby) {
	p.Line("  of        %s", s.Of)
	if s.Taken.IsZero() {
		p.Line("  has       nothing yet")
	} else {
		p.Line("  has       everything until %s (%s)", s.Taken.Format(time.RFC3339), call.Ago(s.Taken))
	}
	if !s.Looked.IsZero() {
		p.Line("  looked    %s", call.Ago(s.Looked))
	}
	if s.Error != "" {
		p.Styled(term.Warn, "  failed    %s: %s", call.Ago(s.Failed), town.Clip(s.Error, 500))
	}
	if s.Promoting {
		p.Styled(term.Warn, "  a promotion was interrupted; it goes on with gt town promote, and is given up with gt town standby --of PLACE")
	}
}
