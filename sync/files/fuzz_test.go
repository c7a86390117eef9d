package files

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pelletier/go-toml/v2"

	"gastown/town"
)

func FuzzRole(f *testing.F) {
	for _, s := range []string{goodRole, bom + goodRole, "---\r\ndescription: d\r\n---\r\n", "---\na: &a [*a]\ndescription: d\n---\n",
		"---\ndescription: |\n  x\n---\n", "---\n? [a]\n: b\n---\n", "---\n!!binary x\n---\n", "---\n<<: *x\n---\n", "---\n00\r\r0: \n---",
		"---\ndescription: >-\n  a\n\n  b\n---\n", "---\ndescription: 'a\n  b'\n---\n#  x\n# \n# y", "---\ndescription: \"\\0\\x85\\u2028\"\n---\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { checkFuzzed(t, roleKey("mayor"), text, roleOf) })
}

func FuzzFormula(f *testing.F) {
	for _, s := range []string{goodFormula, bom + goodFormula, "formula='ship'\nversion='1.0.0'\ndescription='d'\nsteps=[{id='a',title='A',needs=['a']}]\n",
		"[vars]\n'a.b'.default=1\n", "[[steps]]\n[[steps.x]]\nneeds=[]\n", "steps=1\n", "\"steps\"=[[]]\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { checkFuzzed(t, formulaKey("ship"), text, formulaOf) })
}

// FuzzFrontMatter writes any description and heading into a role. Check must return
// what was written.
func FuzzFrontMatter(f *testing.F) {
	for _, s := range []string{"Runs the Town", "a: b", "- x", "|", "---", "null", "1", "~", "\u2028", "a\nb", "'\"", "# x", "<<", "!!binary x", "*a", "\ufeff", "\u0085", "é\t", "\t\n0", "\x7f\v\U0001f600"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, description, title string) {
		want := Meta{Title: town.Clip(strings.TrimSpace(title), 200), Description: strings.TrimSpace(description)}
		if want.Description == "" || !utf8.ValidString(description) || !utf8.ValidString(title) || strings.ContainsAny(title, "\n\x00") {
			return
		}
		if want.Title == "" {
			want.Title = "mayor"
		}
		text := roleOf(t, Meta{Title: title, Description: description})
		got, err := Check(roleKey("mayor"), text)
		if err != nil || !cmp.Equal(want, got) {
			t.Fatalf("%q says %+v, %v, not %+v", text, got, err, want)
		}
	})
}

// roleOf writes a role with that meta. Go's ASCII quoting is valid YAML; the library's
// own writer produces texts that its reader refuses.
func roleOf(_ *testing.T, m Meta) string {
	return "---\nname: mayor\ndescription: " + strconv.QuoteToASCII(m.Description) + "\n---\nText.\n# " + m.Title + "\n"
}

// formulaOf writes a formula with that meta.
func formulaOf(t *testing.T, m Meta) string {
	text := formulaText{Formula: "ship", Title: m.Title, Version: m.Version, Description: m.Description, Vars: map[string]varText{}}
	for name, v := range m.Vars {
		text.Vars[name] = varText{Description: v.Description, Default: v.Default, Required: v.Required}
	}
	for _, s := range m.Steps {
		text.Steps = append(text.Steps, struct {
			ID          string   `toml:"id"`
			Title       string   `toml:"title"`
			Description string   `toml:"description"`
			Needs       []string `toml:"needs"`
		}{s.ID, s.Title, s.Description, s.Needs})
	}
	b, err := toml.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// checkFuzzed checks that a text is either refused at one of its lines, or has the same
// meta with other line ends and when the meta is written as a new text.
func checkFuzzed(t *testing.T, key town.Key, text string, written func(*testing.T, Meta) string) {
	meta, err := Check(key, text)
	if err != nil {
		s, ok := errors.AsType[*SyntaxError](err)
		if !ok || s.Reason == "" || s.Line < 0 || s.Line > 1+strings.Count(text, "\n") {
			t.Fatalf("error %#v for %d lines", err, 1+strings.Count(text, "\n"))
		}
		return
	}
	if meta.Title == "" || meta.Description == "" || (key.Kind == town.KindFormula && (len(meta.Steps) == 0 || meta.Version == "")) {
		t.Fatalf("accepted with %+v", meta)
	}
	if len(text) > maxFrontMatter/2 {
		return // with CRLF it may be too large
	}
	forms := map[string]string{"written anew": written(t, meta)}
	if !strings.HasPrefix(text, bom) {
		forms["with a byte order mark"] = bom + text
	}
	if !strings.Contains(text, "\r") {
		forms["with CRLF"] = strings.ReplaceAll(text, "\n", "\r\n")
	}
	for name, form := range forms {
		again, err := Check(key, form)
		if err != nil {
			t.Fatalf("%s it is refused: %v\n%q", name, err, form)
		}
		if name == "with CRLF" && key.Kind == town.KindFormula {
			continue // in TOML a line end within a text is a part of it
		}
		if d := cmp.Diff(meta, again, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%s it says something else: %s\n%q", name, d, form)
		}
	}
}
