package ledger

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"gastown/town"
)

// priorityWords are what other programs write instead of a number.
var priorityWords = map[string]int{
	"critical": 0, "urgent": 0, "highest": 0, "blocker": 0, "high": 1, "major": 1, "medium": 2, "normal": 2, "moderate": 2,
	"low": 3, "minor": 3, "lowest": 4, "trivial": 4, "backlog": 4,
}

// maxWord is how long a word made of other text may be.
const maxWord = 64

// wordOf makes a word, as types are, of the letters and digits of a text; "" if that has
// none.
func wordOf(text string) string {
	word := strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_'
	}), "-")
	word = strings.TrimLeftFunc(word, func(r rune) bool { return r < 'a' || r > 'z' })
	return strings.TrimRight(word[:min(len(word), maxWord)], "-")
}

// printable replaces what cannot be printed by spaces.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// shortened cuts a text of more than most bytes, and ends it with a digest of the whole,
// so that different texts stay different.
func shortened(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := "-" + string(town.DigestOf(text))[:idLength]
	return strings.ToValidUTF8(text[:most-len(end)], "") + end
}

// mendNULs removes NUL characters, which the database does not store.
func (p *parsed) mendNULs(b *town.Bead) {
	texts := []struct {
		name string
		text *string
	}{
		{"id", &b.ID}, {"title", &b.Title}, {"description", &b.Description}, {"design", &b.Design}, {"acceptance_criteria", &b.AcceptanceCriteria},
		{"notes", &b.Notes}, {"close_reason", &b.CloseReason}, {"assignee", &b.Assignee}, {"owner", &b.Owner}, {"created_by", &b.CreatedBy},
		{"external_ref", &b.ExternalRef}, {"spec_id", &b.SpecID},
	}
	for i := range b.Dependencies {
		texts = append(texts, struct {
			name string
			text *string
		}{"a link", &b.Dependencies[i].Target})
	}
	for i := range b.Comments {
		for _, text := range []*string{&b.Comments[i].Text, &b.Comments[i].Author} {
			texts = append(texts, struct {
				name string
				text *string
			}{"a comment", text})
		}
	}
	for _, t := range texts {
		if strings.ContainsRune(*t.text, 0) {
			*t.text = strings.ReplaceAll(*t.text, "\x00", "")
			p.mended("NUL characters in %s are left out", t.name)
		}
	}
}

// mendTitle cuts a title that is too long. The description begins with the whole of it.
func (p *parsed) mendTitle(b *town.Bead) {
	n := utf8.RuneCountInString(b.Title)
	if n <= town.MaxTitleChars {
		return
	}
	whole := b.Title
	b.Title = string([]rune(whole)[:town.MaxTitleChars-1]) + "…"
	b.Description = strings.TrimSuffix(whole+"\n\n"+b.Description, "\n\n")
	p.mended("its title has %d characters and is cut; the description begins with the whole", n)
}

// mendType makes a word of a type that is none. original_type keeps the text.
func (p *parsed) mendType(b *town.Bead) {
	was := string(b.Type)
	if was == "" || town.IsWord(was) {
		return
	}
	word := or(town.BeadType(wordOf(was)), town.TypeTask)
	if known, err := town.ParseBeadType(string(word)); err == nil {
		word = known
	}
	b.Type = word
	if _, kept := b.Extra[originalType]; !kept {
		text, _ := json.Marshal(was) // a string: never fails
		b.Extra = put(b.Extra, originalType, text)
	}
	p.mended("the type %q is taken as %s, and original_type keeps the text", town.Clip(was, 40), word)
}
