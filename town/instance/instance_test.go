package instance

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"gastown/town"
)

var when = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// at is the Dir of a Town at a path on a machine.
func at(root, machine string) Dir {
	return Dir{
		Root: root, File: filepath.Join(root, ".gt", "instance"), Lock: filepath.Join(root, ".gt", "locks", "instance.lock"),
		Wait: time.Minute, Now: func() time.Time { return when },
		Machine: func() (string, string, error) { return machine, machine + ".example", nil },
	}
}

func made(t *testing.T, d Dir) Note {
	t.Helper()
	if err := os.MkdirAll(d.Root, 0o700); err != nil {
		t.Fatal(err)
	}
	return ensured(t, d)
}

func ensured(t *testing.T, d Dir) Note {
	t.Helper()
	n, err := d.Ensure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}

func TestADirectoryKeepsItsInstance(t *testing.T) {
	root := t.TempDir()
	a, other := filepath.Join(root, "a"), filepath.Join(root, "other")
	first := made(t, at(a, "m1"))
	if first.Instance == "" || first.Since != when || first.CopyOf != nil || first.Place.Root == "" {
		t.Fatalf("made %+v", first)
	}
	info, err := os.Stat(at(a, "m1").File)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for _, step := range []struct {
		name string
		do   func()
		at   string
	}{
		{"again", func() {}, a},
		{"by a symbolic link", func() { run(t, "ln", "-s", a, filepath.Join(root, "link")) }, filepath.Join(root, "link")},
		{"moved", func() { run(t, "mv", a, other) }, other},
		{"moved, with a link where it was", func() { run(t, "mv", other, a); run(t, "ln", "-s", a, other) }, a},
		{"restored in its place", func() {
			run(t, "cp", "-a", a, a+".backup")
			run(t, "rm", "-r", a)
			run(t, "mv", a+".backup", a)
		}, a},
		{"restored, through a link to another disk", func() {
			run(t, "cp", "-a", a, filepath.Join(root, "disk"))
			run(t, "rm", "-r", a)
			run(t, "ln", "-s", filepath.Join(root, "disk"), a)
		}, a},
	} {
		step.do()
		if now := ensured(t, at(step.at, "m1")); now.Instance != first.Instance || now.CopyOf != nil {
			t.Errorf("%s: %+v, want the instance %s", step.name, now, first.Instance)
		}
	}
}

func TestACopyGetsAnInstanceOfItsOwn(t *testing.T) {
	root := t.TempDir()
	a, b, c := filepath.Join(root, "a"), filepath.Join(root, "b"), filepath.Join(root, "c")
	first := made(t, at(a, "m1"))
	run(t, "cp", "-a", a, b)
	if n, v, err := at(b, "m1").Look(); err != nil || v != Copied || n.Instance != first.Instance {
		t.Errorf("a look at the copy: %+v %v %v", n, v, err)
	}
	copied := ensured(t, at(b, "m1"))
	if copied.Instance == first.Instance || copied.CopyOf == nil || copied.CopyOf.Instance != first.Instance || copied.CopyOf.Place.Root != first.Place.Root {
		t.Errorf("the copy has %+v", copied)
	}
	if again := ensured(t, at(b, "m1")); again.Instance != copied.Instance {
		t.Errorf("the copy has another instance the second time")
	}
	if n := ensured(t, at(a, "m1")); n.Instance != first.Instance {
		t.Errorf("the original lost its instance")
	}
	// On another machine the same path is another place.
	if n := ensured(t, at(a, "m2")); n.Instance == first.Instance || n.CopyOf.Place.Host != "m1.example" {
		t.Errorf("on another machine: %+v", n)
	}
	// A copy takes the place of the original, which was moved away and goes on.
	second := made(t, at(c, "m1"))
	run(t, "cp", "-a", c, c+".copy")
	run(t, "mv", c, c+".broken")
	run(t, "mv", c+".copy", c)
	if n := ensured(t, at(c, "m1")); n.Instance != second.Instance {
		t.Errorf("restored from a copy: %+v", n)
	}
	if n := ensured(t, at(c+".broken", "m1")); n.Instance == second.Instance {
		t.Errorf("two directories have one instance")
	}
}

