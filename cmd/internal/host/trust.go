package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"gastown/planes/federation"
	"gastown/sync/sign"
	"gastown/town"
	"gastown/town/access"
	"gastown/town/durable"
	"gastown/town/strict"
)

// Trust is what people decided about other Towns, by their identities. A Town that is not
// in it is trusted with the key that was seen first.
type Trust map[town.ID]Trusted

// Trusted is the decision about one Town.
type Trusted struct {
	// Name was the Town's when it was decided. It is for people.
	Name string `json:"name"`
	// Trusted: what the Town signs may come into force here.
	Trusted bool `json:"trusted"`
	// Fingerprint is that of a key which must be among the Town's; "" asks for none.
	Fingerprint string `json:"fingerprint"`
}

// Reasons why what a Town signed does not come into force.
const (
	notTrusted = "this Town does not trust the Town that signed it"
	otherKey   = "the Town that signed it has another key than the one that a person pinned"
)

// denies says why the Town's rows may not come into force; "" if they may.
func (t Trust) denies(w federation.Arrival) string {
	d, ok := t[w.Town]
	switch {
	case !ok:
		return ""
	case !d.Trusted:
		return notTrusted
	case d.Fingerprint != "" && !slices.Contains(w.Fingerprints, d.Fingerprint):
		return otherKey
	}
	return ""
}

// name is the name that entries of config/access.yaml mean the Town by. A name that a person
// gave trust to is that Town's, whoever else enters it in the registry.
func (t Trust) name(w federation.Arrival) string {
	if d, ok := t[w.Town]; ok && d.Trusted {
		return d.Name
	}
	for _, d := range t {
		if d.Trusted && d.Name == w.Name {
			return ""
		}
	}
	return w.Name
}

// Trust reads the decisions. A file that is wrong is an error: nothing is merged then.
func (h *Host) Trust() (Trust, error) {
	data, err := os.ReadFile(h.Layout.Trust())
	if errors.Is(err, os.ErrNotExist) {
		return Trust{}, nil
	}
	t := Trust{}
	if err == nil {
		err = errors.Join(strict.JSON(data, &t), t.check())
	}
	if err != nil {
		return nil, town.Fail("read config/trust.json", "put the file right, or move it away and decide again: gt federation trust TOWN, gt federation distrust TOWN",
			"%w: %w", town.ErrRefused, err)
	}
	if t == nil { // the file says null
		t = Trust{}
	}
	return t, nil
}

// check finds a fingerprint that no key can have, which would refuse all of a Town.
func (t Trust) check() error {
	for id, d := range t {
		if d.Fingerprint != "" && !sign.IsFingerprint(d.Fingerprint) {
			return fmt.Errorf("%q of Town %q is not a fingerprint", town.Clip(d.Fingerprint, 64), town.Clip(string(id), 64))
		}
	}
	return nil
}

// ChangeTrust changes the decisions, and saves them.
func (h *Host) ChangeTrust(ctx context.Context, change func(Trust)) (err error) {
	unlock, err := h.lock(ctx, "trust", "change which Towns are trusted")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	t, err := h.Trust()
	if err != nil {
		return err
	}
	change(t)
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	return durable.Replace(h.Layout.Trust(), append(data, '\n'), 0o600)
}

// admits decides what other Towns may write here: those that are trusted, as far as
// config/access.yaml lets them. mayMerge fails while one of the two files is wrong. They are
// read when one of the two is first called: most commands merge nothing.
func (h *Host) admits() (admits func(federation.Arrival) string, mayMerge func() error) {
	rules := sync.OnceValues(h.entryRules)
	admits = func(w federation.Arrival) string {
		r, _ := rules()
		return r.denies(w)
	}
	mayMerge = func() error {
		_, err := rules()
		return err
	}
	return admits, mayMerge
}

// entryRules say what may enter this Town.
type entryRules struct {
	trust  Trust
	policy *access.Policy
}

// entryRules reads the rules. With an error they are those that could be read.
func (h *Host) entryRules() (r entryRules, err error) {
	r.trust, err = h.Trust()
	r.policy = access.Absent()
	if h.call.Gate == nil {
		return r, err
	}
	var wrong error
	r.policy, wrong = h.call.Gate.Policy(h.Layout)
	if wrong != nil && r.policy.State() == access.Unreadable {
		err = errors.Join(err, town.Fail("merge what other Towns wrote", "put config/access.yaml right; gt access list says what is wrong", "%w: %w", town.ErrRefused, wrong))
	}
	return r, err
}

// denies says why a row may not come into force here; "" if it may.
func (r entryRules) denies(w federation.Arrival) string {
	if reason := r.trust.denies(w); reason != "" {
		return reason
	}
	if w.Key.Kind == "" {
		return ""
	}
	d := r.mayEnter(w)
	if d.Allowed {
		return ""
	}
	return fmt.Sprintf("%s may not %s: %s", d.Who, d.Action, d.Reason)
}

