package failover

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/instance"
	"gastown/town/layout"
)

// histories is how many random histories TestTwoHosts makes; make soak makes more.
var histories = flag.Int("histories", 4, "random histories of two hosts")

// childEnv makes the test binary promote the directory that it names, and end at the step
// whose number follows.
const childEnv = "GT_TEST_PROMOTE"

func TestMain(m *testing.M) {
	if where := os.Getenv(childEnv); where != "" {
		promoteChild(where)
	}
	os.Exit(m.Run())
}

const store = "uuid-of-harbour"

// fixed is the configuration's part about stores; none is replaced here.
type fixed struct{}

func (fixed) Federation() (string, string)       { return store, "" }
func (fixed) SetFederation(string, string) error { return errors.New("not in these tests") }

// hostOf is a directory of the Town, whose remote is a symbolic link of its own, so that
// it can be cut off.
type hostOf struct {
	name, dir, link, url string
	*Town
	// step is called between two steps of a call; nil for nobody.
	step func()
}

func newHost(root, name string) *hostOf {
	h := &hostOf{name: name, dir: filepath.Join(root, name), link: filepath.Join(root, name+".remote"), url: filepath.Join(root, "hub.git")}
	t := layout.Town{Root: h.dir}
	remote := federate.Remote{Name: "origin", URL: h.link}
	step := func() {
		if h.step != nil {
			h.step()
		}
	}
	h.Town = &Town{
		Dir: instance.Dir{Root: h.dir, File: t.Instance(), Lock: t.Lock("instance"), Wait: time.Minute, Now: time.Now},
		Engine: federate.New(federate.Options{
			Env: os.Environ(), Layout: t, ID: "id-harbour", Name: "harbour", Actor: town.Actor{Name: name, Email: name + "@example.com"},
			Stores: fixed{}, Command: "test", Wait: time.Minute, Patience: 2 * time.Second,
			Progress: func(federate.Progress) { step() },
		}),
		Remotes: []federate.Remote{remote}, Reachable: time.Minute, Now: time.Now, Lock: t.Lock("failover"), Wait: time.Minute, Command: "test",
		Tell: func(string) { step() },
	}
	return h
}

func (h *hostOf) cut() error  { return os.Remove(h.link) }
func (h *hostOf) mend() error { return os.Symlink(h.url, h.link) }

// isCut reports whether the host reaches no remote.
func (h *hostOf) isCut() bool { _, err := os.Lstat(h.link); return err != nil }

// write writes a role and records it.
func (h *hostOf) write(ctx context.Context, name string) error {
	path := filepath.Join(h.dir, "federation", "roles", name+".md")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(document(name)), 0o600); err != nil {
		return err
	}
	_, err := h.Engine.Commit(ctx, "")
	return err
}

func document(name string) string {
	return fmt.Sprintf("---\nname: %s\ndescription: for tests\n---\n\n%s\n", name, name)
}

func (h *hostOf) has(name string) bool {
	text, err := os.ReadFile(filepath.Join(h.dir, "federation", "roles", name+".md"))
	return err == nil && string(text) == document(name)
}

// exchange does what the Deacon does: only the active directory publishes.
func (h *hostOf) exchange(ctx context.Context) (err error) {
	role, err := instance.ReadRole(h.Dir.File)
	if err != nil {
		return err
	}
	if role == instance.Active {
		_, err = h.Engine.Sync(ctx, h.Remotes[0], false)
		return err
	}
	_, err = h.Engine.Pull(ctx, h.Remotes[0], false)
	return err
}

func (h *hostOf) role(t testing.TB) instance.Role {
	t.Helper()
	role, err := instance.ReadRole(h.Dir.File)
	if err != nil {
		t.Fatal(err)
	}
	return role
}

func shell(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// found makes a Town that has published at a repository, as the host called a.
func found(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	a := newHost(root, "a")
	shell(t, "git", "init", "-q", "--bare", a.url)
	create(t, a)
	if err := errors.Join(a.mend(), a.write(t.Context(), "first")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Engine.Init(t.Context(), a.Remotes[0], func(federate.Preview) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return root
}

// create makes the federation plane of a host.
func create(t *testing.T, a *hostOf) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(layout.Town{Root: a.dir}.Data(layout.Federation)), 0o700); err != nil {
		t.Fatal(err)
	}
	at := layout.Town{Root: a.dir}
	s, err := federation.Create(t.Context(), doltdb.Options{Dir: at.Data(layout.Federation), Home: at.Engine(), Command: "test"}, store, "id-harbour")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// copied is a copy of the host called a.
func copied(t testing.TB, root, name string) *hostOf {
	t.Helper()
	shell(t, "cp", "-a", filepath.Join(root, "a"), filepath.Join(root, name))
	h := newHost(root, name)
	if err := h.mend(); err != nil {
		t.Fatal(err)
	}
	if err := h.Engine.Agree(t.Context(), h.Remotes[0]); err != nil {
		t.Fatal(err)
	}
	return h
}
