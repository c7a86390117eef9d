package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"gastown/town"
)

// memoryType is the value of _type in an exported line about a memory.
const memoryType = "memory"

// Bounds of a name that MemoryKey makes.
const (
	slugWords = 8
	slugBytes = 60
)

// MemoryKey makes the name of a memory from the first words of its text. It is ""
// for a text without letters and digits.
func MemoryKey(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	key := strings.Join(words[:min(len(words), slugWords)], "-")
	return strings.Trim(key[:min(len(key), slugBytes)], "-")
}

// readMemory reads a line about a memory.
func (p *parsed) readMemory() error {
	var w struct {
		Memory
		Text      json.RawMessage `json:"value"`
		CreatedAt *wireTime       `json:"created_at"`
		UpdatedAt *wireTime       `json:"updated_at"`
	}
	if err := decode(p.text, &w); err != nil {
		return err
	}
	m := w.Memory
	if m.Text = linkMetadata(w.Text); len(w.Text) > 0 && w.Text[0] != '"' && string(w.Text) != "null" {
		p.mended("the memory %s is no text and taken as it is written", town.Clip(m.Name, 40))
	}
	m.CreatedAt, m.UpdatedAt = w.CreatedAt.value(), w.UpdatedAt.value()
	for _, t := range []*time.Time{&m.CreatedAt, &m.UpdatedAt} {
		if !t.IsZero() {
			*t = t.UTC().Truncate(time.Microsecond)
		}
	}
	if m.Text = strings.ReplaceAll(m.Text, "\x00", ""); strings.TrimSpace(m.Text) == "" {
		p.mended("the memory %s is empty and left out", town.Clip(m.Name, 40))
		return errMemoryLine
	}
	p.mendMemoryName(&m)
	p.memory = m
	if err := m.Check(); err != nil {
		return err
	}
	return errMemoryLine
}

// mendMemoryName replaces a name that people could not type. Characters that cannot be
// printed become spaces. A name that is too long is cut and ends with a digest. A memory
// without a name gets one from MemoryKey or, if its text has no words, from the digest.
func (p *parsed) mendMemoryName(m *Memory) {
	was := m.Name
	if m.Check() == nil {
		return
	}
	name := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(was, " "))
	if name = strings.Join(strings.Fields(name), " "); name == "" {
		name = MemoryKey(m.Text)
	}
	digest := string(town.DigestOf(was, m.Text))[:idLength]
	switch {
	case name == "":
		name = "memory-" + digest
	case len(name) > MaxMemoryName:
		name = strings.ToValidUTF8(name[:MaxMemoryName-len(digest)-1], "") + "-" + digest
	}
	if m.Name = name; name != was {
		p.mended("the name %q of a memory is taken as %q", town.Clip(was, 40), town.Clip(name, 80))
	}
}

// WriteMemory writes a memory as one line of an export.
func WriteMemory(w io.Writer, m Memory) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Type string `json:"_type"`
		Memory
	}{memoryType, m})
	if err != nil {
		return fmt.Errorf("export the memory %s: %w", town.Clip(m.Name, 80), err)
	}
	return nil
}

// lineMemory is a memory with the line it was read from.
type lineMemory struct {
	Memory
	line int
}

// remember takes over the memories of an import. A line is taken if its date is
// newer than that of the memory here; one without a date is not, unless by force.
func (in *importing) remember(ctx context.Context, q txn, list []lineMemory) error {
	if len(list) == 0 {
		return nil
	}
	old, err := q.memories(ctx, "")
	if err != nil {
		return err
	}
	here := map[string]Memory{}
	for _, m := range old {
		here[m.Name] = m
	}
	var taken []Memory
	for _, m := range list {
		was, known := here[m.Name]
		switch {
		case known && was.Text == m.Text:
			continue
		case known && !in.opts.Force && !m.UpdatedAt.After(was.UpdatedAt):
			in.result.warn("line %d: the memory %s says something else here and is left alone", m.line, town.Clip(m.Name, 80))
			continue
		}
		m.UpdatedAt = orTime(m.UpdatedAt, in.at)
		if known && !m.UpdatedAt.After(was.UpdatedAt) {
			m.UpdatedAt = in.later(was.UpdatedAt)
		}
		here[m.Name], taken = m.Memory, append(taken, m.Memory)
		in.result.Memories++
	}
	_, _, err = q.remember(ctx, in.rows, taken)
	return err
}
