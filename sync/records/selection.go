package records

import (
	"context"
	"errors"
	"maps"
	"slices"

	"gastown/planes/exchange"
	"gastown/planes/ledger"
	"gastown/sync/gitremote"
	"gastown/sync/leaks"
	"gastown/sync/share"
	"gastown/town"
)

// selection is what the rules select from the ledger.
type selection struct {
	sharing *Sharing
	rules   share.Rules
	// leaves: what is selected is about to leave, not only shown.
	leaves bool
	// filled: the ledger was read at the commit head, and records are what the
	// rules select from it and may leave, by id. prefixes are those of the rigs.
	filled   bool
	head     string
	prefixes map[string]string
	records  map[string]share.Selection
	withheld []Withheld
	// own are this Town's records that are published, with their digests. known says
	// which of those that no rule selects the ledger has (true) or had (false).
	own   map[string]town.Digest
	known map[string]bool
	// all: every published record is taken back, because the Town leaves.
	all bool
	// adopted are records that stay shared although no rule selects them.
	adopted []string
	// suspect: the ledger may be older than what this Town published.
	suspect bool
	// warnings are about rules that may not say what was meant.
	warnings []share.Warning
}

// load reads the rules.
func (r *Sharing) load() (*selection, error) {
	f, err := share.Load(r.opts.Layout.Sharing())
	if err != nil {
		return nil, err
	}
	return &selection{sharing: r, rules: f.Rules}, nil
}

// publishedRecords are the records of this Town that a remote is known to hold,
// with their digests.
func (r *Sharing) publishedRecords(ctx context.Context, remote gitremote.Remote, st State) (own map[string]town.Digest, err error) {
	err = r.with(ctx, remote.Name, func(x *exchange.Store) error {
		base, err := published(ctx, x, st)
		if err != nil || base == "" {
			return err
		}
		own, err = x.Own(ctx, base)
		return err
	})
	if errors.Is(err, errNoExchange) {
		return nil, nil
	}
	return own, err
}

// read applies the rules to the ledger. The ledger is closed again before the
// records are searched for secrets.
func (sel *selection) read(ctx context.Context, st State) error {
	sel.filled, sel.records, sel.withheld = true, map[string]share.Selection{}, nil
	if err := sel.selectRecords(ctx, st); err != nil {
		return err
	}
	return sel.inspect()
}

func (sel *selection) selectRecords(ctx context.Context, st State) (err error) {
	sel.adopted = st.Adopted
	if sel.sharing.opts.Ledger == nil {
		return nil
	}
	l, err := sel.sharing.opts.Ledger.OpenLedger(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if sel.head, err = sel.headOf(ctx, l); err != nil {
		return err
	}
	if sel.suspect, err = sel.older(ctx, l, st); err != nil {
		return err
	}
	if len(sel.rules) > 0 {
		err = sel.list(ctx, l)
	}
	return errors.Join(err, sel.learn(ctx, l))
}

// list selects from the beads of a ledger. Short-lived ones never leave.
func (sel *selection) list(ctx context.Context, l Ledger) (err error) {
	if sel.prefixes, err = l.Prefixes(ctx); err != nil {
		return err
	}
	var seen share.Seen
	lasting := ledger.Filter{Fields: sel.rules.Names(), Ephemeral: new(bool)}
	err = l.List(ctx, lasting, func(i ledger.Item) error {
		seen.Add(i.Bead)
		if s, ok := sel.rules.Select(i.Bead, sel.prefixes); ok {
			sel.records[i.ID] = s
		}
		return nil
	})
	sel.warnings = sel.rules.Warnings(seen, sel.prefixes)
	return err
}

// headOf is the ledger's last commit. Before anything leaves, rows that another
// program wrote without a commit get one, so that the commit tells what is shared.
func (sel *selection) headOf(ctx context.Context, l Ledger) (string, error) {
	if sel.leaves {
		if err := l.CommitOthers(ctx); err != nil {
			return "", err
		}
	}
	return l.Head(ctx)
}

// inspect withholds records that cannot be stored elsewhere or hold a secret. A
// record that is published as it is was searched when it was put there.
func (sel *selection) inspect() error {
	var scanner *leaks.Scanner
	for _, id := range slices.Sorted(maps.Keys(sel.records)) {
		s := sel.records[id]
		if err := s.Record.Check(); err != nil {
			sel.withhold(s, "", err.Error())
			continue
		}
		if sel.own[id] == s.Record.Digest(sel.sharing.opts.Town.ID) {
			continue
		}
		if scanner == nil {
			var err error
			if scanner, err = leaks.NewScanner(); err != nil {
				return err
			}
		}
		found := scanner.Scan(s.Record.FreeText())
		for _, c := range s.Cuts {
			found = append(found, scanner.ScanCut(c.Field, c.Text, c.Ranges)...)
		}
		slices.SortFunc(found, leaks.Compare)
		for _, f := range slices.Compact(found) {
			sel.withhold(s, f.Field, "it looks like a secret ("+f.Rule+")")
		}
	}
	return nil
}

func (sel *selection) withhold(s share.Selection, field, reason string) {
	sel.withheld = append(sel.withheld, Withheld{ID: s.Record.ID, Rules: s.Rules, Field: field, Reason: reason})
	delete(sel.records, s.Record.ID)
}

// changed are the selected records that own does not hold as they are, by id.
func (sel *selection) changed(own map[string]town.Digest) (list []share.Record) {
	for _, id := range slices.Sorted(maps.Keys(sel.records)) {
		if r := sel.records[id].Record; own[id] != r.Digest(sel.sharing.opts.Town.ID) {
			list = append(list, r)
		}
	}
	return list
}

// removed are the ids of published records that are taken back: the ledger has them
// and no rule selects them any more, or had them and they were deleted. A Town that
// leaves takes back all.
func (sel *selection) removed() (ids []string) {
	for id := range sel.own {
		if _, ok := sel.records[id]; ok {
			continue
		}
		alive, known := sel.known[id]
		if sel.all || sel.isWithheld(id) || known && !(alive && slices.Contains(sel.adopted, id)) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
