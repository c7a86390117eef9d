package gitremote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A test re-runs this binary as a child that does one thing and kills itself,
// as kill -9 would, when an operation reaches a point.
const (
	childVerb  = "GT_TEST_CHILD"
	childPoint = "GT_TEST_POINT"
	childDir   = "GT_TEST_DIR"
	childURL   = "GT_TEST_URL"
)

func TestMain(m *testing.M) {
	if verb := os.Getenv(childVerb); verb != "" {
		if err := child(verb); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(verb string) error {
	ctx := context.Background()
	m, err := Open(ctx, Options{Dir: os.Getenv(childDir), URL: os.Getenv(childURL), Ref: testRef, Verify: checkNames, Env: os.Environ(), Town: "b",
		reached: func(p string) {
			if p == os.Getenv(childPoint) {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}})
	if err != nil {
		return err
	}
	switch verb {
	case "fetch":
		_, err = m.Fetch(ctx)
	case "leave":
		err = m.Leave(ctx, PublishOptions{Message: "child"})
	case "take":
		var list []Turn
		if list, _, err = m.Turns(ctx); err == nil && len(list) == 1 {
			_, err = m.TakeTurn(ctx, list[0])
		}
	default:
		_, err = m.Publish(ctx, PublishOptions{Message: "child"})
	}
	return err
}

// killedAt runs the child and reports whether it died at the point.
func killedAt(t *testing.T, verb, point, dir, url string) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVerb+"="+verb, childPoint+"="+point, childDir+"="+dir, childURL+"="+url)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signal() == syscall.SIGKILL {
			return true
		}
	}
	t.Fatalf("child: %v\n%s", err, out)
	return false
}

func TestKilledWhileFetching(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"fetched", "staged", "verified", "tables", "manifest", "ref"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			url := bareRepo(t)
			a, dir := openMirror(t, t.TempDir(), url), t.TempDir()
			write(t, a, "one")
			publish(t, a)
			b := openMirror(t, dir, url)
			fetch(t, b)
			write(t, a, "one", "two", "three")
			publish(t, a)
			if !killedAt(t, "fetch", point, dir, url) {
				t.Fatal("the child lived on")
			}
			debris(t, dir)
			b = openMirror(t, dir, url)
			leftovers(t, b)
			if got := read(t, b); len(got) != 1 && len(got) != 3 {
				t.Fatalf("half a state is visible: %q", got)
			}
			fetch(t, b)
			equal(t, read(t, b), "one", "three", "two")
			write(t, b, "one", "four")
			publish(t, b)
			fetch(t, a)
			equal(t, read(t, a), "four", "one")
			leftovers(t, b)
		})
	}
}

// A Town that is killed while it leaves a turn, or takes one, has what it had, and
// goes on.
func TestKilledWithTurns(t *testing.T) {
	t.Parallel()
	for _, at := range [][2]string{{"leave", "leaving"}, {"leave", "left"}, {"take", "staged"}, {"take", "verified"}, {"take", "tables"}, {"take", "manifest"}} {
		t.Run(strings.Join(at[:], " "), func(t *testing.T) {
			t.Parallel()
			url := bareRepo(t)
			towns := crowd(t, url, "a", "b")
			a, b := towns[0], towns[1]
			dir := b.opts.Dir
			if at[0] == "take" {
				write(t, a, "first", "of a")
				leave(t, a)
				waiting(t, b)
			}
			write(t, b, "first", "of b")
			if !killedAt(t, at[0], at[1], dir, url) {
				t.Fatal("the child lived on")
			}
			b = openMirror(t, dir, url, func(o *Options) { o.Town = "b" })
			leftovers(t, b)
			if _, err := os.Stat(filepath.Join(dir, "turn")); !errors.Is(err, os.ErrNotExist) {
				t.Error("a turn that was being taken is left behind")
			}
			equal(t, read(t, b), "first", "of b")
			list := waiting(t, b)
			if want := at[1] != "leaving"; want != (len(list) == 1) {
				t.Fatalf("waiting: %+v", list)
			}
			for _, turn := range list {
				if _, err := b.TakeTurn(t.Context(), turn); err != nil {
					t.Fatal(err)
				}
			}
			equal(t, read(t, b), "first", "of b")
			if err := guarded(t, b, list...); err != nil {
				t.Fatal(err)
			}
			if refs := git(t, url, "for-each-ref", "refs/dolt/turns"); refs != "" {
				t.Errorf("still waiting: %s", refs)
			}
		})
	}
}

