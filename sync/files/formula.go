package files

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/pelletier/go-toml/v2"

	"gastown/town"
	"gastown/town/strict"
)

// maxVersion bounds a version's length in bytes.
const maxVersion = 128

// formulaText is a formula as its file has it. Other keys are allowed, so that the
// formulas of a newer Town work here.
type formulaText struct {
	Formula     string             `toml:"formula"`
	Title       string             `toml:"title"`
	Version     string             `toml:"version"`
	Description string             `toml:"description"`
	Vars        map[string]varText `toml:"vars"`
	Steps       []struct {
		ID          string   `toml:"id"`
		Title       string   `toml:"title"`
		Description string   `toml:"description"`
		Needs       []string `toml:"needs"`
	} `toml:"steps"`
}

type varText struct {
	Description string `toml:"description"`
	Default     any    `toml:"default"`
	Required    bool   `toml:"required"`
}

// checkFormula reads a *.formula.toml and validates the graph of its steps.
func checkFormula(key town.Key, text string) (Meta, error) {
	text = strings.TrimPrefix(text, bom)
	fail := func(line int, format string, args ...any) (Meta, error) {
		return Meta{}, &SyntaxError{Path: key.Path(), Line: line, Reason: fmt.Sprintf(format, args...)}
	}
	var f formulaText
	if err := toml.Unmarshal([]byte(text), &f); err != nil {
		first := strict.First(strict.ExplainTOML(err))
		return fail(first.Line, "%s", first.Reason)
	}
	at := locate(text)
	if f.Formula != key.Name {
		if f.Formula == "" {
			return fail(at.line("formula"), "has no line: formula = %q", key.Name)
		}
		return fail(at.line("formula"), "formula is %q, but the file is called %q", town.Clip(f.Formula, 80), key.Name)
	}
	if err := checkVersion(f.Version); err != nil {
		return fail(at.line("version"), "%v", err)
	}
	if strings.TrimSpace(f.Description) == "" {
		return fail(at.line("description"), "has no description")
	}
	meta := Meta{Title: f.Title, Description: strings.TrimSpace(f.Description), Version: f.Version}
	if meta.Title == "" {
		meta.Title = key.Name
	}
	for _, s := range f.Steps {
		meta.Steps = append(meta.Steps, Step{ID: s.ID, Title: s.Title, Description: s.Description, Needs: s.Needs})
	}
	if where, err := checkSteps(meta.Steps); err != nil {
		return fail(at.line(where), "%v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Vars)) {
		value, err := f.Vars[name].check(name)
		if err != nil {
			return fail(at.line("vars."+name+".default"), "%v", err)
		}
		if meta.Vars == nil {
			meta.Vars = make(map[string]Var, len(f.Vars))
		}
		meta.Vars[name] = value
	}
	return meta, nil
}

func checkVersion(v string) error {
	if v == "" {
		return errors.New(`has no version, for example version = "1.0.0"`)
	}
	if len(v) > maxVersion {
		return fmt.Errorf("version has more than %d characters", maxVersion)
	}
	if _, err := semver.StrictNewVersion(v); err != nil {
		return fmt.Errorf("version %q is not a semantic version such as 1.4.0", v)
	}
	return nil
}

func (v varText) check(name string) (Var, error) {
	out := Var{Description: v.Description, Required: v.Required}
	switch d := v.Default.(type) {
	case nil:
	case string:
		out.Default = d
	case int64, float64, bool:
		out.Default = fmt.Sprint(d)
	default:
		return Var{}, fmt.Errorf("variable %q has a default that is neither text, number nor true/false", town.Clip(name, 80))
	}
	return out, nil
}
