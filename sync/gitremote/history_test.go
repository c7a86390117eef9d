package gitremote

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gastown/e2e/script"
)

func noise(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// reachable measures, independently of the mirror, the uncompressed bytes of
// everything the ref reaches.
func reachable(t testing.TB, repo string) int64 {
	t.Helper()
	ids := git(t, repo, "rev-list", "--objects", "--no-object-names", testRef)
	sizes := gitIn(t, repo, ids+"\n", "cat-file", "--batch-check=%(objectsize)")
	total := int64(0)
	for _, s := range strings.Fields(sizes) {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	return total
}

// Two Towns publish in turn, many times, and replace tables each time. The size of
// what the ref reaches stays bounded, cuts happen, and both Towns and a third one
// that joins late can continue.
func TestHistoryStaysBounded(t *testing.T) {
	t.Parallel()
	url := bareRepo(t)
	const floor = 40 << 10
	opts := func(o *Options) { o.SquashBytes = floor; o.SquashCommits = 25 }
	late := openMirror(t, t.TempDir(), url, opts)
	towns := []*Mirror{openMirror(t, t.TempDir(), url, opts), openMirror(t, t.TempDir(), url, opts)}
	r := rand.New(rand.NewPCG(1, 2))
	live := []string{noise(r, 3000)}
	squashed, afterSquash := 0, 0
	for i := range 72 {
		m := towns[i%2]
		if i > 0 {
			fetch(t, m)
			equal(t, read(t, m), append([]string{}, live...)...)
		}
		live = append(live, noise(r, 200+r.IntN(3000)))
		if len(live) > 6 {
			live = live[3:] // as when Dolt conjoins table files
		}
		write(t, m, live...)
		res := publish(t, m)
		if res.Squashed {
			squashed++
			afterSquash = i
			if parents := git(t, url, "rev-list", "--count", testRef); parents != "1" {
				t.Fatalf("round %d: a cut history has %s commits", i, parents)
			}
		}
		liveBytes := int64(0)
		for _, s := range live {
			liveBytes += int64(len(s))
		}
		if got, limit := reachable(t, url), liveBytes+max(liveBytes, floor)+8<<10; got > limit {
			t.Fatalf("round %d: the ref reaches %d bytes, live %d, limit %d", i, got, liveBytes, limit)
		}
		if i == 0 {
			fetch(t, late)
		}
	}
	if squashed < 3 || afterSquash == 71 {
		t.Fatalf("%d cuts, last in round %d", squashed, afterSquash)
	}
	fetch(t, late)
	equal(t, read(t, late), append([]string{}, live...)...)
	write(t, late, append(live, "late")...)
	publish(t, late)
	fetch(t, towns[0])
	equal(t, read(t, towns[0]), append([]string{"late"}, live...)...)
	for _, m := range append(towns, late) {
		u, err := m.repo.Usage()
		if err != nil {
			t.Fatal(err)
		}
		if u.Packs > maxPacks+1 || u.Bytes > 2*slackFactor*floor {
			t.Errorf("object cache has grown to %+v", u)
		}
		leftovers(t, m)
	}
	git(t, url, "fsck")
}

func TestChainLengthIsBounded(t *testing.T) {
	t.Parallel()
	url := bareRepo(t)
	m := openMirror(t, t.TempDir(), url, func(o *Options) { o.SquashCommits = 5 })
	for i := range 17 {
		write(t, m, fmt.Sprint("v", i))
		publish(t, m)
		n, err := strconv.Atoi(git(t, url, "rev-list", "--count", testRef))
		if err != nil || n > 5 {
			t.Fatalf("chain of %d commits, %v", n, err)
		}
	}
}

// A remote may forbid rewinding; then history stays whole and publishing works.
func TestRemoteThatForbidsRewinding(t *testing.T) {
	t.Parallel()
	url := bareRepo(t)
	hook := "#!/bin/sh\ntest $2 = 0000000000000000000000000000000000000000 || git merge-base --is-ancestor $2 $3\n"
	if err := script.Write(url+"/hooks/update", hook); err != nil {
		t.Fatal(err)
	}
	m := openMirror(t, t.TempDir(), url, func(o *Options) { o.SquashCommits = 3 })
	for i := range 8 {
		write(t, m, fmt.Sprint("v", i))
		if publish(t, m).Squashed {
			t.Fatal("cut a history that the remote keeps")
		}
	}
	if n := git(t, url, "rev-list", "--count", testRef); n != "8" {
		t.Fatalf("%s commits, want 8", n)
	}
	m = openMirror(t, m.opts.Dir, url)
	fetch(t, m)
	equal(t, read(t, m), "v7")
}

// Commits of other programs carry no trailer: their history is measured.
func TestForeignHistoryIsMeasured(t *testing.T) {
	url := bareRepo(t)
	r := rand.New(rand.NewPCG(3, 4))
	big, small := noise(r, 60<<10), "small"
	for _, c := range []string{big, small} {
		commit := []string{"commit-tree", "-m", "elsewhere", tree(t, url, []treeLine{
			{"100644 blob", blob(t, url, manifestFor(nameOf([]byte(c)))), manifestName},
			{"100644 blob", blob(t, url, c), nameOf([]byte(c))}})}
		if git(t, url, "for-each-ref") != "" {
			commit = append(commit, "-p", testRef)
		}
		git(t, url, "update-ref", testRef, git(t, url, commit...))
	}
	m := openMirror(t, t.TempDir(), url, func(o *Options) { o.SquashBytes = 32 << 10 })
	fetch(t, m)
	if h := m.state.History; h.Dead < 50<<10 || h.Dead > 70<<10 {
		t.Fatalf("measured %+v, want about 60 KiB dead", h)
	}
	write(t, m, small, "more")
	if !publish(t, m).Squashed {
		t.Fatal("the dead bytes of others are kept")
	}
}

func TestTrailerRoundTripAndHostileValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := history{rapid.IntRange(1, 1e6).Draw(t, "commits"), rapid.Int64Range(0, 1e14).Draw(t, "dead")}
		message := rapid.String().Draw(t, "message") + "\n\n" + h.trailer() + "\n"
		if got, ok := parseHistory(message); !ok || got != h {
			t.Fatalf("read %+v %v from %q", got, ok, message)
		}
	})
	for _, s := range []string{"", "Gt-History: commits=-1 dead-bytes=3", "Gt-History: commits=0 dead-bytes=3",
		"Gt-History: commits=1 dead-bytes=99999999999999999999", " Gt-History: commits=1 dead-bytes=1", "Gt-History: commits=1 dead-bytes=1 x"} {
		if h, ok := parseHistory(s); ok {
			t.Errorf("%q was read as %+v", s, h)
		}
	}
}

