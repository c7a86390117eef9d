package share

import (
	"fmt"
	"maps"
	"slices"

	"gastown/town"
)

// Record is the part of a bead that leaves: its id and, by name, the fields that
// have a value. A field that is empty looks like one that is not shared.
type Record struct {
	ID     string
	Values map[string]string
}

// Digest identifies the record's content as one Town's.
func (r Record) Digest(owner town.ID) town.Digest {
	parts := []string{"bead", string(owner), r.ID}
	for _, f := range Fields {
		if v := r.Values[f.Name]; v != "" {
			parts = append(parts, f.Name, v)
		}
	}
	return town.DigestOf(parts...)
}

// FreeText are the values in which a secret may be, by field: the id, and whatever
// people wrote freely.
func (r Record) FreeText() map[string]string {
	texts := map[string]string{FieldID: r.ID}
	for _, f := range Fields {
		if v := r.Values[f.Name]; f.free && v != "" {
			texts[f.Name] = v
		}
	}
	return texts
}

// Check refuses a record that may not be stored or shown, whoever wrote it. The
// error wraps ErrValue or town.ErrBadBead and holds no value except the id.
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

// Bead is the record as a bead, for printing. Only the fields that shared names
// have a value; the zero values of the others mean nothing.
func (r Record) Bead() (b town.Bead, shared []string) {
	b.ID, shared = r.ID, []string{FieldID}
	for _, f := range Fields {
		// put accepts every value of a record that passed Check.
		if v := r.Values[f.Name]; v != "" && f.put(&b, v) == nil {
			shared = append(shared, f.Name)
		}
	}
	return b, shared
}

// Selection is what the rules select from one bead.
type Selection struct {
	Record Record
	// Rules that share it, by name.
	Rules []string
	// Redacted are the fields that rules cut something out of.
	Redacted []string
	// Cuts are the original texts of those fields, to be searched for secrets of
	// which a redaction leaves a part. They never leave.
	Cuts []Cut
}

// Rules are a Town's rules in the order of their file.
type Rules []Rule

// Select applies the rules to a bead; ok is false when no rule matches. prefixes
// are the id prefixes of the rigs, by the rig's name. The caller searches the
// selection for secrets.
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

// Names lists the fields that Select needs of a bead.
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

// Unconfirmed are the rules that nobody has approved. agreed maps the digest of an
// approved rule to whether it redacts. Removing a rule needs no approval, unless
// it redacted: what it cut out may now leave by other rules, so every rule must
// be approved again. prefixes are as in Select: a rule for a rig whose prefix has
// changed selects other beads, so it counts as not approved.
func (rules Rules) Unconfirmed(agreed map[town.Digest]bool, prefixes map[string]string) Rules {
	left := maps.Clone(agreed)
	var fresh Rules
	for _, r := range rules {
		d := r.boundDigest(prefixes)
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

// StillAgreed is the part of agreed that stays valid. The approval of a rule that
// was removed ends, so that the rule must be approved again if it comes back. A
// removed rule that redacted stays in the list, for Unconfirmed.
func (rules Rules) StillAgreed(agreed map[town.Digest]bool, prefixes map[string]string) map[town.Digest]bool {
	there := rules.Agreed(prefixes)
	still := maps.Clone(agreed)
	maps.DeleteFunc(still, func(d town.Digest, redacts bool) bool {
		_, ok := there[d]
		return !ok && !redacts
	})
	return still
}

// Agreed is the argument for Unconfirmed once a person has approved these rules.
func (rules Rules) Agreed(prefixes map[string]string) map[town.Digest]bool {
	agreed := make(map[town.Digest]bool, len(rules))
	for _, r := range rules {
		agreed[r.boundDigest(prefixes)] = len(r.Redact) > 0
	}
	return agreed
}

// Digest identifies the rules as a whole.
func (rules Rules) Digest() town.Digest {
	parts := make([]string, len(rules))
	for i, r := range rules {
		parts[i] = string(r.Digest())
	}
	return town.DigestOf(parts...)
}
