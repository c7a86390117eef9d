package federation

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/federation"
	"gastown/town"
	"gastown/town/layout"
)

// defaultLog is how many commits gt federation log lists.
const defaultLog = 20

// historyOptions are the options of log, show and restore.
type historyOptions struct {
	call    *shell.Call
	what    string
	number  int
	history bool
}

// pastText is federation.Past for printing. Only gt federation show has the Text.
type pastText struct {
	Document string `json:"document"`
	Version  string `json:"version,omitempty"`
	Digest   string `json:"digest"`
	State    string `json:"state"`
	InForce  bool   `json:"in_force"`
	Town     string `json:"town,omitempty"`
	Author   string `json:"author,omitempty"`
	Text     string `json:"text,omitempty"`
}

func logCommand() shell.Command {
	return shell.Command{
		Name: "log", Help: "List what was recorded, newest first; of one document where it is named.",
		Examples: []string{"gt federation log", "gt federation log -n 5 role/mayor"},
		Planes:   []string{layout.Federation}, Permission: shell.MayReadFederation, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &historyOptions{call: call}
			shell.Number(c.Flag("number", "How many commits.").Short('n').Default(strconv.Itoa(defaultLog)).PlaceHolder("N"), &o.number)
			c.Arg("document", "KIND/NAME.").PlaceHolder("KIND/NAME").StringVar(&o.what)
			return o.log
		},
	}
}

func showCommand() shell.Command {
	return shell.Command{
		Name: "show", Help: "Print a document, or one of its earlier, archived or proposed texts.",
		Examples: []string{"gt federation show role/mayor", "gt federation show role/mayor --history", "gt federation show formula/release@1.2.0"},
		Planes:   []string{layout.Federation}, Permission: shell.MayReadFederation, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &historyOptions{call: call}
			c.Arg("document", "KIND/NAME, or KIND/NAME@VERSION, where VERSION may be the start of a digest.").
				Required().PlaceHolder("KIND/NAME[@VERSION]").StringVar(&o.what)
			c.Flag("history", "List every text there is instead.").BoolVar(&o.history)
			return o.show
		},
	}
}

func restoreCommand() shell.Command {
	return shell.Command{
		Name: "restore", Help: "Put an earlier text of a document in force again, as a new edit.",
		Examples: []string{"gt federation show formula/release --history", "gt federation restore formula/release@1.2.0"},
		Planes:   []string{layout.Federation, layout.Operational}, Permission: shell.MayWriteFederation, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &historyOptions{call: call}
			c.Arg("document", "KIND/NAME@VERSION, as --history lists them.").Required().PlaceHolder("KIND/NAME@VERSION").StringVar(&o.what)
			return o.restore
		},
	}
}

func (o *historyOptions) log(ctx context.Context) error {
	if o.number < 1 {
		return town.Fail("list the log", "gt federation log -n 20", "%w: -n counts from 1", town.ErrUsage)
	}
	var key town.Key
	if o.what != "" {
		var err error
		if key, err = parseKey(o.what); err != nil {
			return err
		}
	}
	h, err := open(o.call)
	if err != nil {
		return err
	}
	out := []federation.LogEntry{}
	err = h.engine.Read(ctx, func(s *federation.Store) error {
		read := s.Log
		if o.what != "" {
			read = func(ctx context.Context, n int) ([]federation.LogEntry, error) { return s.LogOf(ctx, key, n) }
		}
		entries, err := read(ctx, o.number)
		out = append(out, entries...)
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Show(out, func(p *term.Printer) {
		var rows [][]string
		for _, e := range out {
			rows = append(rows, []string{short(e.Commit), e.Date.UTC().Format(time.DateTime), e.Author, strings.ReplaceAll(e.Message, "\n", " ")})
		}
		p.Table([]string{"COMMIT", "DATE (UTC)", "AUTHOR", "MESSAGE"}, rows)
	})
}

// split reads KIND/NAME[@VERSION].
func (o *historyOptions) split() (key town.Key, version string, err error) {
	name, version, _ := strings.Cut(o.what, "@")
	key, err = parseKey(name)
	return key, version, err
}

func (o *historyOptions) show(ctx context.Context) error {
	key, version, err := o.split()
	if err != nil {
		return err
	}
	if o.history && version != "" {
		return town.Fail("show "+key.String(), "gt federation show "+key.String()+" --history", "%w: --history lists all versions, so name none", town.ErrUsage)
	}
	h, err := open(o.call)
	if err != nil {
		return err
	}
	if o.history {
		return o.list(ctx, h, key)
	}
	var past federation.Past
	err = h.engine.Read(ctx, func(s *federation.Store) error {
		past, err = s.Find(ctx, key, version)
		return err
	})
	if err != nil {
		return err
	}
	if !o.call.JSON && !term.IsTerminal(o.call.Stdout) {
		_, err := io.WriteString(o.call.Stdout, past.Text)
		return err
	}
	out := newPastText(past)
	out.Text = past.Text
	return o.call.Show(out, func(p *term.Printer) { p.Body("", past.Text) })
}

func (o *historyOptions) list(ctx context.Context, h *target, key town.Key) error {
	out := []pastText{}
	towns := map[town.ID]string{}
	err := h.engine.Read(ctx, func(s *federation.Store) error {
		past, err := s.History(ctx, key)
		if err != nil {
			return err
		}
		if len(past) == 0 {
			_, err := s.Find(ctx, key, "") // the error already says so
			return err
		}
		writers, err := s.Writers(ctx, key)
		if err != nil {
			return err
		}
		for _, one := range past {
			proposed := one.Source == "proposed" || one.Source == "settled"
			if w, ok := writers[one.Content]; ok && !proposed {
				one.Town, one.Author = w.Town, w.Author
			}
			out = append(out, newPastText(one))
		}
		towns, err = townNames(ctx, s)
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Show(out, func(p *term.Printer) {
		var rows [][]string
		for _, v := range out {
			name := v.Version
			if name == "" {
				name = "-"
			}
			rows = append(rows, []string{town.Digest(v.Digest).Short(), name, v.State, townName(towns, town.ID(v.Town)), v.Author})
		}
		p.Table([]string{"DIGEST", "VERSION", "STATE", "TOWN", "AUTHOR"}, rows)
	})
}

func newPastText(p federation.Past) pastText {
	return pastText{
		Document: p.Key.String(), Version: p.Version, Digest: string(p.Content), State: p.Source,
		InForce: p.InForce, Town: string(p.Town), Author: p.Author,
	}
}

func (o *historyOptions) restore(ctx context.Context) error {
	key, version, err := o.split()
	if err != nil {
		return err
	}
	if version == "" {
		return town.Fail("restore "+key.String(), "gt federation show "+key.String()+" --history lists its versions",
			"%w: no version was named: %s@VERSION", town.ErrUsage, key)
	}
	h, err := open(o.call)
	if err != nil {
		return err
	}
	past, err := h.engine.Restore(ctx, key, version)
	if err != nil {
		return err
	}
	past.InForce, past.Source = true, "in force"
	out := newPastText(past)
	if err := o.call.Summary(out, func(p *term.Printer) {
		p.Styled(term.Good, "%s: the text %s is in force", key, past.Content.Short())
		p.Line("  gt federation push tells the other Towns")
	}); err != nil {
		return err
	}
	return h.CheckReviews()
}
