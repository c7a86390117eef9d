package rig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/gitcmd"
	"gastown/town/rig"
)

func listCommand() shell.Command {
	return shell.Command{
		Name: "list", Help: "Show the rigs.", Examples: []string{"gt rig list", "gt rig list --json"},
		Permission: shell.MayReadRig, Repeatable: true, Default: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return (&rigOptions{call: call}).list
		},
	}
}

// listed is a line of gt rig list.
type listed struct {
	rig.Settings
	Cloned   bool `json:"cloned"`
	Polecats int  `json:"polecats"`
	Crew     int  `json:"crew"`
}

func (o *rigOptions) list(context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	all, err := h.Rigs().Load()
	if err != nil {
		return err
	}
	rigs := []listed{}
	for _, s := range all {
		l := listed{Settings: s}
		r, err := h.Rigs().Open(s.Name)
		if err == nil {
			l.Cloned = true
			polecats, perr := r.Sandboxes(rig.Polecats)
			crew, cerr := r.Sandboxes(rig.Crew)
			l.Polecats, l.Crew, err = len(polecats), len(crew), errors.Join(perr, cerr)
		}
		if err != nil && !errors.Is(err, gitcmd.ErrNotFound) {
			return err
		}
		rigs = append(rigs, l)
	}
	return o.call.Show(rigs, func(p *term.Printer) {
		if len(rigs) == 0 {
			p.Line("no rigs; add one: gt rig add NAME URL")
			return
		}
		var rows [][]string
		for _, l := range rigs {
			url := gitcmd.Redact(l.URL)
			if !l.Cloned {
				url += " (not cloned: gt rig add " + l.Name + " " + url + ")"
			}
			rows = append(rows, []string{l.Name, l.Prefix, l.Branch, string(l.Merge), strconv.Itoa(len(l.Checks)), strconv.Itoa(l.Polecats), strconv.Itoa(l.Crew), url})
		}
		p.Table([]string{"RIG", "PREFIX", "BRANCH", "MERGE", "CHECKS", "POLECATS", "CREW", "FROM"}, rows)
	})
}

func statusCommand() shell.Command {
	return shell.Command{
		Name: "status", Help: "Show a rig: its clone, its checks, and what each sandbox holds that the remote does not have.",
		Examples:   []string{"gt rig status", "gt rig status web", "gt rig status web --json"},
		Permission: shell.MayReadRig, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &rigOptions{call: call}
			c.Arg("name", "The rig (default: all).").StringVar(&o.name)
			return o.status
		},
	}
}

func (o *rigOptions) status(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	yard := h.Rigs()
	var all []rig.Settings
	if o.name != "" {
		one, err := yard.Find(o.name)
		if err != nil {
			return err
		}
		all = append(all, one)
	} else if all, err = yard.Load(); err != nil {
		return err
	}
	found := []rig.Status{}
	for _, s := range all {
		r, err := yard.Open(s.Name)
		if errors.Is(err, gitcmd.ErrNotFound) {
			found = append(found, rig.Status{Settings: s, Tested: len(s.Checks) > 0, Sandboxes: []rig.SandboxStatus{}})
			continue
		}
		if err != nil {
			return err
		}
		o.call.Progress().Step("looking at "+s.Name, 0, 0, "")
		st, err := r.Status(ctx)
		if err != nil {
			return err
		}
		found = append(found, st)
	}
	return o.call.Show(found, func(p *term.Printer) {
		if len(found) == 0 {
			p.Line("no rigs; add one: gt rig add NAME URL")
		}
		for i, st := range found {
			if i > 0 {
				p.Line("")
			}
			showStatus(p, st)
		}
	})
}

func showStatus(p *term.Printer, st rig.Status) {
	p.Line("%s  %s", st.Name, gitcmd.Redact(st.URL))
	if !st.Cloned {
		p.Line("  clone    missing; make it again: gt rig add %s %s", st.Name, gitcmd.Redact(st.URL))
		return
	}
	p.Line("  branch   %s at %s, last asked %s", st.Branch, cmp.Or(st.Head[:min(len(st.Head), 12)], "nothing"), cmp.Or(st.Fetched, "never"))
	p.Line("  lands    %s", map[rig.Merge]string{rig.MergeDirect: "by a push", rig.MergePR: "by a pull request", rig.MergeLocal: "in the clone; there is no remote"}[st.Merge])
	if !st.Tested {
		p.Line("  checks   none: nothing is tested before a change lands")
	}
	for _, c := range st.Checks {
		p.Line("  check    %s: %q within %s", c.Name, c.Command, c.Within())
	}
	p.Line("  pool     %d of %d ready", st.PoolReady, st.Pool)
	for _, lost := range st.Lost {
		p.Line("  aside    %s: it was no sandbox of this rig", lost)
	}
	var rows [][]string
	for _, s := range st.Sandboxes {
		holds := "nothing unsaved"
		switch {
		case s.Problem != "":
			holds = s.Problem
		case s.Unsaved.Held():
			holds = "unsaved: " + s.Unsaved.String()
		case s.Unsaved.Rescue != "":
			holds = fmt.Sprintf("rescued to %s", s.Unsaved.Rescue)
		}
		rows = append(rows, []string{"  " + s.Address(), cmp.Or(s.Branch, "(detached)"), holds})
	}
	if len(rows) > 0 {
		p.Table([]string{"  SANDBOX", "BRANCH", "HOLDS"}, rows)
	}
}
