package federate

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/e2e/gitserver"
	"gastown/sync/gitremote"
	"gastown/town"
)

// An edit made while init waits for an answer, recorded or not, is shown before it
// leaves. If the person then refuses, nothing leaves at all.
func TestEditsWhileInitIsConfirmed(t *testing.T) {
	t.Parallel()
	for _, agreed := range []bool{true, false} {
		url := bare(t)
		a := newTown(t, filepath.Join(tempDir(t), "a"), "alpha")
		remote, no := Remote{Name: "origin", URL: url}, errors.New("no")
		asked := 0
		_, err := a.Init(t.Context(), remote, func(p Preview) error {
			switch asked++; asked {
			case 1:
				a.write("roles/late.md", role("late", "not recorded"))
			case 2:
				if !slices.Contains(p.Documents, key("roles/late.md")) {
					t.Errorf("the second preview is of %v", p.Documents)
				}
				if !agreed {
					return no
				}
				a.write("roles/later.md", role("later", "recorded"))
				a.commit()
			}
			return nil
		})
		if !agreed {
			if !errors.Is(err, no) || asked != 2 || refs(t, url) != "" || a.confirmed(remote) == nil {
				t.Errorf("asked %d times, %v; the repository has %q", asked, err, refs(t, url))
			}
			continue
		}
		if err != nil || asked != 3 {
			t.Errorf("asked %d times, %v", asked, err)
		}
		b := newTown(t, filepath.Join(tempDir(t), "b"), "beta")
		b.join(url)
		b.want("roles/later.md", role("later", "recorded"))
	}
}

// The same holds when a Town connects with another repository of its federation.
func TestEditsWhileARejoinIsConfirmed(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a := newTown(t, filepath.Join(tempDir(t), "a"), "alpha")
	a.init(url)
	b := newTown(t, filepath.Join(tempDir(t), "b"), "beta")
	b.join(url)
	a.write("roles/theirs.md", role("theirs", "of alpha"))
	a.sync(url)
	asked := 0
	_, err := b.Join(t.Context(), Remote{Name: "again", URL: url}, func(p Preview) error {
		if asked++; asked == 1 {
			b.write("roles/late.md", role("late", "x"))
		} else if !slices.Contains(p.Documents, key("roles/late.md")) {
			t.Errorf("the preview is of %v", p.Documents)
		}
		return nil
	})
	if err != nil || asked != 2 {
		t.Fatalf("asked %d times, %v", asked, err)
	}
	b.want("roles/theirs.md", role("theirs", "of alpha"))
	a.pull(url)
	a.want("roles/late.md", role("late", "x"))
}

// When somebody edits during every question, the number of questions is bounded.
func TestInitGivesUpAsking(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a := newTown(t, filepath.Join(tempDir(t), "a"), "alpha")
	asked := 0
	_, err := a.Init(t.Context(), Remote{Name: "origin", URL: url}, func(Preview) error {
		asked++
		a.write("roles/late.md", role("late", strings.Repeat("x", asked)))
		return nil
	})
	if !errors.Is(err, town.ErrBusy) || asked != maxPreviews || refs(t, url) != "" {
		t.Errorf("asked %d times, %v; the repository has %q", asked, err, refs(t, url))
	}
}

// Two Towns of a federation publish in the same repository, which is new or was made
// again: the second one merges, as in any other push.
func TestTwoTownsInitOneRepository(t *testing.T) {
	t.Parallel()
	for _, recreated := range []bool{false, true} {
		url, backup := bare(t), bare(t)
		a := newTown(t, filepath.Join(tempDir(t), "a"), "alpha")
		a.init(url)
		b := newTown(t, filepath.Join(tempDir(t), "b"), "beta")
		b.join(url)
		a.sync(url)
		remote := Remote{Name: "backup", URL: backup}
		if recreated {
			if _, err := a.Init(t.Context(), remote, yes); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Join(t.Context(), remote, yes); err != nil {
				t.Fatal(err)
			}
			a.pull(url)
			if err := os.RemoveAll(backup); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("git", "init", "-q", "--bare", backup).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		a.write("roles/one.md", role("one", "of alpha"))
		b.write("roles/two.md", role("two", "of beta"))
		asked := 0
		out, err := b.Init(t.Context(), remote, func(Preview) error {
			if asked++; asked > 1 {
				return nil
			}
			_, err := a.Init(t.Context(), remote, yes)
			return err
		})
		if err != nil || out.Attempts != 2 || asked != 1 {
			t.Fatalf("recreated %v: asked %d times, %d attempts, %v", recreated, asked, out.Attempts, err)
		}
		if got := refs(t, backup); !strings.Contains(got, "__dolt_remote_info__") {
			t.Errorf("recreated %v: the repository has %q", recreated, got)
		}
		if _, err := a.Pull(t.Context(), remote, false); err != nil {
			t.Fatal(err)
		}
		a.want("roles/two.md", role("two", "of beta"))
		b.want("roles/one.md", role("one", "of alpha"))
	}
}

// An init whose push does not arrive, however often it is tried, can be repeated with
// the same command. The agreement stays valid.
func TestInitOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	repo := bare(t)
	server := served(t, repo)
	a := newTown(t, filepath.Join(tempDir(t), "a"), "alpha")
	remote := Remote{Name: "origin", URL: server.URL()}
	a.opts.Patience = time.Nanosecond
	for range 2 {
		if err := exec.Command("git", "-C", repo, "update-ref", "-d", dataRef).Run(); err != nil {
			t.Fatal(err)
		}
		server.Set(gitserver.DropBefore)
		_, err := a.Init(t.Context(), remote, yes)
		server.Set(gitserver.None)
		if !errors.Is(err, gitremote.ErrUnknownOutcome) || town.Next(err) != "run it again" {
			t.Errorf("got %v, next %q", err, town.Next(err))
		}
		if err := a.confirmed(remote); err != nil {
			t.Error(err)
		}
		if _, err := a.Init(t.Context(), remote, yes); err != nil {
			t.Fatal(err)
		}
	}
}

// refs are the names of a repository's refs.
func refs(t *testing.T, repo string) string {
	t.Helper()
	out, err := exec.Command("git", "-C", repo, "for-each-ref", "--format=%(refname)").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