// mayEnter says what config/access.yaml decides about a row.
func (r entryRules) mayEnter(w federation.Arrival) access.Decision {
	return r.policy.MayEnter(access.Writer{Town: w.Town, Name: r.trust.name(w), Author: w.Author}, string(w.Key.Kind), w.Key.Name)
}

// MayEnter decides as a merge would now: may a document, or a bead (access.KindBead), that a
// Town wrote come into force here without a review? name is the Town's name or id. If
// neither is known, known is false and the decision is that for a Town of that name. A name
// of several Towns is town.ErrUsage.
func (h *Host) MayEnter(ctx context.Context, name, kind, document string) (d access.Decision, known bool, err error) {
	rules, err := h.entryRules()
	if err != nil && rules.trust == nil { // an unreadable access.yaml refuses everything, which is an answer
		return d, false, err
	}
	w := federation.Arrival{Key: town.Key{Kind: town.Kind(kind), Name: document}, Town: town.ID(name), Name: name}
	var reason string
	err = h.Engine(EngineOptions{}).Read(ctx, func(s *federation.Store) error {
		all, _, err := KnownTowns(ctx, s)
		if err != nil {
			return err
		}
		self := h.Config.Town
		if !slices.ContainsFunc(all, func(m federation.Member) bool { return m.ID == self.ID }) {
			all = append(all, federation.Member{ID: self.ID, Name: self.Name}) // it has not published yet
		}
		in := func(name string) bool {
			return slices.ContainsFunc(all, func(m federation.Member) bool { return m.Name == name || string(m.ID) == name })
		}
		if !in(name) { // a Town that was trusted keeps its name here
			for id, d := range rules.trust {
				if d.Trusted && d.Name == name && in(string(id)) {
					name = string(id)
				}
			}
		}
		if known = in(name); !known {
			if _, decided := rules.trust[w.Town]; !decided {
				w.Town = "of no known id" // an entry for it is found by its name
			}
			reason = rules.denies(w)
			return nil
		}
		m, err := RegisteredTown("say what Town "+town.Clip(name, 64)+" may write", all, name)
		if err != nil {
			return err
		}
		if w.Town, w.Name = m.ID, m.Name; m.ID == s.Town {
			return nil
		}
		s.Admits = func(full federation.Arrival) string { // as the store knows the Town
			w = full
			return rules.denies(full)
		}
		judge, err := s.Judge(ctx)
		if err == nil {
			reason = judge(w)
		}
		return err
	})
	if err != nil {
		return d, known, err
	}
	d = rules.mayEnter(w)
	switch {
	case w.Town == h.Config.Town.ID:
		d = access.Decision{Allowed: true, Who: d.Who, Action: d.Action, Reason: "it is this Town"}
	case d.Allowed && reason != "":
		d = access.Decision{Who: d.Who, Action: d.Action, Reason: reason, Next: "gt federation towns shows which Towns are trusted"}
	}
	return d, known, nil
}

// KnownTowns returns the Towns of the registry, and after them the other Towns that have
// keys, so that they can write. Those have an id alone; a person must see them to end the
// trust in them. prints are the fingerprints of the present keys.
func KnownTowns(ctx context.Context, s *federation.Store) (all []federation.Member, prints map[town.ID]string, err error) {
	if all, err = s.Towns(ctx); err != nil {
		return nil, nil, err
	}
	if prints, err = s.Fingerprints(ctx); err != nil {
		return nil, nil, err
	}
	return append(all, unregistered(all, prints, s.Town)...), prints, nil
}

func unregistered(members []federation.Member, prints map[town.ID]string, self town.ID) (more []federation.Member) {
	for _, id := range slices.Sorted(maps.Keys(prints)) {
		if id != self && !slices.ContainsFunc(members, func(m federation.Member) bool { return m.ID == id }) {
			more = append(more, federation.Member{ID: id})
		}
	}
	return more
}

// RegisteredTown returns the Town with a name or an id. op is what the error says has failed.
// No such Town, or several of that name, is town.ErrUsage.
func RegisteredTown(op string, all []federation.Member, name string) (federation.Member, error) {
	var found []federation.Member
	var names, ids []string
	for _, m := range all {
		if string(m.ID) == name {
			return m, nil
		}
		if m.Name == "" {
			continue // it signs, and has no entry
		}
		names = append(names, m.Name)
		if m.Name == name {
			found, ids = append(found, m), append(ids, string(m.ID))
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		next := "gt federation towns --all lists them"
		if near := town.Nearest(name, names, 3); len(near) > 0 {
			next = "did you mean " + strings.Join(near, " or ") + "?"
		}
		return federation.Member{}, town.Fail(op, next, "%w: the registry has no such Town", town.ErrUsage)
	}
	return federation.Member{}, town.Fail(op, "name one by its id: "+strings.Join(ids, ", "), "%w: %d Towns have that name", town.ErrUsage, len(found))
}
