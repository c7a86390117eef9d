package refinery

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/refinery"
)

func logCommand(add adder) {
	add(shell.Command{
		Name: "log", Help: "Show the log of the check that decided about a request, or of any run by the log's name; without either, list the last runs.",
		Examples: []string{"gt refinery log web-a1", "gt refinery log 12", "gt refinery log --rig=web    # the last runs, also those that passed"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("request", "The number of the merge request, its bead, or the name of a log.").StringVar(&o.which)
		return o.log
	})
}

func (o *options) log(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	word := o.which
	if word == "" {
		return o.runs(ctx, h)
	}
	name, rigs := word, []string{o.rig}
	if !refinery.IsLog(word) {
		m, err := o.request(ctx, h, word)
		if err != nil {
			return err
		}
		if m.Detail.Log == "" {
			next := "gt refinery test " + m.Bead + " runs its checks"
			if !m.State.Open() {
				next = "gt refinery log --rig=" + m.Agent.Rig + " lists the last runs, also those that passed"
			}
			return town.Fail("show the log of "+m.Bead, next, "%w: no check decided against merge request %d: it is %s", town.ErrUsage, m.Epoch, m.State)
		}
		name, rigs = m.Detail.Log, []string{m.Agent.Rig}
	} else if o.rig == "" {
		rigs = nil
		settings, err := o.settings(h)
		if err != nil {
			return err
		}
		for _, s := range settings {
			rigs = append(rigs, s.Name)
		}
	}
	for _, r := range rigs {
		f, err := h.RefineryLogs(r).Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		defer f.Close()
		text, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		return o.call.Show(struct {
			Log  string `json:"log"`
			Text string `json:"text"`
		}{name, strings.ToValidUTF8(string(text), "\ufffd")}, func(p *term.Printer) { p.Text(string(text)) })
	}
	return town.Fail("show the log "+town.Clip(name, 100), "gt refinery test runs the checks again", "%w: it is not kept any more", town.ErrUsage)
}

// shownRuns is how many runs of checks are listed for each rig.
const shownRuns = 20

// runs lists the last run of each check and tree, the newest first.
func (o *options) runs(ctx context.Context, h *host.Host) error {
	settings, err := o.settings(h)
	if err != nil {
		return err
	}
	all := []operational.TestResult{}
	err = h.Rows(ctx, func(s *operational.Store) error {
		for _, r := range settings {
			some, err := s.LastTests(ctx, r.Name, shownRuns)
			if err != nil {
				return err
			}
			all = append(all, some...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return o.call.Show(all, func(p *term.Printer) {
		if len(all) == 0 {
			p.Line("no check has run")
			return
		}
		var rows [][]string
		for _, r := range all {
			rows = append(rows, []string{r.Log, r.Rig, r.Check, outcome(r), r.Tree[:min(len(r.Tree), 12)], o.call.Ago(r.At)})
		}
		p.Table([]string{"LOG", "RIG", "CHECK", "OUTCOME", "TREE", "RAN"}, rows)
	})
}

// outcome is how the last run of a check ended.
func outcome(r operational.TestResult) string {
	switch {
	case r.Passed, r.Fails+r.Broken+r.Interrupted == 0:
		return "passed"
	case r.Fails > 0:
		return "failed: " + r.Detail
	case r.Broken > 0:
		return "could not be run: " + r.Detail
	}
	return "interrupted"
}
