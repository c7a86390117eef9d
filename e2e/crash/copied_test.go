package crash

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gastown/sync/federate"
)

var (
	histories = flag.Int("histories", 1, "how many histories of copied Towns to run")
	seed      = flag.Uint64("seed", 0, "the seed of the first history; 0 takes one at random")
)

const (
	// historySteps is how many calls a history makes before everything is settled.
	historySteps = 24
	// maxDirectories bounds the directories of a history.
	maxDirectories = 5
)

// directory is a Town's directory; several may have one identity.
type directory struct {
	*machine
	// silent: another directory goes on as the Town, as a person decided.
	silent bool
}

// chronicle is a history of Towns whose directories are copied, and whose processes are
// killed.
type chronicle struct {
	t        *testing.T
	random   *rand.Rand
	dir, url string
	all      []*directory
	// kept are the bodies of changes that were recorded somewhere.
	kept                      []string
	usual                     map[string]time.Duration
	calls, killed, stopped, n int
}

// TestCopiedTownsAreKilled runs random histories of two Towns whose directories are
// copied and used beside each other, while every second process is killed. Of the
// directories with one identity only the one publishes that a person chose; the others
// are stopped. In the end each is a Town of its own or goes on, all agree, and every
// text that was ever recorded in any of them is there.
func TestCopiedTownsAreKilled(t *testing.T) {
	first := *seed
	if first == 0 {
		first = rand.Uint64() >> 1
	}
	for n := range *histories {
		t.Run(fmt.Sprint("seed ", first+uint64(n)), func(t *testing.T) { runChronicle(t, first+uint64(n)) })
	}
}

func runChronicle(t *testing.T, seed uint64) {
	dir := t.TempDir()
	c := &chronicle{t: t, random: rand.New(rand.NewPCG(seed, 0)), dir: dir, url: bare(t, dir), usual: map[string]time.Duration{}}
	for i, name := range []string{"alpha", "beta"} {
		m := newMachine(t, dir+"/"+name, name)
		m.must(t, []string{"init", "join"}[i], c.url)
		c.all = append(c.all, &directory{machine: m})
	}
	for range historySteps {
		d := c.all[c.random.IntN(len(c.all))]
		switch deed := c.random.IntN(10); {
		case deed == 0:
			c.copied(d)
		case deed == 1:
			c.goesOn(d)
		case deed == 2 && d.silent:
			c.becomesNew(d)
		default:
			c.work(d, []string{"commit", "pull", "push", "push", "sync", "sync"}[c.random.IntN(6)])
		}
		if t.Failed() {
			return
		}
	}
	c.settle()
	t.Logf("seed %d: %d directories, %d calls, %d killed, %d stopped as copies, %d texts kept",
		seed, len(c.all), c.calls, c.killed, c.stopped, len(c.kept)*len(paths))
}

// work lets a person change every document and make a call. What a killed call left is
// recorded by the next one.
func (c *chronicle) work(d *directory, verb string) {
	c.t.Helper()
	c.n++
	body := fmt.Sprintf("change %d in %s", c.n, strings.TrimPrefix(d.dir, c.dir+"/"))
	d.change(c.t, body)
	c.call(d, verb)
	d.must(c.t, "commit", c.url)
	c.kept = append(c.kept, body)
}

// call makes a call in a process of its own, which may be killed. A directory that goes
// on, and was stopped, does so after one more decision.
func (c *chronicle) call(d *directory, verb string) {
	c.t.Helper()
	c.calls++
	began := time.Now()
	p := d.begin(c.t, verb, c.url, "")
	if usual := c.usual[verb]; usual > 0 && c.random.IntN(2) == 0 {
		kill := time.AfterFunc(time.Duration(c.random.Int64N(int64(usual)+1)), func() { _ = p.cmd.Process.Kill() })
		defer kill.Stop()
	}
	err := p.wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		c.usual[verb] = time.Since(began)
	case errors.As(err, &exit) && exit.ExitCode() < 0:
		c.killed++
		alone(c.t, d.dir)
	case strings.Contains(err.Error(), federate.ErrInstance.Error()) && d.silent:
		c.stopped++
	case strings.Contains(err.Error(), federate.ErrInstance.Error()):
		d.must(c.t, "continue", c.url)
		d.must(c.t, verb, c.url)
	default:
		c.t.Fatal(err)
	}
}

