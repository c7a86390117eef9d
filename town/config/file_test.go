package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

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
		Remotes:  []Remote{{"origin", "ssh://git@example.com/town.git"}, {"cupboard", "/srv/town.git"}},
		Settings: map[string]string{"cache.ttl": "300", "cache.memory_size": "64MB", "polecat.max_concurrent": "4"},
	}
	if !c.equal(want) {
		t.Errorf("read %+v", c)
	}
	if r, ok := c.Remote("cupboard"); !ok || r.URL != "/srv/town.git" {
		t.Errorf("remote %v, %v", r, ok)
	}
}

func TestANewTownRoundTrips(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config", "town.yaml")
	c, other := New("harbour"), New("harbour")
	if c.Town.ID == other.Town.ID || c.Stores["ledger"] == other.Stores["ledger"] || c.Stores["ledger"] == c.Stores["operational"] {
		t.Error("two identities are equal")
	}
	if err := c.Save(path); err != nil {
		t.Fatal(err)
	}
	if got := load(t, path); !got.equal(c) {
		t.Errorf("wrote %+v, read %+v", c, got)
	}
	for path, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	// Another new Town is not written over it.
	before := read(t, path)
	if err := other.Save(path); !errors.Is(err, fs.ErrExist) || read(t, path) != before {
		t.Errorf("a Town was overwritten: %v", err)
	}
	if err := New("Not A Name").Save(filepath.Join(t.TempDir(), "town.yaml")); err == nil {
		t.Error("a bad name was written")
	}
}

func TestSavingWithoutAChangeKeepsEveryByte(t *testing.T) {
	path := write(t, sample)
	if err := load(t, path).Save(path); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample, read(t, path)); diff != "" {
		t.Error(diff)
	}
}

