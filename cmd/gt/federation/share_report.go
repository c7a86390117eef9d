package federation

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/records"
	"gastown/sync/share"
	"gastown/town"
)

// maxAsked is how many records a question shows in full.
const maxAsked = 10

// maxValue is how many bytes of a value are printed as text; JSON has all of them.
const maxValue = 400

// sharePreview is records.Preview for printing.
type sharePreview struct {
	Remote   string             `json:"remote,omitempty"`
	URL      string             `json:"url,omitempty"`
	Address  string             `json:"address,omitempty"`
	Town     string             `json:"town"`
	TownID   string             `json:"town_id"`
	Author   string             `json:"author"`
	Rules    []string           `json:"rules"`
	Confirm  []string           `json:"confirm,omitempty"`
	Records  []shareRecord      `json:"records"`
	Removed  []string           `json:"removed"`
	Withheld []records.Withheld `json:"withheld"`
	// Warnings are about rules that may not say what was meant.
	Warnings []share.Warning `json:"warnings"`
}

type shareRecord struct {
	ID       string            `json:"id"`
	Fields   map[string]string `json:"fields"`
	Rules    []string          `json:"rules"`
	Redacted []string          `json:"redacted,omitempty"`
}

func newSharePreview(p records.Preview) *sharePreview {
	out := &sharePreview{
		Remote: p.Remote.Name, URL: p.Remote.URL, Address: p.Address, Town: p.Town.Name, TownID: string(p.Town.ID), Author: p.Author,
		Rules: []string{}, Confirm: p.Unconfirmed, Records: []shareRecord{}, Removed: nonNil(p.Removed), Withheld: nonNil(p.Withheld),
		Warnings: nonNil(p.Warnings),
	}
	for _, r := range p.Rules {
		out.Rules = append(out.Rules, r.Name)
	}
	for _, s := range p.Records {
		out.Records = append(out.Records, shareRecord{s.Record.ID, s.Record.Values, s.Rules, s.Redacted})
	}
	return out
}

// print shows at most this many records; 0 means all.
func (out *sharePreview) print(p *term.Printer, most int) {
	if len(out.Rules) == 0 && len(out.Removed) == 0 {
		p.Line("no rules: nothing of the ledger leaves this Town")
		return
	}
	printWarnings(p, out.Warnings)
	where, from := "", ""
	if out.Remote != "" {
		where = ", for everyone who can read " + cmp.Or(out.Address, out.URL)
		from = " from " + cmp.Or(out.Address, out.URL)
	}
	if len(out.Rules) == 0 {
		p.Styled(term.Head, "No rule is left in config/sharing.yaml, so %s of this Town would be taken back%s:",
			term.Plural(len(out.Removed), "record", "records"), from)
		p.Line("  %s", clipped(out.Removed))
		p.Line("  the repository's history keeps them")
		return
	}
	p.Styled(term.Head, "By the rules %s of the ledger would leave the Town%s:", term.Plural(len(out.Records), "record", "records"), where)
	if len(out.Confirm) > 0 {
		p.Line("  %-12s %s", "new rules", strings.Join(out.Confirm, ", "))
	}
	p.Line("  %-12s %s (%s), recorded under %s", "as", out.Town, out.TownID, out.Author)
	for i, r := range out.Records {
		if most > 0 && i == most {
			p.Line("and %d more: gt federation share preview shows all", len(out.Records)-most)
			break
		}
		note := ""
		if len(r.Redacted) > 0 {
			note = "; redacted: " + strings.Join(r.Redacted, ", ")
		}
		p.Line("%s  (by %s%s)", r.ID, strings.Join(r.Rules, ", "), note)
		for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
			p.Line("  %-20s %s", name, shown(r.Fields[name]))
		}
	}
	if len(out.Removed) > 0 {
		p.Line("Taken back, but kept by the repository's history: %s", clipped(out.Removed))
	}
	printWithheld(p, out.Withheld)
}

// shown is a value on one line, shortened.
func shown(value string) string {
	if strings.ContainsAny(value, "\n\r\t") {
		value = strconv.Quote(value)
	}
	if len(value) > maxValue {
		return fmt.Sprintf("%s (%s; --json has all)", town.Clip(value, maxValue), term.Size(int64(len(value))))
	}
	return value
}

