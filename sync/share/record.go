package share

import (
	"fmt"
	"maps"
	"slices"

	"gastown/town"
)

// Record is what leaves of one bead: its id and, by name, the fields that have
// a value. A field that is not shared and one that is empty look alike.
type Record struct {
	ID     string
	Values map[string]string
}

// Digest addresses the record as one Town's.
func (r Record) Digest(owner town.ID) town.Digest {
	parts := []string{"bead", string(owner), r.ID}
	for _, f := range Fields {
		if v := r.Values[f.Name]; v != "" {
			parts = append(parts, f.Name, v)
		}
	}
	return town.DigestOf(parts...)
}

// Written is what people wrote in the record, by field, and its id: where a
// secret may be.
func (r Record) Written() map[string]string {
	texts := map[string]string{FieldID: r.ID}
	for _, f := range Fields {
		if v := r.Values[f.Name]; f.free && v != "" {
			texts[f.Name] = v
		}
	}
	return texts
}

// Check reports whether the record may be stored and shown, whoever wrote it.
// An error wraps ErrValue or town.ErrBadBead and holds no value but the id.
func (r Record) Check() error {
	if err := town.CheckBeadID(r.ID); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Values)) {
		f, ok := field(name)
		if !ok {
			return fmt.Errorf("%w: there is no field %q", ErrValue, town.Clip(name, 40))
		}
		if err := f.Check(r.Values[name]); err != nil {
			return err
		}
	}
	return nil
}

// Bead is the record as a bead, for printing. Shared names the fields that have
// a value; the others say nothing.
func (r Record) Bead() (b town.Bead, shared []string) {
	b.ID, shared = r.ID, []string{FieldID}
	for _, f := range Fields {
		// A record that passed Check has only values that fit.
		if v := r.Values[f.Name]; v != "" && f.put(&b, v) == nil {
			shared = append(shared, f.Name)
		}
	}
	return b, shared
}

// Selection is what rules make of one bead.
type Selection struct {
	Record Record
	// Rules that share it, by name.
	Rules []string
	// Redacted fields had something cut out.
	Redacted []string
	// Cuts are the texts that had, as they were: a secret in one of them must
	// not be left there in part. They never leave.
	Cuts []Cut
}

// Rules is a Town's rules in the order of their file.
type Rules []Rule

// Select applies the rules to a bead; ok is false when none shares it. prefixes
// are those of the rigs' ids, by the rig's name. Nothing was searched for secrets
// yet.
func (rules Rules) Select(b town.Bead, prefixes map[string]string) (s Selection, ok bool) {
	var matching []Rule
	for _, r := range rules {
		if r.Matches(b, prefixes) {
			matching = append(matching, r)
			s.Rules = append(s.Rules, r.Name)
		}
	}
	if len(matching) == 0 {
		return Selection{}, false
	}
	s.Record = Record{ID: b.ID, Values: map[string]string{}}
	for _, f := range Fields {
		if !slices.ContainsFunc(matching, func(r Rule) bool { return slices.Contains(r.Fields, f.Name) }) {
			continue
		}
		value, cuts := f.redact(b, matching)
		if len(cuts) > 0 {
			s.Redacted, s.Cuts = append(s.Redacted, f.Name), append(s.Cuts, cuts...)
		}
		if value != "" {
			s.Record.Values[f.Name] = value
		}
	}
	return s, true
}

// Names lists the fields that the rules need of a bead, for whoever reads them.
func (rules Rules) Names() []string {
	need := map[string]bool{FieldID: true}
	for _, r := range rules {
		for _, f := range r.Fields {
			need[f] = true
		}
		need["issue_type"] = need["issue_type"] || len(r.Types) > 0
		need["status"] = need["status"] || len(r.Statuses) > 0
		need["labels"] = need["labels"] || len(r.Labels) > 0
	}
	maps.DeleteFunc(need, func(_ string, v bool) bool { return !v })
	return slices.Sorted(maps.Keys(need))
}

// Unconfirmed are the rules a person has not agreed to yet. agreed maps the
// digest of a rule to whether it redacts. A rule that was taken away needs no
// agreement, unless it redacted: what it cut out may leave by other rules now,
// so then every rule is to be looked at anew. prefixes are as in Select: a rule
// for a rig that has another prefix by now shares what nobody looked at.
func (rules Rules) Unconfirmed(agreed map[town.Digest]bool, prefixes map[string]string) Rules {
	left := maps.Clone(agreed)
	var fresh Rules
	for _, r := range rules {
		d := r.bound(prefixes)
		if _, ok := agreed[d]; !ok {
			fresh = append(fresh, r)
		}
		delete(left, d)
	}
	for _, redacted := range left {
		if redacted {
			return rules
		}
	}
	return fresh
}

// Still is what of an agreement goes on: a rule that was taken away and comes back
// is confirmed anew. That one redacted is remembered, for Unconfirmed.
func (rules Rules) Still(agreed map[town.Digest]bool, prefixes map[string]string) map[town.Digest]bool {
	there := rules.Agreed(prefixes)
	still := maps.Clone(agreed)
	maps.DeleteFunc(still, func(d town.Digest, redacts bool) bool {
		_, ok := there[d]
		return !ok && !redacts
	})
	return still
}

// Agreed is what Unconfirmed wants to know of rules a person agreed to.
func (rules Rules) Agreed(prefixes map[string]string) map[town.Digest]bool {
	agreed := make(map[town.Digest]bool, len(rules))
	for _, r := range rules {
		agreed[r.bound(prefixes)] = len(r.Redact) > 0
	}
	return agreed
}

// Digest addresses the rules as a whole.
func (rules Rules) Digest() town.Digest {
	parts := make([]string, len(rules))
	for i, r := range rules {
		parts[i] = string(r.Digest())
	}
	return town.DigestOf(parts...)
}