func TestJudge(t *testing.T) {
	p := Place{Machine: "m", Root: "/a", Device: 1, Inode: 2, Born: 3}
	with := func(edit func(*Place)) Place { o := p; edit(&o); return o }
	moved := with(func(o *Place) { o.Root = "/b" })
	for name, test := range map[string]struct {
		here  Place
		there Occupant
		want  Verdict
	}{
		"in place":                 {p, Itself, Same},
		"moved":                    {moved, Nobody, Moved},
		"another disk number":      {with(func(o *Place) { o.Root, o.Device = "/b", 9 }), Nobody, Moved},
		"without times of birth":   {with(func(o *Place) { o.Root, o.Born = "/b", 0 }), Nobody, Moved},
		"another directory":        {with(func(o *Place) { o.Root, o.Inode = "/b", 9 }), Nobody, Copied},
		"an inode that was reused": {with(func(o *Place) { o.Root, o.Born = "/b", 9 }), Nobody, Copied},
		"the original is there":    {moved, Original, Copied},
		"another machine":          {with(func(o *Place) { o.Machine = "n" }), Itself, Copied},
	} {
		if got := (Note{Instance: "i", Place: p}).Judge(test.here, test.there); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	if got := (Note{}).Judge(p, Itself); got != Unknown {
		t.Errorf("without a note: %v", got)
	}
}

// Everybody who asks at once gets one instance, of a new directory and of a copy.
func TestManyAtOnceMakeOneInstance(t *testing.T) {
	root := t.TempDir()
	a, b := filepath.Join(root, "a"), filepath.Join(root, "b")
	if err := os.MkdirAll(a, 0o700); err != nil {
		t.Fatal(err)
	}
	same := func(d Dir) string {
		t.Helper()
		ids := make([]string, 20)
		var all sync.WaitGroup
		for i := range ids {
			all.Go(func() {
				n, err := d.Ensure(context.Background())
				if err != nil {
					t.Error(err)
				}
				ids[i] = n.Instance
			})
		}
		all.Wait()
		if slices.Sort(ids); ids[0] != ids[len(ids)-1] || ids[0] == "" {
			t.Errorf("instances %q", slices.Compact(ids))
		}
		return ids[0]
	}
	first := same(at(a, "m"))
	run(t, "cp", "-a", a, b)
	if second := same(at(b, "m")); second == first {
		t.Error("the copy has the instance of the original")
	}
}

// A directory that takes another's place never has an instance that was used before.
func TestReplaceAndRenew(t *testing.T) {
	d := at(t.TempDir(), "m")
	first := ensured(t, d)
	if err := d.Met(t.Context(), &Other{Instance: "x", Remote: "origin", Seen: when}); err != nil {
		t.Fatal(err)
	}
	if n := ensured(t, d); n.Other == nil || n.Other.Instance != "x" {
		t.Errorf("met nobody: %+v", n)
	}
	if err := d.Met(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if n := ensured(t, d); n.Other != nil || n.Instance != first.Instance {
		t.Errorf("still met somebody: %+v", n)
	}
	second, err := d.Replace(t.Context(), 7)
	if err != nil || second.Instance == first.Instance || second.Epoch != 7 || second.Other != nil {
		t.Errorf("%+v, %v", second, err)
	}
	third, err := d.Replace(t.Context(), 3) // never below its own
	if err != nil || third.Instance == second.Instance || third.Epoch != 8 {
		t.Errorf("%+v, %v", third, err)
	}
	if n := ensured(t, d); n.Instance != third.Instance {
		t.Error("the decision was not noted")
	}
	fresh, err := d.Renew(t.Context())
	if err != nil || fresh.Instance == third.Instance || fresh.Epoch > 0 {
		t.Errorf("%+v, %v", fresh, err)
	}
}

// A directory whose note makes no sense gets a new instance. What it was is not known, so it
// does not act until a person decides, or until a publication shows that nobody else speaks.
func TestANoteThatMakesNoSenseIsMadeAnew(t *testing.T) {
	d := at(t.TempDir(), "m")
	first := ensured(t, d)
	damaged := func(text string) {
		t.Helper()
		if err := os.WriteFile(d.File, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadRole(d.File); err != nil || got != Fenced {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "{", "[]", "{}", `{"instance": 5}`} {
		damaged(text)
		n := ensured(t, d)
		if n.Instance == "" || n.Instance == first.Instance || n.Role() != Fenced || n.Fence() == "" {
			t.Errorf("%q: %+v", text, n)
		}
		if again := ensured(t, d); again.Instance != n.Instance || again.Role() != Fenced {
			t.Errorf("%q: %+v, then %+v", text, n, again)
		}
	}
	for what, decide := range map[string]struct {
		do   func() error
		want Role
	}{
		"it goes on":   {func() error { _, err := d.Replace(t.Context(), 2); return err }, Active},
		"it published": {func() error { return d.Met(t.Context(), nil) }, Active},
		"it stands by": {func() error {
			_, err := d.StandBy(t.Context(), func(*Standby) *Standby { return &Standby{Of: "/mnt"} })
			return err
		}, OnStandby},
		"another one speaks": {func() error { return d.Met(t.Context(), &Other{Instance: "x"}) }, Fenced},
	} {
		damaged("{")
		if err := decide.do(); err != nil {
			t.Fatal(err)
		}
		if n := ensured(t, d); n.Role() != decide.want {
			t.Errorf("%s: %s, want %s: %+v", what, n.Role(), decide.want, n)
		}
	}
}

func TestAMachineThatCannotBeTold(t *testing.T) {
	d := at(t.TempDir(), "m")
	d.Machine = func() (string, string, error) { return "", "", errors.New("no name") }
	if _, err := d.Ensure(t.Context()); err == nil {
		t.Error("an instance bound to no machine")
	}
	if id, host, err := Machine(); err != nil || id == "" || host == "" {
		t.Errorf("this machine: %q %q %v", id, host, err)
	}
}

func TestANoteThatCannotBeWrittenSaysSo(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	d := at(t.TempDir(), "m")
	if err := os.MkdirAll(filepath.Dir(d.Lock), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(d.File), 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(filepath.Dir(d.File), 0o700)
	if _, err := d.Ensure(t.Context()); err == nil || town.Next(err) == "" {
		t.Errorf("got %v", err)
	}
}

// A decision that was made before another instance was known holds until a publication,
// and not in a copy.
func TestADecisionHoldsOnce(t *testing.T) {
	root := t.TempDir()
	a, b := filepath.Join(root, "a"), filepath.Join(root, "b")
	first := made(t, at(a, "m1"))
	if err := at(a, "m1").Decide(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := ensured(t, at(a, "m1")); !n.Decided || n.Instance != first.Instance {
		t.Errorf("decided: %+v", n)
	}
	run(t, "cp", "-a", a, b)
	if n := ensured(t, at(b, "m1")); n.Decided {
		t.Errorf("the copy: %+v", n)
	}
	if err := at(a, "m1").Met(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if n := ensured(t, at(a, "m1")); n.Decided || n.Instance != first.Instance {
		t.Errorf("after a publication: %+v", n)
	}
}

// A copy of a fenced directory is fenced, and one of a directory that stands by stands by
// and ends nothing that its original began.
func TestCopiesDoNotBeginToAct(t *testing.T) {
	root := t.TempDir()
	fenced, begun := filepath.Join(root, "fenced"), filepath.Join(root, "begun")
	made(t, at(fenced, "m1"))
	if err := at(fenced, "m1").Met(t.Context(), &Other{Instance: "x", Epoch: 4, Remote: "origin", Seen: when}); err != nil {
		t.Fatal(err)
	}
	made(t, at(begun, "m1"))
	if _, err := at(begun, "m1").StandBy(t.Context(), func(*Standby) *Standby {
		return &Standby{Of: "/mnt/backups", Promoting: true, Yields: true}
	}); err != nil {
		t.Fatal(err)
	}
	run(t, "cp", "-a", fenced, fenced+"2")
	run(t, "cp", "-a", begun, begun+"2")
	for _, machine := range []string{"m1", "m2"} { // beside the original, and moved to another machine
		n := ensured(t, at(fenced+"2", machine))
		if n.Role() != Fenced || n.CopyOf == nil {
			t.Errorf("on %s the copy of a fenced directory is %s: %+v", machine, n.Role(), n)
		}
		n = ensured(t, at(begun+"2", machine))
		if n.Role() != OnStandby || n.Standby.Of == "" || n.Standby.Promoting || n.Standby.Yields {
			t.Errorf("on %s: %+v", machine, n.Standby)
		}
	}
	if n := ensured(t, at(begun, "m1")); !n.Standby.Promoting || !n.Standby.Yields {
		t.Errorf("the original: %+v", n.Standby)
	}
}

func TestTheNextWriterRemovesWhatAKilledOneLeft(t *testing.T) {
	d := at(filepath.Join(t.TempDir(), "a"), "m1")
	half := filepath.Join(filepath.Dir(d.File), ".instance6795585675204764287")
	if err := os.MkdirAll(filepath.Dir(half), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(half, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	ensured(t, d)
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", half, err)
	}
}

// Another directory that speaks makes this one a fenced one, until a person decides. A
// directory that stands by does so in its copies too, and with a new instance.
func TestRoles(t *testing.T) {
	root := t.TempDir()
	a, b := filepath.Join(root, "a"), filepath.Join(root, "b")
	d := at(a, "m1")
	want := func(d Dir, want Role) {
		t.Helper()
		if n := ensured(t, d); n.Role() != want {
			t.Errorf("%s, want %s: %+v", n.Role(), want, n)
		}
		if got, err := ReadRole(d.File); err != nil || got != want {
			t.Errorf("read %s, %v, want %s", got, err, want)
		}
	}
	if got, err := ReadRole(d.File); err != nil || got != Active {
		t.Errorf("without a note: %s, %v", got, err)
	}
	made(t, d)
	want(d, Active)
	met := func(o *Other) {
		t.Helper()
		if err := d.Met(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	met(&Other{Instance: "x", Epoch: 4, Remote: "origin", Seen: when})
	want(d, Fenced)
	if _, err := d.Replace(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	want(d, Active)
	met(&Other{Epoch: 6, Remote: "origin", Seen: when}) // nobody speaks: it stepped down
	want(d, Fenced)
	if n, err := d.StandBy(t.Context(), func(was *Standby) *Standby {
		if was != nil {
			t.Errorf("it stood by: %+v", was)
		}
		return &Standby{Of: "/mnt/backups"}
	}); err != nil || n.Standby == nil {
		t.Fatalf("%+v, %v", n, err)
	}
	want(d, OnStandby)
	run(t, "cp", "-a", a, b)
	want(at(b, "m1"), OnStandby)
	if n, err := d.Replace(t.Context(), 7); err != nil || n.Role() != OnStandby || n.Epoch != 7 {
		t.Errorf("%+v, %v", n, err)
	}
	if _, err := d.StandBy(t.Context(), func(*Standby) *Standby { return nil }); err != nil {
		t.Fatal(err)
	}
	want(d, Active)
}
