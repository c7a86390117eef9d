package records

import (
	"context"
	"maps"
	"slices"

	"gastown/planes/exchange"
	"gastown/sync/gitremote"
	"gastown/sync/share"
	"gastown/town"
)

// Shared is what a push did with records of the ledger, or in a dry run would
// do.
type Shared struct {
	// Put and Removed count records of this Town that were written and taken
	// back; Total is how many it shares now.
	Put, Removed, Total int
	// Records name what would be put and taken back, by id; only Foretell fills them.
	Records []Move
	// Withheld records do not leave although a rule selects them. They are listed
	// when the ledger or the rules changed.
	Withheld []Withheld
	// Waiting are rules that nobody has approved for this remote. While there are
	// any, records are only taken back.
	Waiting []string
	// Held counts records that nobody has agreed to take back, although no rule is left.
	Held int
}

// Move is one record that a push would put or take back.
type Move struct {
	ID string `json:"id"`
	// State is "added", "changed" or "removed".
	State string `json:"state"`
	// Fields is how many fields would leave, the id among them.
	Fields int `json:"fields,omitempty"`
}

// Moved reports that records were written or taken back.
func (s *Shared) Moved() bool { return s != nil && s.Put+s.Removed > 0 }

// Withheld is a record that rules select and that does not leave.
type Withheld struct {
	ID string `json:"id"`
	// Rules select it.
	Rules []string `json:"rules"`
	// Field is the field at fault; Reason never contains its value.
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason"`
}

// Preview is what the rules select from the ledger, shown before anything leaves.
type Preview struct {
	// Remote and Address are where it would go; empty in a preview for no remote.
	Remote  gitremote.Remote
	Address string
	// Rules are all rules, Unconfirmed those a person is asked about.
	Rules       share.Rules
	Unconfirmed []string
	// Records leave, by id; Removed are taken back from where they were shared.
	Records  []share.Selection
	Removed  []string
	Withheld []Withheld
	// Warnings are about rules that may not say what was meant.
	Warnings []share.Warning
	// Author is recorded in the commits, beside the Town's name and id.
	Author string
	Town   exchange.Member
}

// Preview returns what would leave by the present rules, approved or not. remotes
// are the remotes that this Town exchanges with, and their states. It contacts no
// remote and changes nothing.
func (r *Sharing) Preview(ctx context.Context, remotes map[gitremote.Remote]State) (Preview, error) {
	sel, err := r.load()
	if err != nil {
		return Preview{}, err
	}
	sel.own = map[string]town.Digest{}
	var known State
	for remote, st := range remotes {
		st = st.For(remote, r.uuid())
		own, err := r.publishedRecords(ctx, remote, st)
		if err != nil {
			return Preview{}, err
		}
		maps.Copy(sel.own, own)
		known.Adopted = append(known.Adopted, st.Adopted...)
	}
	if err := sel.read(ctx, known); err != nil {
		return Preview{}, err
	}
	return sel.preview(), nil
}

// Warnings tells what the rules may say that was not meant. It contacts no remote and
// changes nothing.
func (r *Sharing) Warnings(ctx context.Context) ([]share.Warning, error) {
	sel, err := r.load()
	if err != nil || len(sel.rules) == 0 {
		return nil, err
	}
	sel.records = map[string]share.Selection{}
	err = sel.selectRecords(ctx, State{})
	return sel.warnings, err
}

func (sel *selection) preview() Preview {
	p := Preview{
		Rules: sel.rules, Withheld: sel.withheld, Warnings: sel.warnings, Removed: sel.removed(), Author: sel.sharing.opts.Actor.String(),
		Town: sel.sharing.opts.Town,
	}
	for _, id := range slices.Sorted(maps.Keys(sel.records)) {
		p.Records = append(p.Records, sel.records[id])
	}
	return p
}
