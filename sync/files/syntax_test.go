package files

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gastown/town"
)

func roleKey(name string) town.Key    { return town.Key{Kind: town.KindRole, Name: name} }
func formulaKey(name string) town.Key { return town.Key{Kind: town.KindFormula, Name: name} }
func templateKey(name string) town.Key {
	return town.Key{Kind: town.KindTemplate, Name: name}
}

const goodRole = "---\nname: mayor\ndescription: Runs the Town\ntags: [a, b]\n---\n# The Mayor\n\nText.\n"

const goodFormula = `formula = "ship"
version = "1.2.0-rc.1"
description = "Ship it"

[vars.branch]
description = "What to ship"
default = "main"
required = true

[[steps]]
id = "test"
title = "Run the tests"

[[steps]]
id = "tag"
title = "Tag it"
needs = ["test"]
`

func TestCheckGood(t *testing.T) {
	for _, c := range []struct {
		name string
		key  town.Key
		text string
		want Meta
	}{
		{"role", roleKey("mayor"), goodRole, Meta{Title: "The Mayor", Description: "Runs the Town"}},
		{"role with CRLF", roleKey("mayor"), strings.ReplaceAll(goodRole, "\n", "\r\n"), Meta{Title: "The Mayor", Description: "Runs the Town"}},
		{"role with BOM", roleKey("mayor"), bom + goodRole, Meta{Title: "The Mayor", Description: "Runs the Town"}},
		{"role without name or body", roleKey("x"), "---\ndescription: d\n---", Meta{Title: "x", Description: "d"}},
		{"role with an alias", roleKey("x"), "---\na: &a d\ndescription: *a\n---\n", Meta{Title: "x", Description: "d"}},
		{"template", templateKey("pr.md"), "anything\n{{", Meta{Title: "pr.md"}},
		{"empty template", templateKey("empty"), "", Meta{Title: "empty"}},
		{"formula", formulaKey("ship"), goodFormula, Meta{
			Title: "ship", Description: "Ship it", Version: "1.2.0-rc.1",
			Steps: []Step{{ID: "test", Title: "Run the tests"}, {ID: "tag", Title: "Tag it", Needs: []string{"test"}}},
			Vars:  map[string]Var{"branch": {Description: "What to ship", Default: "main", Required: true}},
		}},
		{"formula with CRLF", formulaKey("f"), "formula='f'\r\nversion='1.0.0'\r\ndescription='d'\r\nsteps=[{id='a',title='A'}]\r\n",
			Meta{Title: "f", Description: "d", Version: "1.0.0", Steps: []Step{{ID: "a", Title: "A"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Check(c.key, c.text)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestCheckBad(t *testing.T) {
	head := "formula = \"f\"\nversion = \"1.0.0\"\ndescription = \"d\"\n"
	step := func(id, needs string) string {
		return fmt.Sprintf("[[steps]]\nid = %q\ntitle = \"T\"\nneeds = [%s]\n", id, needs)
	}
	bomb := "---\ndescription: d\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 9; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10))
	}
	for _, c := range []struct {
		name, want string
		key        town.Key
		text       string
	}{
		{"no front matter", `roles/m.md:1: does not begin with a line "---" and front matter`, roleKey("m"), "# Mayor\n"},
		{"empty", `roles/m.md:1: is empty: a role begins with a line "---" and front matter`, roleKey("m"), ""},
		{"front matter open", `roles/m.md:1: front matter has no closing line "---"`, roleKey("m"), "---\nname: m\n"},
		{"front matter huge", `roles/m.md:1: front matter has more than 65536 bytes, or no closing line "---"`, roleKey("m"), "---\n" + strings.Repeat("# x\n", 20000)},
		{"front matter empty", "roles/m.md:1: front matter is empty: it needs a description", roleKey("m"), "---\n---\n"},
		{"front matter a list", `roles/m.md:2: front matter is not a list of "key: value" lines`, roleKey("m"), "---\n- a\n---\n"},
		{"wrong name", `roles/m.md:3: name is "n", but the file is called "m"`, roleKey("m"), "---\ndescription: d\nname: n\n---\n"},
		{"twice", `roles/m.md:3: front matter has "description" twice`, roleKey("m"), "---\ndescription: d\ndescription: e\n---\n"},
		{"no description", "roles/m.md:1: front matter has no description", roleKey("m"), "---\nname: m\n---\n"},
		{"empty description", "roles/m.md:2: description is empty", roleKey("m"), "---\ndescription: \"  \"\n---\n"},
		{"null description", "roles/m.md:2: description is not a text", roleKey("m"), "---\ndescription:\n---\n"},
		{"alias bomb", "roles/m.md:2: front matter expands to more than 10000 values", roleKey("m"), bomb + "---\n"},
		{"bad YAML", "roles/m.md:4: front matter: could not find expected ':'", roleKey("m"), "---\nname: m\ndescription: d\nnonsense\n---\n"},
		{"NUL", "templates/t:2: contains a NUL byte, so it is not a text", templateKey("t"), "a\nb\x00"},
		{"Latin-1", "templates/t:3: is not valid UTF-8", templateKey("t"), "a\nb\ncaf\xe9\n"},
		{"too large", "templates/t: has 1048577 bytes, more than the 1048576 allowed", templateKey("t"), strings.Repeat("x", town.MaxDocumentBytes+1)},
		{"bad name", `roles/../x.md: name "../x" is not allowed: use 1 to 64 of a-z 0-9 . _ - and begin with a letter or digit`, roleKey("../x"), goodRole},

		{"bad TOML", "formulas/f.formula.toml:2: expected '=' after key", formulaKey("f"), "formula = 'f'\nversion"},
		{"wrong type", `formulas/f.formula.toml:2: "version" may not be a TOML integer`, formulaKey("f"), "formula = 'f'\nversion = 1\n"},
		{"wrong formula", `formulas/f.formula.toml:1: formula is "g", but the file is called "f"`, formulaKey("f"), "formula = \"g\"\n"},
		{"no formula", `formulas/f.formula.toml: has no line: formula = "f"`, formulaKey("f"), "version = '1.0.0'\n"},
		{"no version", `formulas/f.formula.toml: has no version, for example version = "1.0.0"`, formulaKey("f"), "formula = 'f'\n"},
		{"loose version", `formulas/f.formula.toml:2: version "1.2" is not a semantic version such as 1.4.0`, formulaKey("f"), "formula = 'f'\nversion = '1.2'\n"},
		{"no description", "formulas/f.formula.toml: has no description", formulaKey("f"), "formula = 'f'\nversion = '1.2.0'\n"},
		{"no steps", "formulas/f.formula.toml: has no [[steps]]", formulaKey("f"), head},
		{"no id", "formulas/f.formula.toml:4: step 1 has no id", formulaKey("f"), head + "[[steps]]\ntitle='T'\n"},
		{"no title", `formulas/f.formula.toml:4: step "a" has no title`, formulaKey("f"), head + "[[steps]]\nid='a'\n"},
		{"same id", `formulas/f.formula.toml:9: step "a" has the id of step 1`, formulaKey("f"), head + step("a", "") + step("a", "")},
		{"unknown need", `formulas/f.formula.toml:11: step "b" needs "zz", which is not a step`, formulaKey("f"), head + step("a", "") + step("b", `"zz"`)},
		{"unknown need inline", `formulas/f.formula.toml:6: step "b" needs "zz", which is not a step`, formulaKey("f"),
			head + "steps = [\n{id='a',title='A'},\n{id='b',title='B',needs=['zz']}]\n"},
		{"itself", `formulas/f.formula.toml:7: steps wait for each other: "a" needs "a"`, formulaKey("f"), head + step("a", `"a"`)},
		{"cycle", `formulas/f.formula.toml:11: steps wait for each other: "b" needs "d" needs "c" needs "b"`, formulaKey("f"),
			head + step("a", `"b"`) + step("b", `"d"`) + step("c", `"b"`) + step("d", `"c"`)},
		{"default table", `formulas/f.formula.toml:4: variable "v" has a default that is neither text, number nor true/false`, formulaKey("f"),
			head + "vars.v.default = {}\n" + step("a", "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Check(c.key, c.text)
			if _, ok := errors.AsType[*SyntaxError](err); !ok {
				t.Fatalf("error %v (%T), want a SyntaxError", err, err)
			}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}

// A deeply nested text must neither crash the parser nor take long.
func TestCheckDeep(t *testing.T) {
	long := strings.Repeat("[", 60_000)
	if _, err := Check(roleKey("m"), "---\ndescription: "+long+"\n---\n"); err == nil {
		t.Error("deep YAML was accepted")
	}
	if _, err := Check(formulaKey("f"), "formula = "+strings.Repeat("[", 1<<20-10)); err == nil {
		t.Error("deep TOML was accepted")
	}
	var b strings.Builder
	b.WriteString("formula='f'\nversion='1.0.0'\ndescription='d'\n")
	const n = 16000
	for i := range n {
		fmt.Fprintf(&b, "[[steps]]\nid='s%d'\ntitle='t'\nneeds=['s%d']\n", i, (i+1)%n)
	}
	_, err := Check(formulaKey("f"), b.String())
	if err == nil || !strings.Contains(err.Error(), `"s7" needs 15992 more needs "s0"`) {
		t.Errorf("a cycle of %d steps: %v", n, err)
	}
}

// A graph is accepted exactly when its steps can be put into an order.
func TestStepsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "steps")
		steps := make([]Step, n)
		for i := range steps {
			steps[i] = Step{ID: fmt.Sprint(i), Title: "t"}
			for range rapid.IntRange(0, 2).Draw(t, "needs") {
				steps[i].Needs = append(steps[i].Needs, fmt.Sprint(rapid.IntRange(0, n-1).Draw(t, "need")))
			}
		}
		done := map[string]bool{}
		for range n {
			for _, s := range steps {
				ready := true
				for _, need := range s.Needs {
					ready = ready && done[need]
				}
				if ready {
					done[s.ID] = true
				}
			}
		}
		if _, err := checkSteps(steps); (err == nil) != (len(done) == n) {
			t.Fatalf("%v: error %v, but %d of %d steps can run", steps, err, len(done), n)
		}
	})
}

// A fault in front matter is reported with the line that an editor shows, whichever
// part of the parser found it.
func TestFrontMatterLines(t *testing.T) {
	for front, want := range map[string]int{
		"description: [a\nfoo: b": 3, "tags: {a\nfoo: b\nz: 1": 3, "other: x\ndescription: [a\nfoo: b": 4, // found by the parser
		"description: a: b": 3, "a: b\n  c: d": 4, "q: @foo": 3, "description: \"abc\nfoo: 1": 3, // found by the scanner
	} {
		_, err := Check(town.Key{Kind: town.KindRole, Name: "x"}, "---\nname: x\n"+front+"\n---\n")
		var bad *SyntaxError
		if !errors.As(err, &bad) || bad.Line != want {
			t.Errorf("%q: %v, want line %d", front, err, want)
		}
	}
}