// printWarnings prints what rules may say that was not meant.
func printWarnings(p *term.Printer, all []share.Warning) {
	for _, w := range all {
		p.Styled(term.Warn, "warning: %s", w)
	}
}

func printWithheld(p *term.Printer, withheld []records.Withheld) {
	if len(withheld) == 0 {
		return
	}
	p.Line("Withheld, although a rule selects them:")
	for _, w := range withheld {
		field := ""
		if w.Field != "" {
			field = w.Field + ": "
		}
		p.Styled(term.Bad, "  %s  %s%s (by %s)", w.ID, field, w.Reason, strings.Join(w.Rules, ", "))
	}
}

// shared is records.Shared for printing.
type shared struct {
	Put      int                `json:"put"`
	Removed  int                `json:"removed"`
	Withheld []records.Withheld `json:"withheld,omitempty"`
	Waiting  []string           `json:"waiting,omitempty"`
	// Held counts records that are still shared although no rule is left, because
	// nobody has agreed to take all of them back.
	Held int `json:"held,omitempty"`
	// Records names what would be put and taken back, in a dry run.
	Records []records.Move `json:"records,omitempty"`
	dry     bool
}

func newShared(s *records.Shared, dry bool) *shared {
	if s == nil {
		return nil
	}
	return &shared{Put: s.Put, Removed: s.Removed, Withheld: s.Withheld, Waiting: s.Waiting, Held: s.Held, Records: s.Records, dry: dry}
}

// moved reports whether any records were shared or taken back.
func (s *shared) moved() bool { return s != nil && s.Put+s.Removed > 0 }

func (s *shared) print(p *term.Printer) {
	if s == nil {
		return
	}
	to := ""
	if s.dry {
		to = "to be "
	}
	if s.Put > 0 {
		p.Line("  %s %sshared", term.Plural(s.Put, "record", "records"), to)
	}
	if s.Removed > 0 {
		p.Line("  %s %staken back; the repository's history keeps them", term.Plural(s.Removed, "record", "records"), to)
	}
	printWithheld(p, s.Withheld)
}

// sharesWait is the error of a push that did everything except sharing records by
// rules that no person has confirmed.
type sharesWait struct{ rules []string }

func (e sharesWait) Error() string {
	return "nothing new of the ledger was sent: nobody has confirmed " + strings.Join(e.rules, ", ")
}
func (e sharesWait) Unwrap() error { return town.ErrReview }

// takeBackWaits is the error of a push that did everything except taking back every
// shared record.
type takeBackWaits struct{ records int }

func (e takeBackWaits) Error() string {
	return "no rule is left, and nobody has confirmed that " + term.Plural(e.records, "shared record is", "shared records are") + " to be taken back"
}
func (e takeBackWaits) Unwrap() error { return town.ErrReview }

// waiting is the error of an exchange that left rules, or taking back everything,
// unconfirmed.
func (e exchanged) waiting() error {
	switch {
	case e.Pushed == nil || e.Pushed.Shared == nil:
		return nil
	case e.Pushed.Shared.Held > 0:
		return town.Fail("take records back from "+e.Pushed.Remote,
			"gt federation push --yes takes them back; to go on sharing, put the rules back into config/sharing.yaml",
			"%w", takeBackWaits{e.Pushed.Shared.Held})
	case len(e.Pushed.Shared.Waiting) == 0:
		return nil
	}
	return town.Fail("share records through "+e.Pushed.Remote, "gt federation share preview shows them; gt federation push --yes confirms them",
		"%w", sharesWait{e.Pushed.Shared.Waiting})
}

// confirmShare shows a person which records new rules would send, and asks.
func confirmShare(ctx context.Context, call *shell.Call, yes bool) func(records.Preview) error {
	return func(p records.Preview) error {
		if yes {
			return nil
		}
		if !call.CanAsk() {
			return town.ErrRefused // the push reports that the rules wait
		}
		question := "Share these records?"
		if len(p.Rules) == 0 {
			question = "Take back " + term.Plural(len(p.Removed), "record", "records") + "?"
		}
		preview := newSharePreview(p)
		return askAfter(ctx, call, func(out *term.Printer) { preview.print(out, maxAsked) }, question, town.ErrRefused)
	}
}