// In any order of publications, the history never holds more dead bytes than the
// rule allows.
func TestSquashRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{SquashBytes: 1000, SquashCommits: 20}.withDefaults()
		s := state{}
		for i := range rapid.IntRange(1, 60).Draw(t, "publishes") {
			var tables []table
			for j := range rapid.IntRange(0, 6).Draw(t, "tables") {
				id := fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "id"), "-", j)
				tables = append(tables, table{ID: id, File: id, Size: rapid.Int64Range(1, 2000).Draw(t, "size")})
			}
			h, cut := s.next(o, tables)
			s = state{Head: fmt.Sprint(i), Tables: tables, History: h}
			if h.Dead > max(s.live(), o.SquashBytes) || h.Commits > o.SquashCommits || (cut && h != history{Commits: 1}) {
				t.Fatalf("%+v with %d live bytes, cut %v", h, s.live(), cut)
			}
		}
	})
}

func TestParseManifestNeverAcceptsOddNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Custom(func(t *rapid.T) string {
			return manifestFor(rapid.SliceOfN(rapid.StringMatching(`[0-9a-w/.]{31,33}`), 0, 3).Draw(t, "names")...)
		})).Draw(t, "text")
		names, err := parseManifest([]byte(text))
		if err != nil {
			return
		}
		for _, n := range names {
			if !hashPattern.MatchString(n) {
				t.Fatalf("accepted %q", n)
			}
		}
	})
}
