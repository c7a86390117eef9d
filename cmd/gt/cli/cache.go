package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/deacon/control"
	"gastown/town"
)

// cacheOptions are those of gt cache.
type cacheOptions struct {
	app   *App
	do    string
	types []string
	all   bool
}

func (a *App) configureCache(p *kingpin.Application) {
	g := p.Command("cache", "What the Deacon keeps of answers: beads, results of queries, agents.").HelpLong(examples(
		"gt cache stats", "gt cache warmup --type=status", "gt cache refresh --all", "gt cache clear --type=bead"))
	for _, c := range []struct{ do, help, example string }{
		{control.CacheWarmup, "Read ahead what is asked for most.", "gt cache warmup --type=status"},
		{control.CacheRefresh, "Forget what is kept and read it anew.", "gt cache refresh --type=agent"},
		{control.CacheClear, "Forget what is kept.", "gt cache clear --type=bead"},
	} {
		o := &cacheOptions{app: a, do: c.do}
		cmd := a.add(g, c.do, c.help, examples(c.example, "gt cache "+c.do+" --all"), o.run)
		cmd.Flag("type", "What: agent, status (lists, what is ready, what waits, numbers) or bead.").
			PlaceHolder("TYPE").EnumsVar(&o.types, control.CacheTypes...)
		cmd.Flag("all", "All of them.").BoolVar(&o.all)
	}
	o := &cacheOptions{app: a}
	a.add(g, "stats", "How often what is kept was the answer.", examples("gt cache stats", "gt cache stats --json"), o.stats)
}

func (o *cacheOptions) run(ctx context.Context) error {
	op := map[string]string{control.CacheWarmup: "read ahead", control.CacheRefresh: "read anew", control.CacheClear: "forget"}[o.do]
	switch {
	case o.all && len(o.types) > 0:
		return town.Fail(op, "give one of them", "%w: --all and --type exclude each other", town.ErrUsage)
	case o.all:
		o.types = control.CacheTypes
	case len(o.types) == 0:
		return town.Fail(op, "gt cache "+o.do+" --all", "%w: say what: --type=%s or --all", town.ErrUsage, strings.Join(control.CacheTypes, "|"))
	}
	_, client, err := o.app.deacon()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, o.app.Wait)
	defer cancel()
	done, err := client.Cache(ctx, control.CacheRequest{Do: o.do, Types: o.types, Within: o.app.Wait * 3 / 4})
	if err != nil {
		return err
	}
	return o.app.summary(done, func(p *printer) {
		for _, d := range done {
			var did []string
			if o.do != control.CacheWarmup {
				did = append(did, plural(d.Cleared, "entry dropped", "entries dropped"))
			}
			if o.do != control.CacheClear {
				did = append(did, fmt.Sprintf("%d read", d.Read))
			}
			if d.Left > 0 {
				did = append(did, fmt.Sprintf("%d left out (%s)", d.Left, d.Why))
			}
			p.styled(styleGood, "%s: %s", d.Type, strings.Join(did, ", "))
		}
	})
}

// cacheReport is control.CacheStats for printing; only running when no Deacon is
// there to keep anything.
type cacheReport struct {
	Running bool `json:"running"`
	*control.CacheStats
}

// cacheNames say what each level holds.
var cacheNames = map[string]string{
	control.CacheAgents:  "who is alive",
	control.CacheResults: "results of queries (second level)",
	control.CacheBeads:   "beads (first level)",
}

func (o *cacheOptions) stats(ctx context.Context) error {
	_, client, err := o.app.deacon()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, o.app.Wait)
	defer cancel()
	s, err := client.CacheStats(ctx)
	if errors.Is(err, control.ErrNoDeacon) {
		none := o.app.show(cacheReport{}, func(p *printer) { p.line("nothing is kept: that is the Deacon's, and none runs") })
		return errors.Join(err, none)
	}
	if err != nil {
		return err
	}
	return o.app.show(cacheReport{true, &s}, func(p *printer) { sayCache(p, s) })
}

func sayCache(p *printer, s control.CacheStats) {
	switch {
	case !s.Enabled:
		p.styled(styleBad, "Nothing is kept: %s.", s.Why)
	default:
		p.line("At most %s together; a bead stays for %s, a result three times as long.",
			size(s.MaxBytes), time.Duration(s.TTL*float64(time.Second)))
		if s.Why != "" {
			p.line("Beads and results are not: %s.", s.Why)
		}
	}
	p.line("")
	var rows [][]string
	for _, l := range s.Levels {
		share := "-"
		if asked := l.Hits + l.Misses; asked > 0 {
			share = fmt.Sprintf("%.1f %%", 100*float64(l.Hits)/float64(asked))
		}
		rows = append(rows, []string{
			l.Name, fmt.Sprint(l.Hits), fmt.Sprint(l.Misses), share, fmt.Sprintf("%d of %d", l.Entries, l.MaxEntries), size(l.Bytes),
			fmt.Sprint(l.Evicted), fmt.Sprint(l.Stale + l.Expired), cacheNames[l.Name],
		})
	}
	p.table([]string{"TYPE", "HITS", "MISSES", "SHARE", "ENTRIES", "BYTES", "EVICTED", "OUTDATED", ""}, rows)
	p.line("")
	p.line("The third level is the database's own: pages it holds in memory, which it manages itself.")
}
