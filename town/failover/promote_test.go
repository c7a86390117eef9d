package failover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/instance"
	"gastown/town/layout"
)

// promoteChild promotes a directory, and is killed at a step.
func promoteChild(where string) {
	where, at, _ := strings.Cut(where, ":")
	n, err := strconv.Atoi(at)
	if err != nil {
		panic(err)
	}
	h := newHost(filepath.Dir(where), filepath.Base(where))
	h.step = func() {
		if n--; n < 0 {
			os.Exit(9)
		}
	}
	if _, err := h.Promote(context.Background(), true); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A promotion that is killed anywhere leaves a directory that does not act, or one that is
// promoted, and never two that are active; running it again goes on, in the same epoch.
func TestPromoteKilledAnywhere(t *testing.T) {
	root := found(t)
	a, b := newHost(root, "a"), copied(t, root, "b")
	epoch := uint64(1)
	killed, stride := 0, 5
	if *histories > 50 {
		stride = 1
	}
	for n := 0; ; n += stride {
		who, other := b, a
		if epoch%2 == 0 {
			who, other = a, b
		}
		// The other one speaks, and this one knows.
		if err := errors.Join(other.exchange(t.Context()), who.exchange(t.Context())); err != nil && !errors.Is(err, town.ErrRefused) {
			t.Fatal(err)
		}
		c := exec.Command(os.Args[0], "-test.run=^$")
		c.Env = append(os.Environ(), childEnv+"="+who.dir+":"+strconv.Itoa(n))
		out, err := c.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 9) {
			t.Fatalf("step %d: %v: %s", n, err, out)
		}
		if err != nil {
			killed++
			// Killed after its last step it is promoted.
			in, ierr := who.Engine.Instance(t.Context())
			if ierr != nil || in.Role() == instance.Active && (in.Entry.Instance != in.Instance || in.Entry.Epoch != epoch+1) {
				t.Errorf("killed at step %d, and active: %+v, %v", n, in.Entry, ierr)
			}
		}
		if _, perr := who.Promote(t.Context(), true); perr != nil {
			t.Fatalf("after step %d: %v", n, perr)
		}
		if perr := other.exchange(t.Context()); perr != nil && !errors.Is(perr, town.ErrRefused) {
			t.Fatal(perr)
		}
		epoch++
		in, ierr := who.Engine.Instance(t.Context())
		if ierr != nil || in.Entry.Epoch != epoch || in.Entry.Instance != in.Instance || who.role(t) != instance.Active || other.role(t) == instance.Active {
			t.Fatalf("after step %d: epoch %d, want %d; %s and %s; %v", n, in.Entry.Epoch, epoch, who.role(t), other.role(t), ierr)
		}
		if err == nil {
			break
		}
	}
	if killed < 4 {
		t.Errorf("killed at %d steps only", killed)
	}
}

// Without force nothing is promoted that nobody can vouch for; a directory that stepped
// down vouches.
func TestPromoteAsks(t *testing.T) {
	root := found(t)
	a, b := newHost(root, "a"), copied(t, root, "b")
	refused := func(what string, words ...string) {
		t.Helper()
		_, err := b.Promote(t.Context(), false)
		if !errors.Is(err, town.ErrRefused) || !strings.Contains(town.Next(err), "gt town promote --force") {
			t.Errorf("%s: %v (%s)", what, err, town.Next(err))
		}
		for _, word := range words {
			if err != nil && !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q is not said: %v", what, word, err)
			}
		}
	}
	refused("the other one is active", "did not step down")
	if err := b.cut(); err != nil {
		t.Fatal(err)
	}
	refused("no remote answers", "no remote answered", "did not answer")
	if err := b.mend(); err != nil {
		t.Fatal(err)
	}
	if err := a.write(t.Context(), "last"); err != nil {
		t.Fatal(err)
	}
	taken := 0
	take := func(context.Context) error {
		taken++
		if a.role(t) != instance.OnStandby {
			t.Error("the last backup was taken while it was active")
		}
		return nil
	}
	if stepped, err := a.StandBy(t.Context(), Place{Of: "/mnt/backups"}, take); err != nil || !stepped || taken != 1 {
		t.Fatalf("%v, %v, %d", stepped, err, taken)
	}
	note, err := instance.Read(a.Dir.File)
	if err != nil {
		t.Fatal(err)
	}
	// Its own last points are the ones to follow, and not those of one that was never told.
	if active, err := a.follows(t.Context(), note); err != nil || active != note.Instance {
		t.Errorf("it follows %q, %v", active, err)
	}
	if _, err := a.Engine.Push(t.Context(), a.Remotes[0], false); !errors.Is(err, federate.ErrStandby) {
		t.Errorf("it publishes: %v", err)
	}
	done, err := b.Promote(t.Context(), false)
	if err != nil || done.Epoch != 3 || len(done.Published) != 1 || done.Former != "" || len(done.Unknown) > 0 {
		t.Errorf("%+v, %v", done, err)
	}
	if err := a.exchange(t.Context()); err != nil {
		t.Fatal(err)
	}
	if active, err := a.follows(t.Context(), note); err != nil || active == note.Instance || active == "" {
		t.Errorf("it follows %q, %v", active, err)
	}
	if note, err = instance.Read(a.Dir.File); err != nil || note.Standby.Active == note.Instance {
		t.Errorf("%+v, %v", note.Standby, err)
	}
	if !b.has("last") {
		t.Error("what it published last did not arrive")
	}
	if again, err := b.Promote(t.Context(), false); err != nil || !again.Already || again.Epoch != 3 {
		t.Errorf("again: %+v, %v", again, err)
	}
}

