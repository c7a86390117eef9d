package about

import (
	"context"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town/layout"
)

// Info is bd info.
func Info() shell.Command {
	return shell.Command{
		Name: "info", Help: "Print where the ledger is, how it is used now, and how many beads it has.",
		Examples: []string{"bd info", "bd info --json", "bd info --schema --json", "bd info --whats-new"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &infoOptions{call: call}
			c.Flag("schema", "The tables and a few ids, too.").BoolVar(&o.schema)
			c.Flag("whats-new", "Where the changes of this version are told, instead.").BoolVar(&o.news)
			return o.run
		},
	}
}

// infoOptions are those of bd info.
type infoOptions struct {
	call         *shell.Call
	schema, news bool
}

// info is what bd info prints.
type info struct {
	Database string            `json:"database_path"`
	Town     string            `json:"town"`
	Mode     string            `json:"mode"`
	Count    int               `json:"issue_count"`
	Config   map[string]string `json:"config"`
	Schema   *schema           `json:"schema,omitempty"`
}

type schema struct {
	Tables []string `json:"tables"`
	Prefix string   `json:"detected_prefix"`
	Sample []string `json:"sample_issue_ids"`
}

// tables are those that programs for the public bd know.
var tables = []string{"issues", "dependencies", "labels", "comments", "events"}

// samples is how many ids bd info --schema prints.
const samples = 3

func (o *infoOptions) run(ctx context.Context) error {
	if o.news {
		return showNews(o.call)
	}
	var out info
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		at, err := placeOf(l.Host)
		if err != nil {
			return err
		}
		stats, err := l.Stats(ctx)
		if err != nil {
			return err
		}
		out = info{at.Database, at.Town, mode(o.call), stats.Total, map[string]string{"issue_prefix": at.Prefix}, nil}
		if o.schema {
			out.Schema = &schema{tables, at.Prefix, []string{}}
			err = l.List(ctx, ledger.Filter{Limit: samples, Fields: ledger.Fields{"id"}}, func(i ledger.Item) error {
				out.Schema.Sample = append(out.Schema.Sample, i.ID)
				return nil
			})
		}
		return err
	})
	if err != nil {
		return session.Fail("describe the ledger", err)
	}
	return o.call.Show(out, func(p *term.Printer) {
		p.Line("%s", out.Database)
		p.Line("  town: %s", out.Town)
		p.Line("  mode: %s", out.Mode)
		p.Line("  beads: %d", out.Count)
		p.Line("  prefix: %s", out.Config["issue_prefix"])
		if out.Schema != nil {
			for _, name := range out.Schema.Tables {
				p.Line("  table: %s", name)
			}
		}
	})
}

// mode says how the call reaches the ledger.
func mode(call *shell.Call) string {
	if call.Resident != nil {
		return "deacon"
	}
	return "direct"
}

// Ping is bd ping.
func Ping() shell.Command {
	return shell.Command{
		Name: "ping", Help: "Check that the ledger answers, and say how long that took.",
		Examples: []string{"bd ping", "bd ping --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(ctx context.Context) error { return ping(ctx, call) }
		},
	}
}

// answered is what bd ping prints.
type answered struct {
	Status string `json:"status"`
	Store  int64  `json:"store_ms"`
	Query  int64  `json:"query_ms"`
	Total  int64  `json:"total_ms"`
}

func ping(ctx context.Context, call *shell.Call) error {
	began := time.Now()
	var opened time.Time
	err := session.Use(ctx, call, func(l *session.Ledger) error {
		opened = time.Now()
		return l.List(ctx, ledger.Filter{Limit: 1, Fields: ledger.Fields{"id"}}, func(ledger.Item) error { return nil })
	})
	if err != nil {
		return session.Fail("ask the ledger", err)
	}
	out := answered{"ok", opened.Sub(began).Milliseconds(), time.Since(opened).Milliseconds(), time.Since(began).Milliseconds()}
	return call.Show(out, func(p *term.Printer) { p.Styled(term.Good, "bd ping: ok (%dms)", out.Total) })
}
