package sling

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"gastown/cmd/internal/host"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/sync/files"
	"gastown/town"
	"gastown/town/strict"
)

// maxFormula bounds a formula's file, in bytes.
const maxFormula = 1 << 20

// steps gives each bead the steps of its formula: child beads that wait for each
// other as the formula says. A bead that has them already keeps them. With dryRun it
// only checks that this would work.
func steps(ctx context.Context, h *host.Host, wanted []operational.Waiting, dryRun bool) (err error) {
	how := wanted[0].Options
	meta, err := formula(h, how.Formula)
	if err != nil {
		return err
	}
	values, err := substitutions(how, meta)
	if err != nil {
		return err
	}
	s, release, err := h.Ledger(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	var list []ledger.NewBead
	for _, w := range wanted {
		more, err := children(ctx, s, w, meta, values)
		if err != nil {
			return err
		}
		list = append(list, more...)
	}
	if dryRun {
		return nil
	}
	_, err = s.Create(ctx, list)
	return err
}

// formula reads a formula as people edit it.
func formula(h *host.Host, name string) (files.Meta, error) {
	key := town.Key{Kind: town.KindFormula, Name: name}
	path := filepath.Join(h.Layout.Files(), filepath.FromSlash(key.Path()))
	text, err := strict.ReadFile(path, maxFormula)
	if errors.Is(err, fs.ErrNotExist) {
		var names []string
		all, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*"+town.KindFormula.Suffix()))
		for _, p := range all {
			names = append(names, strings.TrimSuffix(filepath.Base(p), town.KindFormula.Suffix()))
		}
		next := "choose one of " + strings.Join(names, ", ")
		if near := town.Nearest(name, names, 1); len(near) > 0 {
			next = "did you mean " + near[0] + "?"
		}
		return files.Meta{}, town.Fail("use the formula "+name, next, "%w: there is no such formula", town.ErrUsage)
	}
	if err != nil {
		return files.Meta{}, err
	}
	return files.Check(key, string(text))
}

// substitutions replaces {{NAME}} by the values of variables; an unknown variable and
// a required one without a value are wrong usage. bead is the slung bead unless it is
// given.
func substitutions(how town.Sling, meta files.Meta) (map[string]string, error) {
	values := map[string]string{}
	for name, v := range meta.Vars {
		values[name] = v.Default
		if given, ok := how.Vars[name]; ok {
			values[name] = given
		} else if v.Required && v.Default == "" && name != "bead" {
			return nil, town.Fail("use the formula "+how.Formula, "add --var "+name+"=VALUE", "%w: it needs the variable %s: %s", town.ErrUsage, name, v.Description)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(how.Vars)) {
		if _, ok := meta.Vars[name]; !ok {
			return nil, town.Fail("use the formula "+how.Formula, "leave out --var "+name, "%w: it has no variable %s", town.ErrUsage, name)
		}
	}
	return values, nil
}

// children are the beads that a bead's steps become.
func children(ctx context.Context, s *ledger.Store, w operational.Waiting, meta files.Meta, values map[string]string) ([]ledger.NewBead, error) {
	label := town.StepLabel(w.Options.Formula)
	var there []ledger.Item
	if err := s.List(ctx, ledger.Filter{Parent: w.Bead, Fields: ledger.Fields{"id", "labels"}}, ledger.Collect(&there)); err != nil {
		return nil, err
	}
	first := 1
	for _, i := range there {
		if slices.Contains(i.Labels, label) {
			return nil, nil
		}
		if _, n, ok := town.ParentID(i.ID); ok {
			first = max(first, n+1)
		}
	}
	var pairs []string
	for name, value := range values {
		if name == "bead" && value == "" {
			value = w.Bead
		}
		pairs = append(pairs, "{{"+name+"}}", value)
	}
	fill := strings.NewReplacer(pairs...).Replace
	ids := map[string]string{}
	var list []ledger.NewBead
	for n, step := range meta.Steps {
		ids[step.ID] = town.ChildID(w.Bead, first+n)
	}
	for _, step := range meta.Steps {
		b := town.Bead{ID: ids[step.ID], Title: fill(step.Title), Description: fill(step.Description), Priority: w.Priority, Labels: []string{label}}
		b.Dependencies = []town.Dependency{{Bead: b.ID, Target: w.Bead, Type: town.DepParent}}
		for _, need := range step.Needs {
			if ids[need] == "" {
				return nil, fmt.Errorf("the step %s of %s needs %q, which is none", step.ID, w.Options.Formula, need)
			}
			b.Dependencies = append(b.Dependencies, town.Dependency{Bead: b.ID, Target: ids[need], Type: town.DepBlocks})
		}
		list = append(list, ledger.NewBead{Bead: b})
	}
	return list, nil
}
