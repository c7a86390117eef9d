package gitremote

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gastown/sync/gitcmd"
)

const secondRef = "refs/dolt/ledger"

// openTwo opens two mirrors of one repository.
func openTwo(t testing.TB, dir, url string, change ...func(*Options)) (first, second *Mirror) {
	t.Helper()
	first = openMirror(t, dir, url, change...)
	second, err := first.Beside(t.Context(), "ledger", secondRef)
	if err != nil {
		t.Fatal(err)
	}
	return first, second
}

func publishBoth(t testing.TB, m *Mirror) (PublishResult, error) {
	t.Helper()
	return m.Publish(t.Context(), PublishOptions{Message: "test", AuthorName: "Ada", AuthorEmail: "ada@example.org", Beside: true})
}

func arrived(t testing.TB, m *Mirror) FetchResult {
	t.Helper()
	res, seen, err := m.Arrived()
	if err != nil || !seen {
		t.Fatalf("seen %v, %v", seen, err)
	}
	return res
}

// Both refs travel in one push and in one fetch.
func TestTwoRefsInOneConnection(t *testing.T) {
	url := bareRepo(t)
	log := filepath.Join(t.TempDir(), "connections")
	env := fakeSSH(t, `echo "$cmd" >>`+log+`
exec sh -c "$cmd"`)
	remote := "ssh://host" + url
	a, al := openTwo(t, t.TempDir(), remote, func(o *Options) { o.Env = env })
	b, bl := openTwo(t, t.TempDir(), remote, func(o *Options) { o.Env = env })
	write(t, a, "one")
	write(t, al, "ledger one")
	if res, err := publishBoth(t, a); err != nil || res.Unchanged || res.Head != a.Head() {
		t.Fatalf("%+v %v", res, err)
	}
	if f := fetch(t, b); !f.Changed {
		t.Fatalf("%+v", f)
	}
	if f := arrived(t, bl); !f.Changed || f.Head != al.Head() {
		t.Fatalf("%+v", f)
	}
	equal(t, read(t, b), "one")
	equal(t, read(t, bl), "ledger one")

	// Only the second ref changes; the first is confirmed all the same.
	write(t, bl, "ledger one", "ledger two")
	head := b.Head()
	if res, err := publishBoth(t, b); err != nil || res.Unchanged || res.Head != head {
		t.Fatalf("%+v %v", res, err)
	}
	fetch(t, a)
	equal(t, read(t, al), "ledger one", "ledger two")
	if res, err := publishBoth(t, a); err != nil || !res.Unchanged {
		t.Fatalf("%+v %v", res, err)
	}
	out, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(out), "\n"); got != 4 {
		t.Fatalf("%d connections for two pushes and two fetches:\n%s", got, out)
	}
	leftovers(t, a)
	leftovers(t, b)
}

// One process fetches when there is nothing new, with or without the second ref.
func TestSecondRefCostsNoProcess(t *testing.T) {
	url := bareRepo(t)
	a, al := openTwo(t, t.TempDir(), url)
	write(t, a, "one")
	publish(t, a)
	for range 2 {
		fetch(t, a)
		before := gitcmd.Processes()
		fetch(t, a)
		if got := gitcmd.Processes() - before; got != 1 {
			t.Fatalf("%d processes", got)
		}
		write(t, al, "ledger")
		if _, err := publishBoth(t, a); err != nil {
			t.Fatal(err)
		}
	}
	if f := arrived(t, al); f.Head != al.Head() {
		t.Fatalf("%+v", f)
	}
}