func TestKilledWhilePublishing(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"committed", "pushed", "ref"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			url := bareRepo(t)
			dir := t.TempDir()
			a, b := openMirror(t, dir, url), openMirror(t, t.TempDir(), url)
			write(t, a, "one")
			publish(t, a)
			write(t, a, "one", "two")
			if !killedAt(t, "publish", point, dir, url) {
				t.Fatal("the child lived on")
			}
			fetch(t, b)
			if got := read(t, b); (point == "committed") != (len(got) == 1) {
				t.Fatalf("the other side sees %q", got)
			}
			debris(t, dir)
			a = openMirror(t, dir, url)
			leftovers(t, a)
			equal(t, read(t, a), "one", "two") // ahead, and not discarded
			f := fetch(t, a)
			if f.PublishedEarlier != (point != "committed") {
				t.Fatalf("fetch: %+v", f)
			}
			r := publish(t, a)
			if r.Unchanged != (point != "committed") {
				t.Fatalf("publish: %+v", r)
			}
			fetch(t, b)
			equal(t, read(t, b), "one", "two")
			if n := git(t, url, "rev-list", "--count", testRef); n != "2" {
				t.Fatalf("%s commits, want 2", n)
			}
		})
	}
}

// debris adds what git leaves when it is killed at an unfavourable moment.
func debris(t *testing.T, dir string) {
	t.Helper()
	for _, f := range []string{
		"objects.git/config.lock", "objects.git/refs/gt/remote/data.lock", "objects.git/refs/gt/incoming/data.lock", "objects.git/packed-refs.lock",
		"objects.git/objects/pack/tmp_pack_x", "objects.git/objects/pack/tmp_idx_x", "objects.git/fast_import_crash_1",
		"staging/" + strings.Repeat("0", 32), "mirror/" + manifestTemp, "mirror/" + doltTemp + "1", "state.json" + stateTemp,
	} {
		p := filepath.Join(dir, f)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// git ends with this process, and so do its children.
func TestKilledWithoutLeavingProcesses(t *testing.T) {
	t.Parallel()
	pids := filepath.Join(t.TempDir(), "pids")
	env := fakeSSH(t, "echo $$ $PPID >"+pids+".next; mv "+pids+".next "+pids+"; cat >/dev/null")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), env...), childVerb+"=fetch", childDir+"="+t.TempDir(), childURL+"=ssh://host/x")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ssh, parent int
	await(t, "ssh to start", func() bool {
		b, err := os.ReadFile(pids)
		if err != nil {
			return false
		}
		if _, err := fmt.Sscan(string(b), &ssh, &parent); err != nil {
			t.Fatal(err)
		}
		return true
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the child was done before it was killed")
	}
	gone(t, ssh)
	gone(t, parent)
}

// A SIGKILL at any moment, not only at the named points.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	url := bareRepo(t)
	a, dir := openMirror(t, t.TempDir(), url), t.TempDir()
	write(t, a, "0")
	publish(t, a)
	rounds, later := 24, 4*time.Millisecond
	if testing.Short() {
		rounds, later = 12, 8*time.Millisecond
	}
	for i := range rounds {
		verb := []string{"fetch", "publish"}[i%2]
		if verb == "fetch" {
			fetch(t, a)
			write(t, a, "0", fmt.Sprint("a", i), strings.Repeat(fmt.Sprint(i), 1<<18))
			publish(t, a)
		} else {
			b := openMirror(t, dir, url)
			fetch(t, b)
			write(t, b, "0", fmt.Sprint("b", i), strings.Repeat(fmt.Sprint(i), 1<<18))
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVerb+"="+verb, childDir+"="+dir, childURL+"="+url)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i+1) * later) // the kill must come at a given moment
		killed := cmd.Process.Kill()
		if err := cmd.Wait(); err == nil && killed == nil {
			t.Log("round", i, "was done before it could be killed")
		}
		b := openMirror(t, dir, url)
		read(t, b)
		fetch(t, b)
		git(t, url, "fsck", "--connectivity-only")
		c := openMirror(t, t.TempDir(), url)
		fetch(t, c)
		if b.Head() != c.Head() {
			// The server continued without the killed process and finished only
			// after the first look.
			fetch(t, b)
		}
		if err := b.Reset(t.Context()); err != nil { // the mirror may be ahead
			t.Fatal(err)
		}
		equal(t, read(t, b), read(t, c)...)
	}
}
