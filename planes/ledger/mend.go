package ledger

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gastown/town"
)

// An import takes what other programs and people wrote by accident, and mends it
// in the obvious way. Every mend is listed by its line. ImportOptions.Strict makes
// each of them a fault instead.

// undatedAt stands for the missing dates of a line that has none, until the import
// knows whether the bead exists.
var undatedAt = time.Unix(0, 0).UTC()

// idLength is how many characters of a digest make the id of a bead without one.
const idLength = 10

func (p *parsed) mended(format string, args ...any) {
	p.odd = append(p.odd, fmt.Sprintf(format, args...))
}

// mend mends the bead that was read.
func (p *parsed) mend() {
	b := &p.bead
	p.mendNULs(b)
	if b.ID == "" && b.Title != "" {
		// Made of its content, so that repeating the import makes no second bead.
		b.ID = defaultPrefix + "-" + string(town.DigestOf(b.Title, b.Description))[:idLength]
		p.mended("it has no id and gets %s", b.ID)
	}
	p.mendTitle(b)
	p.mendStatus(b)
	p.mendType(b)
	p.mendDates(b)
	p.mendLabels(b)
	p.mendLinks(b)
	p.mendComments(b)
}

// foldNames gives fields whose names differ from known ones only in case those
// names, unless the line has the known one too. It reports whether the names of
// such fields have to be kept from the JSON library, which ignores case.
func (p *parsed) foldNames(fields map[string]json.RawMessage, known []string) (differ bool) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		i := slices.IndexFunc(known, func(k string) bool { return k != name && strings.EqualFold(k, name) })
		if i < 0 || slices.Contains(known, name) {
			continue
		}
		differ = true
		value := fields[name]
		delete(fields, name)
		if _, both := fields[known[i]]; both {
			p.mended("%s is left out, because the line has %s too", town.Clip(name, 40), known[i])
			continue
		}
		fields[known[i]] = value
		p.mended("%s is taken as %s", town.Clip(name, 40), known[i])
	}
	return differ
}

// priority reads a priority: a number, 1.0 too, or a text such as P1.
func (p *parsed) priority(raw json.RawMessage) (int, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return defaultPriority, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if strings.TrimSpace(text) == "" {
			p.mended("an empty priority is taken as %d", defaultPriority)
			return defaultPriority, nil
		}
		n, err := town.ParsePriority(text)
		known := err == nil
		if !known {
			n, known = priorityWords[strings.ToLower(strings.TrimSpace(text))]
		}
		if known {
			p.mended("priority %q is taken as %d", text, n)
			return n, nil
		}
	}
	if whole := wholeNumber(strings.TrimSpace(or(text, string(raw)))); len(whole) > 0 {
		if value, err := strconv.ParseFloat(string(raw), 64); err != nil || value != math.Trunc(value) {
			p.mended("priority %s is taken as %s", town.Clip(string(raw), 40), whole[0])
		}
		raw = whole[0]
	}
	var n struct {
		Priority int `json:"priority"`
	}
	if err := decodeField("priority", raw, &n); err != nil {
		return 0, err
	}
	if within := min(max(n.Priority, 0), town.MaxPriority); within != n.Priority {
		p.mended("priority %d is taken as %d", n.Priority, within)
		return within, nil
	}
	return n.Priority, nil
}

func (p *parsed) mendDates(b *town.Bead) {
	switch none := b.CreatedAt.IsZero(); {
	case none && b.UpdatedAt.IsZero():
		p.undated = true
		b.CreatedAt, b.UpdatedAt = undatedAt, undatedAt
		p.mended("it has no dates")
	case none:
		p.mended("created_at is missing and taken from updated_at")
	case b.UpdatedAt.IsZero():
		p.mended("updated_at is missing and taken from created_at")
	}
}

func (p *parsed) mendLabels(b *town.Bead) {
	var labels []string
	for _, l := range b.Labels {
		parts := strings.Split(l, ",")
		for i := range parts {
			parts[i] = shortened(strings.TrimSpace(printable(parts[i])), town.MaxLabelBytes)
		}
		parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
		if len(parts) != 1 || parts[0] != l {
			p.mended("the label %q is taken as %q", town.Clip(l, 40), parts)
		}
		labels = append(labels, parts...)
	}
	b.Labels = labels
}

func (p *parsed) mendLinks(b *town.Bead) {
	for i := range b.Dependencies {
		d := &b.Dependencies[i]
		if was := string(d.Type); was != "" && !town.IsWord(was) {
			d.Type = or(town.DepType(wordOf(was)), town.DepRelated)
			p.mended("the type %q of its link to %s is taken as %s", town.Clip(was, 40), town.Clip(d.Target, 80), d.Type)
		}
	}
	b.Dependencies = slices.DeleteFunc(b.Dependencies, func(d town.Dependency) bool {
		switch {
		case d.Target == "":
			p.mended("a link to nothing is left out")
		case d.Target == b.ID:
			p.mended("its link to itself is left out")
		default:
			return false
		}
		return true
	})
}

func (p *parsed) mendComments(b *town.Bead) {
	b.Comments = slices.DeleteFunc(b.Comments, func(c town.Comment) bool {
		if strings.TrimSpace(c.Text) != "" {
			return false
		}
		p.mended("an empty comment is left out")
		return true
	})
}

// mendStatus leaves a status that may be a custom one as it is. Any other text is
// stored beside the bead, which is open.
func (p *parsed) mendStatus(b *town.Bead) {
	word := string(b.Status)
	if word == "" {
		return
	}
	if s, err := town.StatusWord(word); err == nil && (s == b.Status || slices.Contains(town.Statuses, s)) {
		b.Status = s
		return
	}
	text, _ := json.Marshal(word) // a string: never fails
	b.Extra = put(b.Extra, originalStatus, text)
	b.Status = town.StatusOpen
	p.mended("the status %q may not be one here: the bead is open, and original_status keeps the text", town.Clip(word, 40))
}
