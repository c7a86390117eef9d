package starter

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/Masterminds/semver/v3"
	"github.com/google/go-cmp/cmp"

	"gastown/town"
	"gastown/town/strict"
)

func TestDocumentsAreTheFilesOnDisk(t *testing.T) {
	onDisk := map[town.Key]string{}
	for _, k := range town.Kinds {
		entries, err := os.ReadDir(filepath.Join("content", k.Dir()))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			key, err := town.ParsePath(k.Dir() + "/" + e.Name())
			if err != nil {
				t.Errorf("%s: %v", e.Name(), err)
				continue
			}
			text, err := os.ReadFile(filepath.Join("content", k.Dir(), e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			onDisk[key] = string(text)
		}
	}
	got := map[town.Key]string{}
	for _, d := range Documents() {
		got[d.Key] = d.Text
	}
	if diff := cmp.Diff(onDisk, got); diff != "" {
		t.Errorf("(-disk +embedded):\n%s", diff)
	}
}

func TestDocumentsWhatThereIs(t *testing.T) {
	names := map[town.Kind][]string{}
	var kinds []town.Kind
	for _, d := range Documents() {
		if !slices.Contains(kinds, d.Key.Kind) {
			kinds = append(kinds, d.Key.Kind)
		}
		names[d.Key.Kind] = append(names[d.Key.Kind], d.Key.Name)
	}
	if diff := cmp.Diff(town.Kinds, kinds); diff != "" {
		t.Errorf("order of kinds (-want +got):\n%s", diff)
	}
	want := map[town.Kind][]string{
		town.KindRole:     {"boot", "crew", "deacon", "dog", "mayor", "polecat", "refinery", "witness"},
		town.KindFormula:  {"bugfix", "code-review", "dependency-update", "feature", "incident", "release", "security-audit"},
		town.KindTemplate: {"bug-report.md", "handoff.md", "pull-request.md"},
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTextsAreClean(t *testing.T) {
	for _, d := range Documents() {
		switch {
		case !utf8.ValidString(d.Text) || strings.ContainsAny(d.Text, "\r\x00\t\ufeff"):
			t.Errorf("%s: not plain UTF-8 with LF and spaces", d.Key)
		case !strings.HasSuffix(d.Text, "\n") || strings.HasSuffix(d.Text, "\n\n"):
			t.Errorf("%s: does not end with exactly one line end", d.Key)
		case len(d.Text) > town.MaxDocumentBytes:
			t.Errorf("%s: %d bytes", d.Key, len(d.Text))
		}
		for i, line := range strings.Split(d.Text, "\n") {
			if strings.Count(line, "`")%2 != 0 {
				t.Errorf("%s:%d: what stands between backticks goes over the end of the line", d.Key, i+1)
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("%s:%d: blanks at the end", d.Key, i+1)
			}
		}
	}
}

func TestRoles(t *testing.T) {
	for _, d := range ofKind(town.KindRole) {
		rest, ok := strings.CutPrefix(d.Text, "---\n")
		front, body, closed := strings.Cut(rest, "\n---\n")
		if !ok || !closed {
			t.Errorf("%s: no front matter", d.Key)
			continue
		}
		var meta struct {
			Name        string   `yaml:"name"`
			Description string   `yaml:"description"`
			Tags        []string `yaml:"tags"`
		}
		if err := strict.YAML([]byte(front), &meta); err != nil {
			t.Errorf("%s: %v", d.Key, err)
		}
		if meta.Name != d.Key.Name || meta.Description == "" {
			t.Errorf("%s: name %q, description %q", d.Key, meta.Name, meta.Description)
		}
		for _, section := range []string{"\n# ", "\n## Never\n", "`bd "} {
			if !strings.Contains("\n"+body, section) {
				t.Errorf("%s: no %q", d.Key, section)
			}
		}
	}
}

type formulaFile struct {
	Formula     string `toml:"formula"`
	Version     string `toml:"version"`
	Description string `toml:"description"`
	Vars        map[string]struct {
		Description string `toml:"description"`
		Required    bool   `toml:"required"`
		Default     string `toml:"default"`
	} `toml:"vars"`
	Steps []struct {
		ID          string   `toml:"id"`
		Title       string   `toml:"title"`
		Description string   `toml:"description"`
		Needs       []string `toml:"needs"`
	} `toml:"steps"`
}

var variable = regexp.MustCompile(`\{\{([^}]*)\}\}`)

func TestFormulas(t *testing.T) {
	for _, d := range ofKind(town.KindFormula) {
		t.Run(d.Key.Name, func(t *testing.T) {
			var f formulaFile
			if err := strict.TOML([]byte(d.Text), &f); err != nil {
				t.Fatal(err)
			}
			if f.Formula != d.Key.Name || f.Description == "" || len(f.Steps) < 3 {
				t.Errorf("formula %q, description %q, %d steps", f.Formula, f.Description, len(f.Steps))
			}
			if _, err := semver.StrictNewVersion(f.Version); err != nil {
				t.Errorf("version %q: %v", f.Version, err)
			}
			// A step needs only earlier ones, so there is no cycle and the
			// file reads in an order that can be worked in.
			earlier := map[string]bool{}
			used := map[string]bool{}
			for _, s := range f.Steps {
				if s.ID == "" || s.Title == "" || s.Description == "" || earlier[s.ID] {
					t.Errorf("step %q: incomplete or twice", s.ID)
				}
				for _, n := range s.Needs {
					if !earlier[n] {
						t.Errorf("step %q needs %q, which is no earlier step", s.ID, n)
					}
				}
				earlier[s.ID] = true
				for _, m := range variable.FindAllStringSubmatch(s.Description, -1) {
					used[m[1]] = true
				}
			}
			for name, v := range f.Vars {
				if v.Description == "" || v.Required == (v.Default != "") || !used[name] {
					t.Errorf("variable %q: no description, both required and defaulted, neither, or unused", name)
				}
			}
			for name := range used {
				if _, ok := f.Vars[name]; !ok {
					t.Errorf("{{%s}} is not declared", name)
				}
			}
		})
	}
}

var (
	mention  = regexp.MustCompile("the `([a-z-]+)` formula")
	template = regexp.MustCompile("template `([a-z.-]+)`")
)

// A text names only documents that exist. A test of cmd/gt-engine gives the commands
// in it to the parsers.
func TestTextsNameOnlyWhatExists(t *testing.T) {
	keys := map[town.Key]bool{}
	for _, d := range Documents() {
		keys[d.Key] = true
	}
	for _, d := range Documents() {
		for _, m := range mention.FindAllStringSubmatch(d.Text, -1) {
			if !keys[town.Key{Kind: town.KindFormula, Name: m[1]}] {
				t.Errorf("%s: no formula %q", d.Key, m[1])
			}
		}
		for _, m := range template.FindAllStringSubmatch(d.Text, -1) {
			if !keys[town.Key{Kind: town.KindTemplate, Name: m[1]}] {
				t.Errorf("%s: no template %q", d.Key, m[1])
			}
		}
	}
}

// Work is handed in by gt done and by nothing else: no label and no assignee brings a branch
// into the merge queue, and an agent that gives its bead away loses it.
func TestTextsHandInByDone(t *testing.T) {
	handsIn := map[string]bool{}
	for _, d := range Documents() {
		for _, wrong := range []string{"label merge", "--assignee refinery", "to the Refinery"} {
			if strings.Contains(d.Text, wrong) {
				t.Errorf("%s: %q hands nothing in", d.Key, wrong)
			}
		}
		handsIn[d.Key.Path()] = strings.Contains(d.Text, "`gt done`")
	}
	for _, path := range []string{
		"roles/polecat.md", "formulas/bugfix.formula.toml", "formulas/feature.formula.toml", "formulas/dependency-update.formula.toml",
	} {
		if !handsIn[path] {
			t.Errorf("%s: it does not say how work is handed in", path)
		}
	}
}

// Texts has the text in use first, then former ones. A former text differs from all
// that came later, or it would say nothing.
func TestFormerTexts(t *testing.T) {
	texts, former := Texts(), 0
	for _, d := range Documents() {
		all := texts[d.Key]
		if len(all) == 0 || all[0] != d.Text {
			t.Errorf("%s: its text is not the first of %d", d.Key, len(all))
		}
	}
	for key, all := range texts {
		former += len(all) - 1
		if sorted := slices.Compact(slices.Sorted(slices.Values(all))); len(sorted) != len(all) {
			t.Errorf("%s: the same text stands twice among %d", key, len(all))
		}
	}
	if former < 11 {
		t.Errorf("%d former texts, want those of the first version", former)
	}
}

func ofKind(k town.Kind) []Document {
	var docs []Document
	for _, d := range Documents() {
		if d.Key.Kind == k {
			docs = append(docs, d)
		}
	}
	return docs
}
