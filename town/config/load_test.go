package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gastown/town"
)

const sample = `# Harbour, our first Town.

town:
    id: 3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a11 # never change this
    name: harbour
# Whoever sits at this desk.
actor: {name: Ada, email: ada@example.com}

stores:
    operational: 3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12
    ledger: 3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a13
    federation: 3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a14

remotes:
    # The one everybody uses.
    - name: origin
      url: "ssh://git@example.com/town.git" # behind the VPN
    # A disk in the cupboard.
    - name: cupboard
      url: /srv/town.git
      refs: branches

settings:
    cache.ttl: 5m # long enough
    # This machine is small.
    cache.memory_size: 64MB
    polecat.max_concurrent: 4
# The end.
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config", "town.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, path string) *Config {
	t.Helper()
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestLoad(t *testing.T) {
	c := load(t, write(t, sample))
	want := &Config{
		Town:  Identity{ID: "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a11", Name: "harbour"},
		Actor: town.Actor{Name: "Ada", Email: "ada@example.com"},
		Stores: map[string]string{
			"operational": "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12",
			"ledger":      "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a13",
			"federation":  "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a14",
		},
		Remotes:  []Remote{{Name: "origin", URL: "ssh://git@example.com/town.git"}, {Name: "cupboard", URL: "/srv/town.git", Refs: RefsBranches}},
		Settings: map[string]string{"cache.ttl": "300", "cache.memory_size": "64MB", "polecat.max_concurrent": "4"},
	}
	if !c.equal(want) {
		t.Errorf("read %+v", c)
	}
	if r, ok := c.Remote("cupboard"); !ok || r.URL != "/srv/town.git" {
		t.Errorf("remote %v, %v", r, ok)
	}
}

func TestFaultsNameTheirLine(t *testing.T) {
	swap := func(from, to string) string {
		if !strings.Contains(sample, from) {
			t.Fatalf("the sample has no %q", from)
		}
		return strings.Replace(sample, from, to, 1)
	}
	for name, test := range map[string]struct{ text, want string }{
		"unknown section":    {swap("settings:", "setings:"), `line 23: there is no field "setings"`},
		"unknown field":      {swap("    name: harbour", "    nam: harbour"), `line 5: there is no field "nam"`},
		"unknown setting":    {swap("cache.ttl: 5m", "cache.tll: 5m"), `line 24: settings.cache.tll: there is no setting "cache.tll": did you mean cache.ttl?`},
		"out of range":       {swap("max_concurrent: 4", "max_concurrent: 0"), `line 27: settings.polecat.max_concurrent: "0" is out of range: from 1 to 100000`},
		"empty setting":      {swap("cache.ttl: 5m", "cache.ttl:"), "line 24: settings.cache.ttl: "},
		"wrong kind":         {swap("name: harbour", "name: [harbour]"), "line 5: a value of the wrong kind (!!seq)"},
		"duplicate":          {swap("cache.ttl: 5m", "cache.memory_size: 1GB"), "line 26: mapping key \"cache.memory_size\" already defined at line 24"},
		"not a UUID":         {swap("5b8f3a11", "5b8f3a1"), "line 4: town.id: "},
		"upper-case UUID":    {swap("5b8f3a11", "5B8F3A11"), "line 4: town.id: "},
		"bad town name":      {swap("name: harbour", "name: ../harbour"), "line 5: town.name: "},
		"missing store":      {swap("    ledger: 3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a13\n", ""), "stores.ledger: "},
		"unknown store":      {swap("    ledger:", "    leger:"), "line 11: stores.leger: "},
		"bad author":         {swap("{name: Ada", `{name: "A\nda"`), "line 7: actor: "},
		"two of a name":      {swap("name: cupboard", "name: origin"), "line 19: remotes.1.name: "},
		"bad remote name":    {swap("name: cupboard", "name: ../x"), "line 19: remotes.1.name: "},
		"relative remote":    {swap("url: /srv", "url: srv"), "line 20: remotes.1.url: "},
		"secret in a remote": {swap("ssh://git@", "ssh://git:hunter2@"), "line 17: remotes.0.url: "},
		"syntax":             {swap("settings:", "settings: {"), "line 2"},
		"alias":              {swap("name: harbour", "name: &x harbour"), "line 5: anchors, aliases"},
		"merge":              {swap("settings:\n", "settings:\n    <<: {cache.ttl: 1}\n"), "line 24: anchors, aliases"},
		"two documents":      {sample + "---\ntown: {}\n", "more than one YAML document"},
		"empty":              {"", "it is empty"},
		"only a comment":     {"# nothing\n", "it is "},
		"a list":             {"- town\n", "line 1: "},
		"not text":           {"town: \xff\n", "not UTF-8"},
		"a NUL":              {"town: \x00\n", "control characters"},
		"too large":          {sample + strings.Repeat("# x\n", maxFile/4), "larger than"},
		"deeply nested":      {"town: " + strings.Repeat("[", 100_000), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(write(t, test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") || len(err.Error()) > 1000 || town.Next(err) == "" {
				t.Errorf("unfit for people: %v; %s", err, town.Next(err))
			}
			if errors.Is(err, town.ErrUsage) {
				t.Errorf("a fault of the file is reported as one of the command: %v", err)
			}
		})
	}
}

func TestWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "town.yaml")); !errors.Is(err, fs.ErrNotExist) || town.Next(err) == "" {
		t.Errorf("nothing there: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe} {
		if _, err := Load(path); err == nil {
			t.Errorf("%s was read", path)
		}
		if err := New("harbour").Save(path); err == nil {
			t.Errorf("%s was replaced", path)
		}
	}
}