func TestSecondRefMissing(t *testing.T) {
	url := bareRepo(t)
	a, al := openTwo(t, t.TempDir(), url)
	write(t, a, "one")
	publish(t, a)
	b, bl := openTwo(t, t.TempDir(), url)
	fetch(t, b)
	if f := arrived(t, bl); !f.Empty {
		t.Fatalf("%+v", f)
	}
	if refs := git(t, url, "for-each-ref", secondRef); refs != "" {
		t.Fatal("a ref was made for nothing: " + refs)
	}
	write(t, al, "ledger")
	if _, err := publishBoth(t, a); err != nil {
		t.Fatal(err)
	}
	fetch(t, b)
	equal(t, read(t, bl), "ledger")
	// Another program removes the ref.
	git(t, url, "update-ref", "-d", secondRef)
	if f := fetch(t, b); f.Changed {
		t.Fatalf("%+v", f)
	}
	if _, _, err := bl.Arrived(); !errors.Is(err, ErrGone) {
		t.Fatal(err)
	}
	if err := bl.Forget(); err != nil {
		t.Fatal(err)
	}
	write(t, bl, "anew")
	if _, err := publishBoth(t, b); err != nil {
		t.Fatal(err)
	}
	fetch(t, a)
	equal(t, read(t, al), "anew")
}

// When a repository has lost the first ref, the second is asked for too: a caller
// who begins there anew must know whether it is also gone.
func TestSecondRefWhereTheFirstIsGone(t *testing.T) {
	for name, gone := range map[string]bool{"gone too": true, "still there": false} {
		t.Run(name, func(t *testing.T) {
			url := bareRepo(t)
			a, al := openTwo(t, t.TempDir(), url)
			write(t, a, "one")
			write(t, al, "ledger")
			if _, err := publishBoth(t, a); err != nil {
				t.Fatal(err)
			}
			git(t, url, "update-ref", "-d", testRef)
			if gone {
				git(t, url, "update-ref", "-d", secondRef)
			}
			if _, err := a.Fetch(t.Context()); !errors.Is(err, ErrGone) {
				t.Fatal(err)
			}
			_, seen, err := al.Arrived()
			if !seen || errors.Is(err, ErrGone) != gone || !gone && err != nil {
				t.Fatalf("seen %v, %v", seen, err)
			}
			want := "ledger"
			if gone {
				want = "anew"
				if err := al.Forget(); err != nil {
					t.Fatal(err)
				}
				write(t, al, want)
			}
			opts := PublishOptions{Message: "test", AuthorName: "Ada", AuthorEmail: "ada@example.org", Beside: true, Recreate: true}
			if _, err := a.Publish(t.Context(), opts); err != nil {
				t.Fatal(err)
			}
			b, bl := openTwo(t, t.TempDir(), url)
			fetch(t, b)
			equal(t, read(t, b), "one")
			equal(t, read(t, bl), want)
		})
	}
}

