package gitremote

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
)

func TestAKnownTableThatIsDamagedAtTheRemoteIsNoticed(t *testing.T) {
	url := bareRepo(t)
	a, b := openMirror(t, t.TempDir(), url), openMirror(t, t.TempDir(), url)
	write(t, a, "one")
	good := publish(t, a).Head
	fetch(t, b)
	name, other := nameOf([]byte("one")), nameOf([]byte("two"))
	manifest := treeLine{"100644 blob", blob(t, url, manifestFor(name, other)), manifestName}
	two := treeLine{"100644 blob", blob(t, url, "two"), other}
	commitTree(t, url, []treeLine{manifest, {"100644 blob", blob(t, url, "damaged"), name}, two})
	for range 2 {
		if _, err := b.Fetch(t.Context()); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("want ErrCorrupt, got %v", err)
		}
		if b.Head() != good {
			t.Fatalf("head moved to %s", b.Head())
		}
		leftovers(t, b)
		equal(t, read(t, b), "one")
	}
	// The same table under another id, in two parts, is sound.
	parts := tree(t, url, []treeLine{{"100644 blob", blob(t, url, "o"), "0001"}, {"100644 blob", blob(t, url, "ne"), "0002"}})
	commitTree(t, url, []treeLine{manifest, {"040000 tree", parts, name}, two})
	if r := fetch(t, b); r.NewTables != 1 {
		t.Errorf("%d new tables, want 1", r.NewTables)
	}
	leftovers(t, b)
	equal(t, read(t, b), "one", "two")
}

func TestRefusedFetchesDoNotFillTheCache(t *testing.T) {
	for _, known := range []bool{true, false} {
		url := bareRepo(t)
		b := openMirror(t, t.TempDir(), url, func(o *Options) { o.SquashBytes = 256 << 10 })
		if known {
			a := openMirror(t, t.TempDir(), url)
			write(t, a, "good")
			publish(t, a)
			fetch(t, b)
		}
		content := make([]byte, 512<<10)
		for n := range 8 {
			_, _ = rand.Read(content) // never fails
			name := nameOf(fmt.Append(nil, n))
			commitTree(t, url, []treeLine{{"100644 blob", blob(t, url, manifestFor(name)), manifestName},
				{"100644 blob", blob(t, url, string(content)), name}})
			if _, err := b.Fetch(t.Context()); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("want ErrCorrupt, got %v", err)
			}
			if u, err := b.repo.Usage(); err != nil || u.Bytes > slackFactor*256<<10+4<<10 {
				t.Errorf("known %v: after %d refused fetches the cache takes %d KiB, %v", known, n+1, u.Bytes>>10, err)
			}
		}
		if known {
			equal(t, read(t, b), "good")
		}
	}
}
