package share

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gastown/town"
)

// The kinds of failure of this package.
var (
	// ErrRule: a rule is malformed.
	ErrRule = fmt.Errorf("not a rule for sharing: %w", town.ErrUsage)
	// ErrExists: there is a rule of that name.
	ErrExists = errors.New("there is a rule of that name")
	// ErrNone: there is no rule of that name.
	ErrNone = errors.New("there is no rule of that name")
	// ErrValue: a shared record may not hold a value.
	ErrValue = errors.New("not a value to share")
)

// maxPattern bounds the pattern of a redaction, in bytes; maxList the entries
// of one list of a rule; MaxRules the rules of a Town.
const (
	maxPattern = 4096
	maxList    = 256
	MaxRules   = 256
)

// Rule shares some fields of some beads. A bead matches when it meets every
// condition of the rule; a rule without conditions matches every bead.
type Rule struct {
	// Name is unique in the Town.
	Name string `yaml:"name" json:"name"`
	// Rig is the rig the bead belongs to: the rig's name or, where no rig has that
	// name, the prefix of its ids.
	Rig string `yaml:"rig,omitempty" json:"rig,omitempty"`
	// Types and Statuses are alternatives: the bead has one of them.
	Types    []town.BeadType `yaml:"types,omitempty,flow" json:"types,omitempty"`
	Statuses []town.Status   `yaml:"statuses,omitempty,flow" json:"statuses,omitempty"`
	// Labels are required: the bead has all of them.
	Labels []string `yaml:"labels,omitempty,flow" json:"labels,omitempty"`
	// Fields are those that leave; none means Default.
	Fields []string `yaml:"fields,omitempty,flow" json:"fields,omitempty"`
	// Redact lists what is cut out of the fields.
	Redact []Redaction `yaml:"redact,omitempty" json:"redact,omitempty"`
}

// Redaction replaces each match of Pattern (RE2) in a field by Redacted.
type Redaction struct {
	Field   string `yaml:"field" json:"field"`
	Pattern string `yaml:"pattern" json:"pattern"`

	compiled *regexp.Regexp
}

// ParseRedaction reads FIELD=PATTERN.
func ParseRedaction(s string) (Redaction, error) {
	name, pattern, ok := strings.Cut(s, "=")
	if !ok {
		return Redaction{}, fmt.Errorf("%w: a redaction is FIELD=PATTERN, for example description=ACME-[0-9]+", ErrRule)
	}
	r := Redaction{Field: name, Pattern: pattern}
	return r, r.normalise()
}

func (r *Redaction) normalise() (err error) {
	if r.Field, err = ParseField(r.Field); err != nil {
		return err
	}
	if f, ok := field(r.Field); !ok || !f.free {
		return fmt.Errorf("%w: %s holds nothing a person wrote freely; leave the field out instead of redacting it", ErrRule, r.Field)
	}
	if r.Pattern == "" || len(r.Pattern) > maxPattern {
		return fmt.Errorf("%w: the pattern for %s has %d bytes; write 1 to %d", ErrRule, r.Field, len(r.Pattern), maxPattern)
	}
	if r.compiled, err = regexp.Compile(r.Pattern); err != nil {
		return fmt.Errorf("%w: the pattern for %s: %w", ErrRule, r.Field, err)
	}
	if r.compiled.MatchString("") {
		return fmt.Errorf("%w: the pattern for %s matches nothing at all, everywhere; make it match at least one character", ErrRule, r.Field)
	}
	return nil
}

