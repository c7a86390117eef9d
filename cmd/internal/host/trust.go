package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
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
	d := r.policy.MayEnter(access.Writer{Town: w.Town, Name: r.trust.name(w), Author: w.Author}, string(w.Key.Kind), w.Key.Name)
	if d.Allowed {
		return ""
	}
	return fmt.Sprintf("%s may not %s: %s", d.Who, d.Action, d.Reason)
}
