package ledger

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"gastown/town"
)

// Details are conditions that few lists have. The zero Details select all beads.
type Details struct {
	// Title, Description, Notes and Reference are searched for in the field of
	// that name, ignoring case. Reference is that of the external_ref.
	Title, Description, Notes, Reference string
	// ExternalRef is the whole external_ref.
	ExternalRef string
	// NoDescription, NoLabels and NoParent select beads that have none.
	NoDescription, NoLabels, NoParent bool
	// LabelGlob and LabelRegexp are patterns that one of the labels must match: a glob
	// (*, ? and [a-z]) all of it, a regular expression a part.
	LabelGlob, LabelRegexp string
	// IDPrefix is what the id begins with.
	IDPrefix string
	// Deferred selects beads that were put aside: by their status, or until a time.
	// DeferUntil bounds that time.
	Deferred   bool
	DeferUntil Span
	// Pinned and NotPinned select standing notes, by their status or their mark, or
	// everything else.
	Pinned, NotPinned bool
}

func (d Details) empty() bool { return d == Details{} }

// CheckPatterns refuses patterns of labels that cannot be read.
func (d Details) CheckPatterns() error {
	if _, err := path.Match(d.LabelGlob, ""); err != nil {
		return fmt.Errorf("%w: the pattern of labels %q: a [ is not closed, or a \\ is the last character", town.ErrUsage, town.Clip(d.LabelGlob, 80))
	}
	if _, err := regexp.Compile(d.LabelRegexp); err != nil {
		return fmt.Errorf("%w: the regular expression for labels: %w", town.ErrUsage, err)
	}
	return nil
}

// globPattern is a glob as a regular expression; "" stays "".
func globPattern(glob string) string {
	if glob == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("^")
	within := false // between [ and ]
	for rest := glob; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		char := rest[:size]
		rest = rest[size:]
		switch {
		case r == '\\' && rest != "":
			_, size = utf8.DecodeRuneInString(rest)
			b.WriteString(regexp.QuoteMeta(rest[:size]))
			rest = rest[size:]
		case within:
			within = r != ']'
			b.WriteString(char)
		case r == '[':
			within = true
			b.WriteString(char)
		case r == '*':
			b.WriteString(".*")
		case r == '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(char))
		}
	}
	return b.String() + "$"
}

// own adds the conditions on the bead's own columns.
func (d Details) own(w *where) {
	for _, c := range []struct{ column, text string }{
		{"title", d.Title}, {"description", d.Description}, {"notes", d.Notes}, {"external_ref", d.Reference},
	} {
		if c.text != "" {
			w.add("INSTR(LOWER(i."+c.column+"), ?) > 0", strings.ToLower(c.text))
		}
	}
	if d.ExternalRef != "" {
		w.add("i.external_ref = ?", d.ExternalRef)
	}
	if d.NoDescription {
		w.add("i.description = ''")
	}
	if d.IDPrefix != "" {
		w.add("LEFT(i.id, ?) = ?", len([]rune(d.IDPrefix)), d.IDPrefix)
	}
	if d.Deferred {
		w.add("(i.status = ? OR i.defer_until IS NOT NULL)", string(town.StatusDeferred))
	}
	w.span("i.defer_until", d.DeferUntil)
	const pinned = "(i.status = 'pinned' OR COALESCE(i.pinned, 0) = 1)"
	if d.Pinned {
		w.add(pinned)
	}
	if d.NotPinned {
		w.add("NOT " + pinned)
	}
}

// combine adds the conditions of the filters in All, Any and None; sql is that of
// one of them. A condition about a value that is missing is not met.
func (w *where) combine(f Filter, sql func(Filter) *where) {
	for _, part := range f.All {
		p := sql(part)
		w.add(p.group(), p.args...)
	}
	var ways []string
	for _, part := range f.Any {
		p := sql(part)
		ways = append(ways, p.group())
		w.args = append(w.args, p.args...)
	}
	if len(ways) > 0 {
		w.conds = append(w.conds, "("+strings.Join(ways, " OR ")+")")
	}
	for _, part := range f.None {
		p := sql(part)
		w.add("COALESCE("+p.group()+", FALSE) = FALSE", p.args...)
	}
}

// group is the conditions as one.
func (w *where) group() string {
	if len(w.conds) == 0 {
		return "TRUE"
	}
	return "(" + strings.Join(w.conds, " AND ") + ")"
}
