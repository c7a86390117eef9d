package federate

import (
	"context"
	"errors"
	"maps"
	"slices"

	"gastown/planes/exchange"
	"gastown/planes/ledger"
	"gastown/sync/leaks"
	"gastown/sync/share"
	"gastown/town"
)

// LedgerRef is where shared records of the ledger lie in a Git repository.
const LedgerRef = "refs/dolt/ledger"

// ledgerMirror is the directory of that ref's mirror, below the remote's.
const ledgerMirror = "ledger"

// Shared is what a push did, or with dry set would do, with records of the
// ledger.
type Shared struct {
	// Put and Removed count records of this Town that were written and taken
	// back; Total is how many it shares now.
	Put, Removed, Total int
	// Withheld records do not leave although a rule selects them. They are told
	// when the ledger or the rules changed.
	Withheld []Withheld
	// Waiting are rules that nobody has confirmed for this remote. While there
	// are any, records are only taken back.
	Waiting []string
}

// Withheld is a record that rules select and that does not leave.
type Withheld struct {
	ID string `json:"id"`
	// Rules select it.
	Rules []string `json:"rules"`
	// Field is at fault; Reason never holds what is in it.
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason"`
}

// SharePreview is what rules make of the ledger, shown before anything leaves.
type SharePreview struct {
	// Remote and Address are where it would go; empty in a preview for no remote.
	Remote  Remote
	Address string
	// Rules are all there are, Unconfirmed those a person is asked about.
	Rules       share.Rules
	Unconfirmed []string
	// Records leave, by id; Removed are taken back from where they were shared.
	Records  []share.Selection
	Removed  []string
	Withheld []Withheld
	// Author is recorded in the commits, beside the Town's name and id.
	Author string
	Town   exchange.Member
}

// PreviewShare tells what would leave by the rules as they are, whatever was
// confirmed. It contacts nobody and changes nothing.
func (e *Engine) PreviewShare(ctx context.Context) (p SharePreview, err error) {
	plan, err := e.loadPlan(Remote{})
	if err != nil {
		return p, e.disk(err)
	}
	own := map[string]town.Digest{}
	remotes, err := e.agreedTo()
	for _, r := range remotes {
		if err == nil {
			plan.remote = r
			err = e.readOwn(ctx, plan)
			maps.Copy(own, plan.own)
		}
	}
	if plan.own = own; err == nil {
		err = e.selectRecords(ctx, plan)
	}
	if err == nil {
		err = plan.inspect(e.opts.ID)
	}
	if err != nil {
		return p, e.disk(err)
	}
	return e.sharePreview(plan), nil
}

func (e *Engine) sharePreview(plan *sharePlan) SharePreview {
	p := SharePreview{
		Rules: plan.rules, Withheld: plan.withheld, Removed: plan.removed(), Author: e.opts.Actor.String(),
		Town: exchange.Member{ID: e.opts.ID, Name: e.opts.Name},
	}
	for _, id := range slices.Sorted(maps.Keys(plan.records)) {
		p.Records = append(p.Records, plan.records[id])
	}
	return p
}

// sharePlan is what of the ledger shall be in the exchange with a remote.
type sharePlan struct {
	remote Remote
	rules  share.Rules
	// records by id, and the ledger's commit they were read at; only with filled.
	filled   bool
	prefixes map[string]string // of rigs, by name
	records  map[string]share.Selection
	head     string
	withheld []Withheld
	// own is what was in the exchange, and published, when the plan was made;
	// exists says that there is one on this machine for the remote.
	own    map[string]town.Digest
	exists bool
	// waiting are rules nobody confirmed: then records are only taken back.
	waiting share.Rules
	// done, once staged.
	put, gone int
	// commit is the exchange's, in the mirror; staged says that it is there.
	commit string
	staged bool
}

func (p *sharePlan) removed() []string {
	var ids []string
	for id := range p.own {
		if _, ok := p.records[id]; !ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// loadPlan reads the rules. The zero Remote is none.
func (e *Engine) loadPlan(remote Remote) (*sharePlan, error) {
	f, err := share.Load(e.opts.Layout.Sharing())
	if err != nil {
		return nil, err
	}
	plan := &sharePlan{remote: remote, rules: f.Rules}
	if remote.Name != "" {
		plan.exists, err = e.hasExchange(remote.Name)
	}
	return plan, err
}

// fill applies the rules to the ledger. What is in the exchange already, as it
// is, was searched for secrets when it was put there.
func (e *Engine) fill(ctx context.Context, plan *sharePlan) (err error) {
	defer e.step("select records")()
	if err := e.readOwn(ctx, plan); err != nil {
		return err
	}
	if err := e.selectRecords(ctx, plan); err != nil {
		return err
	}
	return plan.inspect(e.opts.ID)
}

// readOwn reads what of this Town is published.
func (e *Engine) readOwn(ctx context.Context, plan *sharePlan) error {
	plan.own = nil
	err := e.withExchange(ctx, plan.remote.Name, func(s *exchange.Store) error {
		base, err := e.published(ctx, s, plan.remote)
		if err != nil || base == "" {
			return err
		}
		plan.own, err = s.Own(ctx, base)
		return err
	})
	if errors.Is(err, errNoExchange) {
		return nil
	}
	return err
}

// selectRecords reads the ledger. It is closed again before anything is searched.
func (e *Engine) selectRecords(ctx context.Context, plan *sharePlan) (err error) {
	plan.filled, plan.records, plan.withheld = true, map[string]share.Selection{}, nil
	if e.opts.Ledger == nil {
		return nil
	}
	store, err := e.opts.Ledger(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if plan.head, err = store.Head(ctx); err != nil || len(plan.rules) == 0 {
		return err
	}
	if plan.prefixes, err = store.Prefixes(ctx); err != nil {
		return err
	}
	return store.List(ctx, ledger.Filter{Fields: plan.rules.Names()}, func(i ledger.Item) error {
		if sel, ok := plan.rules.Select(i.Bead, plan.prefixes); ok {
			plan.records[i.ID] = sel
		}
		return nil
	})
}

// inspect withholds records that cannot be stored elsewhere or hold a secret.
func (p *sharePlan) inspect(owner town.ID) error {
	var scanner *leaks.Scanner
	withhold := func(sel share.Selection, field, reason string) {
		p.withheld = append(p.withheld, Withheld{ID: sel.Record.ID, Rules: sel.Rules, Field: field, Reason: reason})
		delete(p.records, sel.Record.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(p.records)) {
		sel := p.records[id]
		if err := sel.Record.Check(); err != nil {
			withhold(sel, "", err.Error())
			continue
		}
		if p.own[id] == sel.Record.Digest(owner) {
			continue
		}
		if scanner == nil {
			var err error
			if scanner, err = leaks.NewScanner(); err != nil {
				return err
			}
		}
		found := scanner.Scan(sel.Record.Written())
		for _, c := range sel.Cuts {
			found = append(found, scanner.ScanCut(c.Field, c.Text, c.Ranges)...)
		}
		slices.SortFunc(found, leaks.Compare)
		for _, f := range slices.Compact(found) {
			withhold(sel, f.Field, "it looks like a secret ("+f.Rule+")")
		}
	}
	return nil
}
