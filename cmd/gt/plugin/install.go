package plugin

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/planes/federation"
	"gastown/town"
	"gastown/town/durable"
	"gastown/town/plugin"
	"gastown/town/plugin/program"
)

// suffix ends the names of templates that are plugins: the federation's catalogue.
const suffix = ".plugin.md"

// offer is a plugin that can be installed, and what it is and by whom.
type offer struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	// Version, Town and Author are those of the catalogue; From is a directory.
	Version string   `json:"version,omitempty"`
	Town    town.ID  `json:"town,omitempty"`
	Author  string   `json:"author,omitempty"`
	From    string   `json:"from,omitempty"`
	When    string   `json:"when,omitempty"`
	Digest  string   `json:"digest,omitempty"`
	Files   []string `json:"files,omitempty"`
	// Problem is why it cannot be installed.
	Problem string `json:"problem,omitempty"`
	// Enabled says that it may run, which it does not before a person enabled it.
	Enabled bool `json:"enabled"`

	bundle program.Bundle
}

// of describes a bundle.
func (f *offer) of(b program.Bundle) {
	f.bundle, f.Name, f.Description, f.Digest = b, b.Name, town.Clip(b.Description, 300), b.Digest
	f.When, _ = b.When() // checked with the bundle
	f.Files = nil
	for name := range b.Files {
		f.Files = append(f.Files, name)
	}
	slices.Sort(f.Files)
}

func (f offer) print(p *term.Printer) {
	p.Line("%s: %s", f.Name, f.Description)
	switch {
	case f.From != "":
		p.Line("from %s", f.From)
	default:
		p.Line("from the federation: version %s by %s in the Town %s", f.Version, f.Author, f.Town)
	}
	when := f.When
	if when == "" {
		when = "only when you say gt plugin run"
	}
	p.Line("runs %s, files %s", when, strings.Join(f.Files, ", "))
	p.Line("%s", f.Digest)
}

func (o *options) install(ctx context.Context) error {
	h, _, types, err := o.open()
	if err != nil {
		return err
	}
	if o.name == "" {
		return o.catalogue(ctx, h)
	}
	if err := o.person(h, "install the plugin "+o.name); err != nil {
		return err
	}
	var f offer
	if strings.ContainsRune(o.name, filepath.Separator) || o.name == "." {
		f.From = o.call.Abs(o.name)
		b, err := program.ReadBundle(f.From)
		if err != nil {
			return town.Fail("install the plugin in "+f.From, "correct it: docs/plugins.md says what belongs there", "%w", err)
		}
		f.of(b)
	} else if f, err = o.offered(ctx, h); err != nil {
		return err
	}
	unlock, err := o.call.Lock(ctx, h.Layout, "plugins")
	if err != nil {
		return err
	}
	err = o.put(h, types, &f)
	if err = errors.Join(err, unlock()); err != nil {
		return err
	}
	return o.call.Changed(f, func(p *term.Printer) {
		f.print(p)
		p.Line("it does not run yet: look at plugins/%s, then gt plugin enable %s", f.Name, f.Name)
	})
}

// offered finds a plugin in the catalogue.
func (o *options) offered(ctx context.Context, h *host.Host) (f offer, err error) {
	if err := town.CheckHandle("plugin", o.name); err != nil {
		return f, err
	}
	err = h.Engine(host.EngineOptions{}).Read(ctx, func(s *federation.Store) error {
		past, err := s.Find(ctx, town.Key{Kind: town.KindTemplate, Name: strings.ToLower(o.name) + suffix}, "")
		if err == nil {
			f, err = describe(past)
		}
		return err
	})
	if err != nil {
		return f, town.Fail("find the plugin "+o.name+" in the catalogue", "gt plugin install lists it", "%w", err)
	}
	if f.Problem != "" {
		return f, town.Fail("install the plugin "+o.name, "tell "+f.Author+", who wrote it", "%s", f.Problem)
	}
	return f, nil
}

// describe reads a document of the catalogue, whose name is the plugin's.
func describe(past federation.Past) (offer, error) {
	f := offer{Version: past.Version, Town: past.Town, Author: past.Author, Name: strings.TrimSuffix(past.Name, suffix)}
	b, err := program.FromDocument([]byte(past.Text))
	switch {
	case err != nil:
		f.Problem = town.Plain(err.Error())
	case !strings.EqualFold(b.Name, f.Name):
		f.Problem = "its front matter has another name: " + town.Clip(b.Name, 80)
	default:
		f.of(b)
	}
	return f, nil
}