// Normalise checks the rule, sorts its lists and writes field names in full. Every
// other function of a Rule expects one that passed.
func (r *Rule) Normalise() error {
	if err := town.CheckName(r.Name); err != nil {
		return fmt.Errorf("%w: %w", ErrRule, err)
	}
	if len(r.Rig) > 64 || strings.ContainsFunc(r.Rig, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return fmt.Errorf("%w: rig %q", ErrRule, town.Clip(r.Rig, 64))
	}
	if max(len(r.Types), len(r.Statuses), len(r.Labels), len(r.Fields), len(r.Redact)) > maxList {
		return fmt.Errorf("%w: %s has a list of more than %d entries", ErrRule, r.Name, maxList)
	}
	for i, s := range r.Statuses {
		status, err := town.ParseStatus(string(s))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRule, err)
		}
		r.Statuses[i] = status
	}
	for i, t := range r.Types {
		r.Types[i] = town.BeadType(strings.ToLower(strings.TrimSpace(string(t))))
		if f, _ := field("issue_type"); r.Types[i] == "" || f.Check(string(r.Types[i])) != nil {
			return fmt.Errorf("%w: type %q", ErrRule, town.Clip(string(t), 40))
		}
	}
	for _, l := range r.Labels {
		if err := town.CheckLabel(l); err != nil {
			return fmt.Errorf("%w: %w", ErrRule, err)
		}
	}
	if err := r.normaliseFields(); err != nil {
		return err
	}
	r.Types, r.Statuses, r.Labels = distinct(r.Types), distinct(r.Statuses), distinct(r.Labels)
	return nil
}

func (r *Rule) normaliseFields() error {
	if len(r.Fields) == 0 {
		r.Fields = Default
	}
	named := map[string]bool{FieldID: true}
	for _, name := range r.Fields {
		name, err := ParseField(name)
		if err != nil {
			return err
		}
		named[name] = true
	}
	r.Fields = []string{FieldID}
	for _, f := range Fields {
		if named[f.Name] {
			r.Fields = append(r.Fields, f.Name)
		}
	}
	for i := range r.Redact {
		if err := r.Redact[i].normalise(); err != nil {
			return err
		}
	}
	return nil
}

func distinct[T ~string](list []T) []T {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

// Digest identifies what the rule says, to note that a person approved it.
func (r Rule) Digest() town.Digest {
	parts := []string{r.Name, r.Rig}
	add := func(n int, at func(int) string) {
		parts = append(parts, fmt.Sprint(n))
		for i := range n {
			parts = append(parts, at(i))
		}
	}
	add(len(r.Types), func(i int) string { return string(r.Types[i]) })
	add(len(r.Statuses), func(i int) string { return string(r.Statuses[i]) })
	add(len(r.Labels), func(i int) string { return r.Labels[i] })
	add(len(r.Fields), func(i int) string { return r.Fields[i] })
	add(len(r.Redact), func(i int) string { return r.Redact[i].Field + "=" + r.Redact[i].Pattern })
	return town.DigestOf(parts...)
}

// prefix is the prefix of the ids of the rule's rig.
func (r Rule) prefix(prefixes map[string]string) string {
	if prefix, ok := prefixes[r.Rig]; ok {
		return prefix
	}
	return r.Rig
}

// boundDigest is Digest together with the prefix of the rule's rig, because a rig
// may be added or get another prefix while the rule stays the same.
func (r Rule) boundDigest(prefixes map[string]string) town.Digest {
	if r.Rig == "" {
		return r.Digest()
	}
	return town.DigestOf(string(r.Digest()), r.prefix(prefixes))
}

// Matches reports whether the rule selects the bead. prefixes are the id prefixes
// of the rigs, by the rig's name. Where Rule.Rig is both the name of one rig and
// the prefix of another, it means the name.
func (r Rule) Matches(b town.Bead, prefixes map[string]string) bool {
	if r.Rig != "" && town.PrefixOf(b.ID) != r.prefix(prefixes) {
		return false
	}
	return (len(r.Types) == 0 || slices.Contains(r.Types, b.Type)) &&
		(len(r.Statuses) == 0 || slices.Contains(r.Statuses, b.Status)) &&
		!slices.ContainsFunc(r.Labels, func(l string) bool { return !slices.Contains(b.Labels, l) })
}
