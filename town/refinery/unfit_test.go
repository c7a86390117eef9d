package refinery

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gastown/town/rig"
)

// smallDisk mounts a disk of 2 MB, or skips the test.
func smallDisk(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root mounts a small disk")
	}
	disk := filepath.Join(t.TempDir(), "disk")
	must0(t, os.Mkdir(disk, 0o700))
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=2m,mode=700"); err != nil {
		t.Skipf("mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return disk
}

// With a check that is not fit to say anything nothing lands, nobody is blamed, and a
// person is told once, however many passes look. So it is when the check is unfit with one
// request alone; then the others land.
func TestUnfitChecks(t *testing.T) {
	for name, c := range map[string]struct {
		script  string
		timeout time.Duration
		prepare func(t *testing.T, p *place)
	}{
		"missing":                        {script: "no-such-program-anywhere"},
		"timeout":                        {script: "sleep 600", timeout: 5 * time.Second},
		"killed":                         {script: "kill -9 $$"},
		"full disk":                      {script: `cat /dev/zero > "$TMPDIR/x"; sleep 0; exit 1`, prepare: func(t *testing.T, p *place) { p.run.Dir = smallDisk(t) }},
		"full disk, and it says nothing": {script: `cat /dev/zero > "$TMPDIR/x" 2> /dev/null; exit 1`, prepare: func(t *testing.T, p *place) { p.run.Dir = smallDisk(t) }},
		"passes, and fails with its cache": {
			script:  `if test -e "$XDG_CACHE_HOME/x"; then exit 1; fi`,
			prepare: func(t *testing.T, p *place) { must0(t, os.WriteFile(filepath.Join(p.cache, "x"), nil, 0o600)) },
		},
	} {
		for _, alone := range []bool{false, true} {
			kind := map[bool]string{false: ", always", true: ", with one"}[alone]
			if alone && name == "passes, and fails with its cache" {
				continue // with one request alone that is a check that fails with it
			}
			t.Run(name+kind, func(t *testing.T) {
				t.Parallel()
				script := c.script
				timeout := c.timeout / 10
				if alone {
					script = "if test -e odd; then " + script + "; fi"
					timeout = c.timeout // the other one must pass within it, also on a busy machine
				}
				p := newPlace(t, script)
				p.checks[0].Timeout = timeout
				p.cache = t.TempDir()
				p.run.Base = append(p.run.Base, "XDG_CACHE_HOME="+p.cache)
				if c.prepare != nil {
					c.prepare(t, p)
				}
				tip := git(t, p.remote, "rev-parse", "main")
				p.request(t, "odd", "1\n")
				p.request(t, "fine", "1\n")
				for range 3 {
					p.pass(t, 8)
					p.now = p.now.Add(20 * time.Minute)
				}
				want := []string{"open", "open"}
				if alone {
					want = []string{"held", "landed"}
				}
				if got := p.states(); !slices.Equal(got, want) || p.told != 1 || p.state.Trouble == nil != alone {
					t.Errorf("%v, told %d times, %+v", got, p.told, p.state.Trouble)
				}
				if now := git(t, p.remote, "rev-parse", "main"); now == tip == alone {
					t.Errorf("main was at %s and is at %s", tip, now)
				}
				// When the check is fit again everything lands by itself; what was held waits
				// for its person.
				p.checks[0] = rig.Check{Name: "test", Command: []string{"true"}}
				p.pass(t, 8)
				if !alone && !slices.Equal(p.states(), []string{"landed", "landed"}) {
					t.Errorf("afterwards: %v, %+v", p.states(), p.state.Trouble)
				}
			})
		}
	}
}