// A Town without a federation steps down, too: what it has goes into a last backup before
// anything older is restored over it. Not so where another directory took its place meanwhile.
func TestStandByWithoutAFederation(t *testing.T) {
	root := t.TempDir()
	a := newHost(root, "a")
	create(t, a)
	a.Remotes = nil
	taken := 0
	take := func(context.Context) error {
		taken++
		if a.role(t) != instance.OnStandby {
			t.Error("the last backup was taken while it was active")
		}
		if taken == 1 {
			return errors.New("the disk is not there")
		}
		return nil
	}
	if stepped, err := a.StandBy(t.Context(), Place{Of: "/mnt/backups", Others: true}, take); err != nil || stepped || taken != 0 {
		t.Errorf("another one takes the backups: %v, %v, %d", stepped, err, taken)
	}
	if _, err := a.Promote(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{false, true} {
		if stepped, err := a.StandBy(t.Context(), Place{Of: "/mnt/backups"}, take); stepped != want || (err == nil) != want {
			t.Errorf("%v, %v", stepped, err)
		}
		note, err := instance.Read(a.Dir.File)
		if err != nil || note.Standby.Yields == want {
			t.Errorf("%+v, %v", note.Standby, err)
		}
	}
	if taken != 2 {
		t.Errorf("%d backups were taken", taken)
	}
}

// until interrupts a call of the host at the step whose description begins so.
func (h *hostOf) until(t *testing.T, step string, call func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tell := h.Tell
	defer func() { h.Tell = tell }()
	h.Tell = func(what string) {
		if strings.HasPrefix(what, step) {
			cancel()
		}
	}
	if err := call(ctx); err == nil {
		t.Fatal("it was not interrupted")
	}
}

// Force counts for one run: after an interruption the promotion goes on with force again,
// or without where the registry names this directory already. A person may also let the
// directory stand by, which gives the promotion up.
func TestForceIsSaidEachTime(t *testing.T) {
	root := found(t)
	a, b := newHost(root, "a"), copied(t, root, "b")
	b.Unusable = errors.New("the key is gone")
	standBy := func() {
		t.Helper()
		if stepped, err := b.StandBy(t.Context(), Place{Of: "/mnt/backups"}, nil); err != nil || stepped {
			t.Fatalf("%v, %v", stepped, err)
		}
	}
	promoting := func() bool {
		t.Helper()
		note, err := instance.Read(b.Dir.File)
		if err != nil || note.Standby == nil {
			t.Fatalf("%+v, %v", note, err)
		}
		return note.Standby.Promoting
	}
	forced := func(ctx context.Context) error { _, err := b.Promote(ctx, true); return err }
	standBy()
	b.until(t, "publishing", forced)
	if _, err := b.Promote(t.Context(), false); !errors.Is(err, town.ErrRefused) || !strings.Contains(town.Next(err), "--force") || !promoting() {
		t.Errorf("without force: %v", err)
	}
	standBy()
	if promoting() {
		t.Error("it was not given up")
	}
	if err := a.exchange(t.Context()); err != nil || a.role(t) != instance.Active {
		t.Errorf("%s, %v", a.role(t), err)
	}
	b.until(t, "ending", forced)
	if err := a.exchange(t.Context()); !errors.Is(err, federate.ErrInstance) || a.role(t) != instance.Fenced {
		t.Errorf("%s, %v", a.role(t), err)
	}
	if done, err := b.Promote(t.Context(), false); err != nil || b.role(t) != instance.Active || done.Epoch < 2 {
		t.Errorf("%+v, %v", done, err)
	}
	// Given up after it was published, it steps down.
	if _, err := a.Promote(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := b.exchange(t.Context()); !errors.Is(err, federate.ErrInstance) {
		t.Fatal(err)
	}
	standBy()
	b.until(t, "ending", forced)
	taken := false
	if stepped, err := b.StandBy(t.Context(), Place{Of: "/mnt/backups"}, func(context.Context) error { taken = true; return nil }); err != nil || !stepped || !taken || promoting() {
		t.Errorf("%v, %v, %v", stepped, err, taken)
	}
	if err := a.exchange(t.Context()); !errors.Is(err, federate.ErrInstance) {
		t.Errorf("%v", err)
	}
	if done, err := a.Promote(t.Context(), false); err != nil || len(done.Unknown) > 0 {
		t.Errorf("%+v, %v", done, err)
	}
}

// A promotion that was interrupted ends when another directory takes the place that it
// claimed: the directory follows again. Backups that cannot be used are one of the things
// that a promotion does not know.
func TestAClaimThatComesLate(t *testing.T) {
	root := found(t)
	a, b := newHost(root, "a"), copied(t, root, "b")
	b.Unusable = errors.New("the key is gone")
	if _, err := b.Dir.StandBy(t.Context(), func(*instance.Standby) *instance.Standby {
		return &instance.Standby{Of: "/mnt/backups"}
	}); err != nil {
		t.Fatal(err)
	}
	b.until(t, "publishing", func(ctx context.Context) error { _, err := b.Promote(ctx, true); return err })
	note, err := instance.Read(b.Dir.File)
	if err != nil || note.Standby == nil || !note.Standby.Promoting {
		t.Fatalf("%+v, %v", note.Standby, err)
	}
	if _, err := b.Refresh(t.Context()); err != nil { // nobody else claimed the epoch yet
		t.Fatal(err)
	}
	if in, err := a.Engine.Instance(t.Context()); err != nil || in.Epoch >= note.Epoch {
		t.Fatalf("%+v, %v", in, err)
	}
	if _, err := a.Dir.Replace(t.Context(), note.Epoch); err != nil {
		t.Fatal(err)
	}
	if err := a.exchange(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.exchange(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Refresh(t.Context()); !errors.Is(err, b.Unusable) {
		t.Errorf("it does not look for backups again: %v", err)
	}
	if note, err := instance.Read(b.Dir.File); err != nil || note.Standby.Promoting || note.Standby.Error == "" {
		t.Errorf("%+v, %v", note.Standby, err)
	}
	done, err := b.Promote(t.Context(), true)
	if err != nil || b.role(t) != instance.Active || !strings.Contains(strings.Join(done.Unknown, "; "), "the key is gone") {
		t.Errorf("%+v, %v", done, err)
	}
}

// Without the key with which the Town signs, nothing is promoted and nothing is changed, and
// the error says what to do.
func TestPromoteNeedsTheKey(t *testing.T) {
	root := found(t)
	a, b := newHost(root, "a"), copied(t, root, "b")
	if err := errors.Join(a.exchange(t.Context()), os.Remove(layout.Town{Root: b.dir}.Keys())); err != nil {
		t.Fatal(err)
	}
	if err := b.exchange(t.Context()); err != nil && !errors.Is(err, town.ErrRefused) {
		t.Fatal(err)
	}
	before, err := os.ReadFile(b.Dir.File)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Promote(t.Context(), true)
	if !errors.Is(err, town.ErrRefused) || !strings.Contains(err.Error(), ".gt/keys") || !strings.Contains(town.Next(err), "copy .gt/keys here") {
		t.Errorf("%v (%s)", err, town.Next(err))
	}
	if after, err := os.ReadFile(b.Dir.File); err != nil || string(after) != string(before) {
		t.Errorf("the note was\n%s\nand is\n%s", before, after)
	}
	if err := a.exchange(t.Context()); err != nil || a.role(t) != instance.Active {
		t.Errorf("%s, %v", a.role(t), err)
	}
	shell(t, "cp", layout.Town{Root: a.dir}.Keys(), layout.Town{Root: b.dir}.Keys())
	if _, err := b.Promote(t.Context(), true); err != nil || b.role(t) != instance.Active {
		t.Errorf("with the key: %s, %v", b.role(t), err)
	}
}
