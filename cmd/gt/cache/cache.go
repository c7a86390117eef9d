// Package cache is the command group gt cache: what the Deacon caches of the
// ledger and of agents.
package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/deacon/control"
	"gastown/town"
	"gastown/town/layout"
)

// cacheOptions are the options of gt cache.
type cacheOptions struct {
	call  *shell.Call
	do    string
	types []string
	all   bool
}

// Commands adds the group to a program. The commands run alone: they talk to the
// Deacon, and must also work when none runs.
func Commands(p *shell.Program) {
	g := p.Command("cache", "What the Deacon caches: beads, results of queries, agents.").HelpLong(shell.Examples(
		"gt cache stats", "gt cache warmup --type=status", "gt cache refresh --all", "gt cache clear --type=bead"))
	for _, c := range []struct{ do, help, example string }{
		{control.CacheWarmup, "Read ahead what is asked for most.", "gt cache warmup --type=status"},
		{control.CacheRefresh, "Drop what is cached and read it anew.", "gt cache refresh --type=agent"},
		{control.CacheClear, "Drop what is cached.", "gt cache clear --type=bead"},
	} {
		p.Add(g, shell.Command{
			Name: c.do, Help: c.help, Examples: []string{c.example, "gt cache " + c.do + " --all"},
			Alone: true, Planes: []string{layout.Ledger}, Permission: shell.MayAdminDeacon, Repeatable: true,
			Define: func(call *shell.Call, clause *kingpin.CmdClause) shell.Action {
				o := &cacheOptions{call: call, do: c.do}
				clause.Flag("type", "What: agent, status (lists, what is ready, what waits, numbers) or bead.").
					PlaceHolder("TYPE").EnumsVar(&o.types, control.CacheTypes...)
				clause.Flag("all", "All of them.").BoolVar(&o.all)
				return o.run
			},
		})
	}
	p.Add(g, shell.Command{
		Name: "stats", Help: "Show how often a cache had the answer.", Examples: []string{"gt cache stats", "gt cache stats --json"},
		Alone: true, Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action { return (&cacheOptions{call: call}).stats },
	})
}

// client connects to the Deacon of the Town.
func (o *cacheOptions) client(ctx context.Context, op string) (*control.Client, error) {
	t, err := o.call.FindTown()
	if err != nil {
		return nil, err
	}
	client, _, err := host.Reach(ctx, t, op)
	return client, err
}

func (o *cacheOptions) run(ctx context.Context) error {
	op := map[string]string{control.CacheWarmup: "read ahead", control.CacheRefresh: "read anew", control.CacheClear: "drop what is cached"}[o.do]
	switch {
	case o.all && len(o.types) > 0:
		return town.Fail(op, "give one of them", "%w: --all and --type exclude each other", town.ErrUsage)
	case o.all:
		o.types = control.CacheTypes
	case len(o.types) == 0:
		return town.Fail(op, "gt cache "+o.do+" --all", "%w: say what: --type=%s or --all", town.ErrUsage, strings.Join(control.CacheTypes, "|"))
	}
	client, err := o.client(ctx, op)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, o.call.Wait)
	defer cancel()
	done, err := client.Cache(ctx, control.CacheRequest{Do: o.do, Types: o.types, Within: o.call.Wait * 3 / 4})
	if err != nil {
		return err
	}
	return o.call.Summary(done, func(p *term.Printer) {
		for _, d := range done {
			var did []string
			if o.do != control.CacheWarmup {
				did = append(did, term.Plural(d.Cleared, "entry dropped", "entries dropped"))
			}
			if o.do != control.CacheClear {
				did = append(did, fmt.Sprintf("%d read", d.Read))
			}
			if d.Left > 0 {
				did = append(did, fmt.Sprintf("%d left out (%s)", d.Left, d.Why))
			}
			p.Styled(term.Good, "%s: %s", d.Type, strings.Join(did, ", "))
		}
	})
}

// cacheReport is control.CacheStats. Without a Deacon it says only that none is
// running.
type cacheReport struct {
	Running bool `json:"running"`
	*control.CacheStats
}

// cacheNames describe what each cache holds.
var cacheNames = map[string]string{
	control.CacheAgents:  "who is alive",
	control.CacheResults: "results of queries (second level)",
	control.CacheBeads:   "beads (first level)",
}

func (o *cacheOptions) stats(ctx context.Context) error {
	client, err := o.client(ctx, "show the statistics of the caches")
	var s control.CacheStats
	if err == nil {
		defer client.Close()
		asked, cancel := context.WithTimeout(ctx, o.call.Wait)
		defer cancel()
		s, err = client.CacheStats(asked)
	}
	if errors.Is(err, control.ErrNoDeacon) {
		none := o.call.Show(cacheReport{}, func(p *term.Printer) { p.Line("nothing is cached: the Deacon has the caches, and none runs") })
		return errors.Join(err, none)
	}
	if err != nil {
		return err
	}
	return o.call.Show(cacheReport{true, &s}, func(p *term.Printer) { printStats(p, s) })
}

func printStats(p *term.Printer, s control.CacheStats) {
	switch {
	case !s.Enabled:
		p.Styled(term.Bad, "Nothing is cached: %s.", s.Why)
	default:
		p.Line("At most %s in all; a bead stays for %s, a result three times as long.",
			term.Size(s.MaxBytes), time.Duration(s.TTL*float64(time.Second)))
		if s.Why != "" {
			p.Line("Beads and results are not cached: %s.", s.Why)
		}
	}
	p.Line("")
	var rows [][]string
	for _, l := range s.Levels {
		share := "-"
		if asked := l.Hits + l.Misses; asked > 0 {
			share = fmt.Sprintf("%.1f %%", 100*float64(l.Hits)/float64(asked))
		}
		rows = append(rows, []string{
			l.Name, fmt.Sprint(l.Hits), fmt.Sprint(l.Misses), share, fmt.Sprintf("%d of %d", l.Entries, l.MaxEntries), term.Size(l.Bytes),
			fmt.Sprint(l.Evicted), fmt.Sprint(l.Stale + l.Expired), cacheNames[l.Name],
		})
	}
	p.Table([]string{"TYPE", "HITS", "MISSES", "SHARE", "ENTRIES", "BYTES", "EVICTED", "OUTDATED", ""}, rows)
	p.Line("")
	p.Line("The third level is the database's own: pages it holds in memory, which it manages itself.")
}
