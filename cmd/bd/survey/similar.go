package survey

import (
	"context"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// mechanical is the one method here of comparing beads: by their words.
const mechanical = "mechanical"

// similarOptions are those of bd find-duplicates.
type similarOptions struct {
	call      *shell.Call
	filters   flags.Filters
	method    string
	threshold float64
	pairs     int
}

// pair is two beads that may be duplicates.
type pair struct {
	A          string  `json:"issue_a_id"`
	B          string  `json:"issue_b_id"`
	TitleA     string  `json:"issue_a_title"`
	TitleB     string  `json:"issue_b_title"`
	Similarity float64 `json:"similarity"`
	Method     string  `json:"method"`
}

// FindDuplicates is bd find-duplicates.
func FindDuplicates() shell.Command {
	return shell.Command{
		Name: "find-duplicates", Alias: "find-dups", Help: "Find pairs of beads that say nearly the same: most of their words are the same.",
		Examples: []string{"bd find-duplicates", "bd find-duplicates --threshold 0.4 -n 20", "bd find-duplicates -s open --json"},
		Alone:    true, // it may compare each bead with each other
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &similarOptions{call: call}
			o.filters.DefineStatus(c)
			c.Flag("threshold", "How similar they must be: more than 0, at most 1.").Default("0.5").PlaceHolder("N").Float64Var(&o.threshold)
			shell.Number(c.Flag("limit", "How many pairs at most; 0 for all.").Short('n').Default(fmt.Sprint(ledger.UsualLimit)).PlaceHolder("N"), &o.pairs)
			c.Flag("method", "Only mechanical is here: bd asks no model.").Hidden().Default(mechanical).StringVar(&o.method)
			return o.run
		},
	}
}

func (o *similarOptions) run(ctx context.Context) error {
	const op = "look for similar beads"
	switch {
	case o.method != mechanical:
		return session.Fail(op, fmt.Errorf("%w: --method %s is not here: bd compares words, and asks no model", town.ErrUsage, town.Clip(o.method, 40)))
	case !(o.threshold > 0 && o.threshold <= 1):
		return session.Fail(op, fmt.Errorf("%w: --threshold is more than 0 and at most 1", town.ErrUsage))
	case o.pairs < 0:
		return session.Fail(op, fmt.Errorf("%w: --limit is not negative", town.ErrUsage))
	}
	f, err := o.filters.Build(o.call.Now(), true)
	if err != nil {
		return session.Fail(op, err)
	}
	f.Limit = 0
	var found []ledger.Pair
	err = session.UseFilter(ctx, o.call, f, func(l *session.Ledger, f ledger.Filter) (err error) {
		found, err = l.Similar(ctx, f, o.threshold)
		return err
	})
	if err != nil {
		return session.Fail(op, err)
	}
	if o.pairs > 0 && len(found) > o.pairs {
		o.call.Hint("The first %d of %d pairs are shown: --limit N, or 0 for all.", o.pairs, len(found))
		found = found[:o.pairs]
	}
	pairs := make([]pair, len(found))
	for i, p := range found {
		pairs[i] = pair{p.A.ID, p.B.ID, p.A.Title, p.B.Title, p.Similarity, mechanical}
	}
	return o.call.Show(struct {
		Pairs     []pair  `json:"pairs"`
		Count     int     `json:"count"`
		Method    string  `json:"method"`
		Threshold float64 `json:"threshold"`
	}{pairs, len(pairs), mechanical, o.threshold}, func(p *term.Printer) {
		for _, x := range pairs {
			p.Line("%3.0f%%  %s", 100*x.Similarity, p.Fit(x.A+" "+x.TitleA))
			p.Line("      %s", p.Fit(x.B+" "+x.TitleB))
		}
		if len(pairs) == 0 {
			p.Line("No two beads are similar.")
		} else {
			p.Styled(term.Dim, "bd show ID ID compares two, bd duplicate ID --of ID closes one of them")
		}
	})
}