// copied makes a copy of a directory, which is used beside it.
func (c *chronicle) copied(d *directory) {
	c.t.Helper()
	if len(c.all) == maxDirectories {
		return
	}
	to := fmt.Sprintf("%s-copy-%d", d.dir, len(c.all))
	if out, err := exec.Command("cp", "-a", d.dir, to).CombinedOutput(); err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
	c.all = append(c.all, &directory{machine: at(to, d.name), silent: true})
}

// goesOn has a person decide that a directory goes on as its Town. Where no other one
// is known, nothing changes.
func (c *chronicle) goesOn(d *directory) {
	c.t.Helper()
	st, err := d.engine.Instance(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	if st.Other == "" {
		return
	}
	c.call(d, "continue")
	d.must(c.t, "continue", c.url)
	for _, twin := range c.all {
		if twin.name == d.name {
			twin.silent = twin != d
		}
	}
}

// becomesNew makes a directory a Town of its own. As after gt federation instance new, the
// Town has its key from the beginning: copies that each made one would be two Towns of one
// identity.
func (c *chronicle) becomesNew(d *directory) {
	c.t.Helper()
	c.call(d, "start over")
	d.must(c.t, "start over", c.url)
	c.n++
	d.machine, d.silent = at(d.dir, fmt.Sprintf("%s-%d", d.name, c.n)), false
	if _, err := d.engine.Instance(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

// settle ends every doubt whose directory is whose, and checks what each has.
func (c *chronicle) settle() {
	c.t.Helper()
	for _, d := range c.all {
		if !d.silent {
			c.work(d, "sync")
			c.speak(d)
		}
	}
	for _, d := range slices.Clone(c.all) {
		if !d.silent {
			continue
		}
		before := git(c.t, c.url, "for-each-ref", "refs/dolt/data")
		if err := d.do(c.t.Context(), "sync", c.url); !errors.Is(err, federate.ErrInstance) {
			c.t.Errorf("%s is used beside the one that goes on: %v", d.dir, err)
		}
		if after := git(c.t, c.url, "for-each-ref", "refs/dolt/data"); after != before {
			c.t.Errorf("%s published", d.dir)
		}
		c.becomesNew(d)
	}
	for range 2 {
		for _, d := range c.all {
			d.must(c.t, "sync", c.url)
		}
	}
	first := c.all[0].plane(c.t)
	for _, d := range c.all {
		p := d.plane(c.t)
		if p.head != first.head {
			c.t.Errorf("%s is at %s, %s at %s", d.dir, p.head, c.all[0].dir, first.head)
		}
		if diff := cmp.Diff(c.all[0].files(c.t), d.files(c.t)); diff != "" {
			c.t.Errorf("files of %s differ:\n%s", d.dir, diff)
		}
		for _, body := range c.kept {
			if n := p.has(body); n != len(paths) {
				c.t.Errorf("%s has %d of %d texts of %q", d.dir, n, len(paths), body)
			}
		}
		d.tidy(c.t)
	}
	alone(c.t, c.dir)
	git(c.t, c.url, "fsck", "--strict", "--no-progress")
}

// speak publishes something new from a directory that goes on, whatever was before.
func (c *chronicle) speak(d *directory) {
	c.t.Helper()
	err := d.do(c.t.Context(), "sync", c.url)
	if errors.Is(err, federate.ErrInstance) {
		d.must(c.t, "continue", c.url)
		err = d.do(c.t.Context(), "sync", c.url)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}
