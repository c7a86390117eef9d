package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
	c.Remotes = append(c.Remotes, Remote{Name: "third", URL: "https://example.com/t.git"})
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
	c.Remotes = []Remote{{Name: "new", URL: "/srv/new.git"}, c.Remotes[1]}
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
	c.Remotes = []Remote{{Name: "back", URL: "/srv/new.git"}}
	if err := c.Save(path); err != nil {
		t.Fatal(err)
	}
	if got := load(t, path); !got.equal(c) {
		t.Errorf("wrote %v, read %v", c.Remotes, got.Remotes)
	}
}

// A comment that the parser attaches to the line of the refs survives the line.
func TestRefsOfARemoteComeAndGo(t *testing.T) {
	path := write(t, strings.Replace(sample, "refs: branches\n", "refs: branches\n    # loose\n", 1))
	c := load(t, path)
	for _, refs := range []string{"", RefsBranches, ""} {
		c.Remotes[1].Refs = refs
		if err := c.Save(path); err != nil {
			t.Fatal(err)
		}
		if got := load(t, path); !got.equal(c) || !strings.Contains(read(t, path), "# loose") {
			t.Errorf("wrote %q, read %q:\n%s", refs, got.Remotes[1].Refs, read(t, path))
		}
	}
	c.Remotes[1].Refs = "tags"
	if err := c.Save(path); err == nil || !strings.Contains(err.Error(), "remotes.1.refs: want branches") {
		t.Error(err)
	}
}