// Two Towns move different refs: the push of the later one moves neither.
func TestBothMoveOrNone(t *testing.T) {
	url := bareRepo(t)
	a, al := openTwo(t, t.TempDir(), url)
	b, bl := openTwo(t, t.TempDir(), url)
	write(t, a, "one")
	write(t, al, "ledger one")
	if _, err := publishBoth(t, a); err != nil {
		t.Fatal(err)
	}
	fetch(t, b)
	write(t, bl, "ledger one", "of b")
	if _, err := publishBoth(t, b); err != nil {
		t.Fatal(err)
	}
	write(t, a, "one", "two")
	write(t, al, "ledger one", "of a")
	before := git(t, url, "rev-parse", testRef)
	if _, err := publishBoth(t, a); !errors.Is(err, ErrRejected) {
		t.Fatalf("want ErrRejected, got %v", err)
	}
	if git(t, url, "rev-parse", testRef) != before {
		t.Fatal("one ref was moved without the other")
	}
	leftovers(t, a)
	for _, m := range []*Mirror{a, al} {
		if err := m.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	fetch(t, a)
	equal(t, read(t, al), "ledger one", "of b")
	write(t, a, "one", "two")
	write(t, al, "ledger one", "of a", "of b")
	if _, err := publishBoth(t, a); err != nil {
		t.Fatal(err)
	}
}

// To a server that cannot move two refs at once they are sent one after the other.
func TestServerWithoutAtomicPush(t *testing.T) {
	url := bareRepo(t)
	git(t, url, "config", "receive.advertiseAtomic", "false")
	a, al := openTwo(t, t.TempDir(), url)
	write(t, a, "one")
	write(t, al, "ledger one")
	if res, err := publishBoth(t, a); err != nil || res.Head != git(t, url, "rev-parse", testRef) {
		t.Fatalf("%+v %v", res, err)
	}
	if al.Head() != git(t, url, "rev-parse", secondRef) {
		t.Fatal("the second ref did not arrive")
	}
	leftovers(t, a)
}

// An error of the second ref is reported separately and does not affect the first.
func TestDamagedSecondRef(t *testing.T) {
	url := bareRepo(t)
	a, al := openTwo(t, t.TempDir(), url)
	write(t, a, "one")
	write(t, al, "ledger one")
	if _, err := publishBoth(t, a); err != nil {
		t.Fatal(err)
	}
	blob := gitIn(t, url, "no manifest", "hash-object", "-w", "--stdin")
	bad := gitIn(t, url, "100644 blob "+blob+"\tREADME\n", "mktree")
	commit := git(t, url, "commit-tree", "-m", "x", bad)
	git(t, url, "update-ref", secondRef, commit)
	for _, name := range []string{"ledgers", "ledger-of-eve", "ledger.x"} {
		git(t, url, "update-ref", "refs/dolt/"+name, commit)
	}
	b, bl := openTwo(t, t.TempDir(), url)
	if f := fetch(t, b); !f.Changed {
		t.Fatalf("%+v", f)
	}
	equal(t, read(t, b), "one")
	if _, seen, err := bl.Arrived(); !seen || !errors.Is(err, ErrNotDolt) {
		t.Fatal(err)
	}
	if bl.Head() != "" {
		t.Fatal("it was taken over")
	}
	leftovers(t, b)

	// A directory of refs at the name of the ref does not count as a ref.
	git(t, url, "update-ref", "-d", secondRef)
	git(t, url, "update-ref", secondRef+"/x", commit)
	fetch(t, b)
	if f := arrived(t, bl); !f.Empty {
		t.Fatalf("%+v", f)
	}
	leftovers(t, b)
}

// The answer to a push of both is lost; the next fetch finds both.
func TestLostAnswerForBoth(t *testing.T) {
	url := bareRepo(t)
	flag := filepath.Join(t.TempDir(), "lossy")
	env := fakeSSH(t, `if test -e `+flag+` && case "$cmd" in git-receive-pack*) true;; *) false;; esac; then
	sh -c "$cmd" | { dd bs=1 count=$(cat `+flag+`) 2>/dev/null; cat >/dev/null; }
	exit 1
fi
exec sh -c "$cmd"`)
	remote := "ssh://host" + url
	change := func(o *Options) { o.Env = env }
	a, al := openTwo(t, t.TempDir(), remote, change)
	write(t, a, "one")
	write(t, al, "ledger one")
	if _, err := publishBoth(t, a); err != nil {
		t.Fatal(err)
	}
	// The connection is cut after as many bytes as the server's list of refs has.
	adv, err := exec.Command("sh", "-c", "printf 0000 | git-receive-pack "+url+" | wc -c").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(flag, adv, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, a, "one", "two")
	write(t, al, "ledger one", "ledger two")
	if _, err := publishBoth(t, a); !errors.Is(err, ErrUnknownOutcome) {
		t.Fatalf("want ErrUnknownOutcome, got %v", err)
	}
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	a, al = openTwo(t, a.opts.Dir, remote, change)
	if f := fetch(t, a); !f.PublishedEarlier {
		t.Fatalf("%+v", f)
	}
	if f := arrived(t, al); !f.PublishedEarlier {
		t.Fatalf("%+v", f)
	}
	if res, err := publishBoth(t, a); err != nil || !res.Unchanged {
		t.Fatalf("published once more what had arrived: %+v %v", res, err)
	}
}