// catalogue lists what the federation offers.
func (o *options) catalogue(ctx context.Context, h *host.Host) error {
	all := []offer{}
	err := h.Engine(host.EngineOptions{}).Read(ctx, func(s *federation.Store) error {
		keys, err := s.Documents(ctx)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if key.Kind != town.KindTemplate || !strings.HasSuffix(key.Name, suffix) {
				continue
			}
			past, err := s.Find(ctx, key, "")
			if err != nil {
				return err
			}
			f, err := describe(past)
			if err != nil {
				return err
			}
			all = append(all, f)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return o.call.Show(all, func(p *term.Printer) {
		if len(all) == 0 {
			p.Line("the federation offers no plugins: they are templates named NAME%s", suffix)
			return
		}
		var rows [][]string
		for _, f := range all {
			what := f.Description
			if f.Problem != "" {
				what = "not usable: " + f.Problem
			}
			rows = append(rows, []string{f.Name, f.Version, f.Author, what})
		}
		p.Table([]string{"PLUGIN", "VERSION", "BY", "WHAT"}, rows)
	})
}

// put writes the files of a plugin and lists it, disabled. A plugin that is listed already
// stays pinned to its former files, so it does not run before it is enabled again.
func (o *options) put(h *host.Host, types plugin.Types, f *offer) error {
	where := filepath.Join("plugins", f.Name)
	list, err := plugin.Read(h.Layout.Plugins(), types)
	if err != nil {
		return err
	}
	e, known := list.Find(f.Name)
	if known && (e.Type != plugin.Exec || e.Config["directory"] != where) {
		return town.Fail("install the plugin "+f.Name, "rename one of them: gt plugin show "+f.Name, "%w: there is another plugin of that name", town.ErrRefused)
	}
	if err := writeFiles(f.From, filepath.Join(h.Layout.Root, where), f.bundle.Files); err != nil {
		return town.Fail("write the files of the plugin "+f.Name, "ls -ld "+filepath.Join(h.Layout.Root, "plugins"), "%w", err)
	}
	// Hidden files that were there before are of the plugin too.
	b, err := program.ReadBundle(filepath.Join(h.Layout.Root, where))
	if err != nil {
		return town.Fail("read the files of the plugin "+f.Name, "ls -la "+filepath.Join(h.Layout.Root, where), "%w", err)
	}
	f.of(b)
	f.Enabled = known && e.Enabled && e.Config["digest"] == f.Digest
	if known {
		return nil
	}
	var config yaml.Node
	if err := config.Encode(map[string]string{"directory": where, "digest": f.Digest}); err != nil {
		return err
	}
	within, err := f.bundle.Within()
	if err != nil {
		return err
	}
	text, err := plugin.Add(list.Text, types, f.Name, plugin.Exec, within, config)
	if err != nil {
		return town.Fail("add the plugin "+f.Name+" to "+h.Layout.Plugins(), "write plugins: with an entry of its own for each plugin, beginning with a dash", "%w", err)
	}
	return writeList(h, text)
}

// writeList replaces the file, for its owner alone.
func writeList(h *host.Host, text []byte) error {
	path := h.Layout.Plugins()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.Replace(path, text, durable.Perm(path, 0o600))
}

// writeFiles makes a directory with these files, in one step. Hidden files at its top stay,
// such as .git, unless there are new ones of their names. A directory that the files are from
// is left as it is.
func writeFiles(from, dir string, files map[string][]byte) (err error) {
	if from != "" {
		a, err1 := os.Stat(from)
		b, err2 := os.Stat(dir)
		if err1 == nil && err2 == nil && os.SameFile(a, b) {
			return nil
		}
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	stage, err := os.MkdirTemp(filepath.Dir(dir), ".new-*")
	if err != nil {
		return err
	}
	stay := false
	defer func() {
		if !stay {
			err = errors.Join(err, os.RemoveAll(stage))
		}
	}()
	for name, text := range files {
		path := filepath.Join(stage, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := durable.WriteFile(path, text, 0o600); err != nil {
			return err
		}
	}
	switch err := durable.RenameNew(stage, dir); {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	if err := durable.Exchange(stage, dir); err != nil {
		return err
	}
	if err := keepHidden(stage, dir); err != nil {
		stay = true
		return err
	}
	return durable.SyncDir(filepath.Dir(dir))
}

// keepHidden moves the hidden files at the top of a directory that the other one has not.
// From a directory that is a link it moves none.
func keepHidden(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil || !info.IsDir() {
		return err
	}
	all, err := os.ReadDir(from)
	for _, e := range all {
		if strings.HasPrefix(e.Name(), ".") {
			if e := durable.RenameNew(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); !errors.Is(e, fs.ErrExist) {
				err = errors.Join(err, e)
			}
		}
	}
	return err
}
