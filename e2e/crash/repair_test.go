package crash

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/sync/federate"
	"gastown/sync/gitremote"
	"gastown/town"
	"gastown/town/layout"
)

// repairs is how many repairs TestRepairKilledAnywhere kills.
var repairs = flag.Int("repairs", 12, "how many repairs to kill, at moments that cover the whole call")

// spoil publishes a row that no Town takes, and one that every Town takes, as another
// program could.
func (m *machine) spoil(t *testing.T, url string, n int) {
	t.Helper()
	ctx := t.Context()
	mirror, err := gitremote.Open(ctx, gitremote.Options{
		Dir: filepath.Join(t.TempDir(), "by-hand"), URL: url, Ref: gitremote.SpaceDolt.Data(), Env: os.Environ(),
		Verify: func(context.Context, string, []string) error { return nil },
	})
	if err == nil {
		_, err = mirror.Fetch(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	db, err := doltdb.OpenShared(ctx, doltdb.Options{Dir: m.layout.Data(layout.Federation), Actor: m.actor(), Command: "by hand"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Update(ctx, "by hand", func(tx *doltdb.Tx) error {
		for _, name := range []string{fmt.Sprint("Not a name ", n), fmt.Sprint("good", n)} {
			if _, err := tx.Exec(ctx, "INSERT INTO roles VALUES (?, '---\ndescription: x\n---\ngood\n', '', 1, 'me', 'Ada <ada@example.com>')", name); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = db.Push(ctx, "origin", mirror.Dir())
	}
	if err = errors.Join(err, db.Close()); err == nil {
		_, err = mirror.Publish(ctx, gitremote.PublishOptions{AuthorName: "x", AuthorEmail: "x@example.com", Message: "by hand"})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRepairKilledAnywhere kills repairs of a remote that holds what no Town takes. The
// next repair completes it: what is good stays, and every Town goes on by itself.
func TestRepairKilledAnywhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	url := bare(t, dir)
	victim, other, mess := newMachine(t, dir+"/victim", "victim"), newMachine(t, dir+"/other", "other"), newMachine(t, dir+"/mess", "mess")
	victim.must(t, "init", url)
	other.must(t, "join", url)
	mess.must(t, "join", url)
	killed := 0
	var usual time.Duration
	for i := range *repairs + 1 {
		for _, m := range []*machine{victim, other, mess, victim} {
			m.must(t, "sync", url)
		}
		mess.spoil(t, url, i)
		body := fmt.Sprint("round ", i)
		other.change(t, body)
		other.must(t, "commit", url)
		if err := victim.do(t.Context(), "pull", url); err == nil {
			t.Fatal("the victim took it")
		}
		if i == 0 {
			usual = victim.took(t, "repair", url)
		} else {
			delay := usual * time.Duration(5*i) / time.Duration(4**repairs)
			hit := victim.begin(t, "repair", url, "").killAfter(t, delay)
			t.Logf("repair %d: killed after %v of %v: %v", i, delay, usual, hit)
			if hit {
				killed++
			}
		}
		victim.status(t, url)
		victim.must(t, "repair", url)
		again, err := victim.engine.RepairRemote(t.Context(), federate.Remote{Name: "origin", URL: url}, true, nil)
		if err != nil || len(again.Parts) > 0 {
			t.Errorf("repair %d: there is more to repair: %+v, %v", i, again.Parts, err)
		}
		for n, m := range []*machine{other, mess, victim, other} {
			if err := m.do(t.Context(), "sync", url); err != nil {
				t.Fatalf("repair %d: sync %d: %v [next: %s]; the remote holds\n%s", i, n, err, town.Next(err),
					git(t, url, "log", "-8", "--format=%h %an %s", string(gitremote.SpaceDolt.Data())))
			}
		}
		if a, b := victim.plane(t), other.plane(t); a.head != b.head || a.has(body) != len(paths) {
			t.Errorf("repair %d: the Towns are at %s and %s; %d texts are kept", i, a.head, b.head, a.has(body))
		}
		for _, m := range []*machine{victim, other, mess} {
			if m.files(t)[fmt.Sprintf("roles/good%d.md", i)] == "" {
				t.Errorf("repair %d: %s lacks what was good", i, m.name)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(victim.layout.Remote("origin"), "repair*")); len(left) > 0 {
			t.Errorf("repair %d: left behind: %q", i, left)
		}
		alone(t, victim.dir)
		git(t, url, "fsck", "--strict", "--no-progress")
	}
	t.Logf("%d of %d repairs were killed before they were done", killed, *repairs)
}
