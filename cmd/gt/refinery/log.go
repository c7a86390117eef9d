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
	"gastown/town"
	"gastown/town/refinery"
)

func logCommand(add adder) {
	add(shell.Command{
		Name: "log", Help: "Show the log of the check that decided about a request, or of any run by the log's name.",
		Examples: []string{"gt refinery log web-a1", "gt refinery log 12"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("request", "The number of the merge request, its bead, or the name of a log.").Required().StringsVar(&o.requests)
		return o.log
	})
}

func (o *options) log(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	word := o.requests[0]
	name, rigs := word, []string{o.rig}
	if !refinery.IsLog(word) {
		m, err := o.request(ctx, h, word)
		if err != nil {
			return err
		}
		if m.Detail.Log == "" {
			return town.Fail("show the log of "+m.Bead, "gt refinery test "+m.Bead+" runs its checks", "%w: no check decided about merge request %d", town.ErrUsage, m.Epoch)
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