func TestSaveKeepsComments(t *testing.T) {
	path := write(t, sample)
	c := load(t, path)
	c.Actor.Name = "Grace"
	c.Remotes[0].URL = "git@example.com:other.git"
	c.Remotes = append(c.Remotes, Remote{"third", "https://example.com/t.git"})
	for key, value := range map[string]string{"cache.memory_size": "1GB", "cache.enabled": "no", "agent.command": "yes: no # really"} {
		if _, err := c.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Unset("polecat.max_concurrent"); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(path); err != nil {
		t.Fatal(err)
	}
	got := read(t, path)
	for _, line := range strings.Split(sample, "\n") {
		if _, comment, ok := strings.Cut(line, "#"); ok && strings.Count(got, "#"+comment) != 1 {
			t.Errorf("the comment %q stands %d times", comment, strings.Count(got, "#"+comment))
		}
	}
	for _, want := range []string{"cache.ttl: 5m # long", "cache.enabled: false\n", "  # This machine is small.\n  cache.memory_size: 1GB\n", "git@example.com:other.git # behind"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if again := load(t, path); !again.equal(c) {
		t.Errorf("wrote %+v, read %+v", c, again)
	}
	if t.Failed() {
		t.Log(got)
	}
}

// A comment between entries belongs to neither and outlives both.
func TestLooseCommentsOutliveTheirNeighbours(t *testing.T) {
	for _, gone := range [][]string{{"cache.ttl"}, {"rig.cpu"}, {"rig.memory"}, {"cache.ttl", "rig.cpu"}, {"cache.ttl", "rig.cpu", "rig.memory"}} {
		text := sample[:strings.Index(sample, "settings:")] + "settings:\n  cache.ttl: 5m\n  # loose one\n\n  rig.cpu: 4\n  # loose two\n\n  rig.memory: 1GB\n"
		path := write(t, text)
		c := load(t, path)
		for _, key := range gone {
			if err := c.Unset(key); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Save(path); err != nil {
			t.Fatal(err)
		}
		got := read(t, path)
		if !strings.Contains(got, "# loose one") || !strings.Contains(got, "# loose two") {
			t.Errorf("without %v:\n%s", gone, got)
		}
		if _, err := c.Set("rig.cpu", "9"); err != nil {
			t.Fatal(err)
		}
		if err := c.Save(path); err != nil {
			t.Errorf("set again after %v: %v", gone, err)
		}
	}
}

func TestLooseCommentsBetweenRemotes(t *testing.T) {
	text := sample[:strings.Index(sample, "remotes:")] + `remotes:
  - name: one
    url: /srv/one.git
  # loose one

  - name: two
    url: /srv/two.git
  # loose two

  - name: three
    url: /srv/three.git
`
	for keep := range 8 {
		path := write(t, text)
		c := load(t, path)
		all := c.Remotes
		c.Remotes = nil
		for i, r := range all {
			if keep&(1<<i) != 0 {
				c.Remotes = append(c.Remotes, r)
			}
		}
		if err := c.Save(path); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); !strings.Contains(got, "# loose one") || !strings.Contains(got, "# loose two") {
			t.Errorf("with only %v:\n%s", c.Remotes, got)
		}
	}
}

func TestRemotesAreReorderedAndRemoved(t *testing.T) {
	path := write(t, sample)
	c := load(t, path)
	c.Remotes = []Remote{{"new", "/srv/new.git"}, c.Remotes[1]}
	if err := c.Save(path); err != nil {
		t.Fatal(err)
	}
	if got := load(t, path); !got.equal(c) {
		t.Errorf("wrote %v, read %v", c.Remotes, got.Remotes)
	}
	if got := read(t, path); !strings.Contains(got, "# A disk in the cupboard.\n  - name: cupboard") {
		t.Errorf("the comment left its remote:\n%s", got)
	}
	c.Remotes = nil
	if err := c.Save(path); err != nil {
		t.Fatal(err)
	}
	c.Remotes = []Remote{{"back", "/srv/new.git"}}
	if err := c.Save(path); err != nil {
		t.Fatal(err)
	}
	if got := load(t, path); !got.equal(c) {
		t.Errorf("wrote %v, read %v", c.Remotes, got.Remotes)
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
		"unknown section":    {swap("settings:", "setings:"), `line 22: there is no field "setings"`},
		"unknown field":      {swap("    name: harbour", "    nam: harbour"), `line 5: there is no field "nam"`},
		"unknown setting":    {swap("cache.ttl: 5m", "cache.tll: 5m"), `line 23: settings.cache.tll: there is no setting "cache.tll": did you mean cache.ttl?`},
		"out of range":       {swap("max_concurrent: 4", "max_concurrent: 0"), `line 26: settings.polecat.max_concurrent: "0" is out of range: from 1 to 100000`},
		"empty setting":      {swap("cache.ttl: 5m", "cache.ttl:"), "line 23: settings.cache.ttl: "},
		"wrong kind":         {swap("name: harbour", "name: [harbour]"), "line 5: a value of the wrong kind (!!seq)"},
		"duplicate":          {swap("cache.ttl: 5m", "cache.memory_size: 1GB"), "line 25: mapping key \"cache.memory_size\" already defined at line 23"},
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
		"merge":              {swap("settings:\n", "settings:\n    <<: {cache.ttl: 1}\n"), "line 23: anchors, aliases"},
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

func TestSaveLeavesWhatSomebodyElseChanged(t *testing.T) {
	path := write(t, sample)
	c := load(t, path)
	theirs := strings.Replace(sample, "64MB", "128MB", 1)
	if err := os.WriteFile(path, []byte(theirs), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Actor.Name = "Grace"
	if err := c.Save(path); !errors.Is(err, town.ErrBusy) {
		t.Errorf("saved over a change: %v", err)
	}
	if read(t, path) != theirs {
		t.Error("the change was lost")
	}
}

func TestAFailedSaveChangesNothing(t *testing.T) {
	path := write(t, sample)
	c := load(t, path)
	c.Remotes = append(c.Remotes, Remote{"bad", "https://a:hunter2@example.com/x"})
	if err := c.Save(path); !errors.Is(err, town.ErrRefused) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret was saved: %v", err)
	}
	c.Remotes = c.Remotes[:2]
	c.Actor.Email = "a@b>\n"
	if err := c.Save(path); err == nil {
		t.Error("a bad author was saved")
	}
	if read(t, path) != sample {
		t.Error("the file changed")
	}
	onlyFile(t, path)
}

func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the file: %v, %v", entries, err)
	}
}

func TestSaveFollowsALink(t *testing.T) {
	real, link := write(t, sample), filepath.Join(t.TempDir(), "town.yaml")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	c := load(t, link)
	c.Actor.Name = "Grace"
	if err := c.Save(link); err != nil {
		t.Fatal(err)
	}
	if load(t, real).Actor.Name != "Grace" {
		t.Error("the file behind the link was not written")
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
}

// While many write, whoever reads sees one of the whole files.
func TestReadersNeverSeeHalfAFile(t *testing.T) {
	path := write(t, sample)
	const writers, rounds = 4, 25
	var wg sync.WaitGroup
	saved := make([]int, writers)
	for w := range writers {
		wg.Go(func() {
			for round := 0; round < rounds; {
				c, err := Load(path)
				if err != nil {
					t.Errorf("a reader saw: %v", err)
					return
				}
				if _, err := c.Set("agent.command", fmt.Sprintf("w%d %s", w, strings.Repeat("x", 10*round))); err != nil {
					t.Error(err)
					return
				}
				switch err := c.Save(path); {
				case err == nil:
					saved[w]++
					round++
				case errors.Is(err, town.ErrBusy): // somebody was quicker
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for w, n := range saved {
		if n != rounds {
			t.Errorf("writer %d saved %d times", w, n)
		}
	}
	if got := read(t, path); !strings.Contains(got, "# The one everybody uses.") {
		t.Errorf("a comment was lost:\n%s", got)
	}
	onlyFile(t, path)
}

// Whatever is changed, what is written is what is read, and comments stay.
func TestSaveThenLoad(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, "town.yaml")
		if err := os.WriteFile(path, []byte(sample), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			k := rapid.SampledFrom(keys).Draw(t, "key")
			if rapid.Bool().Draw(t, "unset") {
				err = c.Unset(k.Name)
			} else {
				_, err = c.Set(k.Name, anyValue(t, k))
			}
			if err != nil {
				t.Fatal(err)
			}
			c.Actor.Name = strings.TrimSpace(rapid.StringMatching(`[A-Za-z äöü#:'"{}\[\]&*!|%@,-]{0,20}`).Draw(t, "author"))
			names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9_]{1,5}|true|null|1e3|0x1f`).Filter(func(s string) bool { return town.CheckName(s) == nil }), 0, 4, rapid.ID).Draw(t, "remotes")
			c.Remotes = nil
			for _, n := range names {
				c.Remotes = append(c.Remotes, Remote{n, "/srv/" + rapid.StringMatching(`[a-z#: '"]{0,8}`).Draw(t, "path") + ".git"})
			}
			if err := c.Save(path); err != nil {
				t.Fatal(err)
			}
			got, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if !got.equal(c) {
				t.Fatalf("wrote %+v, read %+v", c, got)
			}
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, comment := range []string{"# Harbour, our first Town.", "# never change this", "# Whoever sits at this desk.", "# The end."} {
			if strings.Count(string(data), comment) != 1 {
				t.Fatalf("%q stands %d times in\n%s", comment, strings.Count(string(data), comment), data)
			}
		}
	})
}
