package gitremote

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"gastown/sync/gitcmd"
	"gastown/town"
)

type treeLine struct{ mode, id, name string }

func blob(t testing.TB, repo, content string) string {
	t.Helper()
	return gitIn(t, repo, content, "hash-object", "-w", "--stdin")
}

// tree builds a tree with git mktree, which allows most nonsense.
func tree(t testing.TB, repo string, lines []treeLine) string {
	t.Helper()
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "%s %s\t%s\n", l.mode, l.id, l.name)
	}
	return gitIn(t, repo, b.String(), "mktree", "--missing")
}

func commitTree(t testing.TB, repo string, lines []treeLine) {
	t.Helper()
	c := git(t, repo, "commit-tree", "-m", "hostile", tree(t, repo, lines))
	git(t, repo, "update-ref", testRef, c)
}

func TestHostileRemotes(t *testing.T) {
	one := nameOf([]byte("one"))
	zero := strings.Repeat("0", 32)
	file := func(t testing.TB, repo, content, name string) treeLine {
		return treeLine{"100644 blob", blob(t, repo, content), name}
	}
	cases := []struct {
		name  string
		kind  error
		build func(t testing.TB, repo string)
	}{
		{"no manifest", ErrNotDolt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, "# hello", "README.md")})
		}},
		{"empty tree", ErrNotDolt, func(t testing.TB, r string) { commitTree(t, r, nil) }},
		{"ref names a blob", ErrNotDolt, func(t testing.TB, r string) { git(t, r, "update-ref", testRef, blob(t, r, "x")) }},
		{"ref names a tree", ErrNotDolt, func(t testing.TB, r string) {
			git(t, r, "update-ref", testRef, tree(t, r, []treeLine{file(t, r, manifestFor(), manifestName)}))
		}},
		{"manifest is a directory", ErrNotDolt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{{"040000 tree", tree(t, r, []treeLine{file(t, r, "x", "y")}), manifestName}})
		}},
		{"manifest is a link", ErrNotDolt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{{"120000 blob", blob(t, r, "/etc/passwd"), manifestName}})
		}},
		{"manifest is a submodule", ErrNotDolt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{{"160000 commit", git(t, r, "commit-tree", "-m", "x", tree(t, r, nil)), manifestName}})
		}},
		{"manifest of another version", ErrNotDolt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, "6:__DOLT__:"+zero+":"+zero, manifestName)})
		}},
		{"manifest truncated in the head", ErrCorrupt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, manifestFor(one)[:50], manifestName)})
		}},
		{"manifest truncated in a name", ErrCorrupt, func(t testing.TB, r string) {
			m := manifestFor(one)
			commitTree(t, r, []treeLine{file(t, r, m[:len(m)-10], manifestName), file(t, r, "one", one)})
		}},
		{"manifest truncated in a count", ErrCorrupt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, strings.TrimSuffix(manifestFor(one), "1"), manifestName), file(t, r, "one", one)})
		}},
		{"manifest names a table twice", ErrCorrupt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, manifestFor(one, one), manifestName), file(t, r, "one", one)})
		}},
		{"manifest of 16 MiB", ErrTooLarge, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, manifestFor()+strings.Repeat("x", 16<<20), manifestName)})
		}},
		{"table missing", ErrCorrupt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, manifestFor(one), manifestName)})
		}},
		{"table altered", ErrCorrupt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, manifestFor(one), manifestName), file(t, r, "0ne", one)})
		}},
		{"table empty", ErrCorrupt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, manifestFor(one), manifestName), file(t, r, "", one)})
		}},
		{"table is a link", ErrCorrupt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, manifestFor(one), manifestName), {"120000 blob", blob(t, r, "/etc/passwd"), one}})
		}},
		{"table name climbs", ErrCorrupt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, manifestFor("../../../../../../../../../tmp/x"), manifestName)})
		}},
		{"table name absolute", ErrCorrupt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, manifestFor("/tmp/aaaaaaaaaaaaaaaaaaaaaaaaaaa"), manifestName)})
		}},
		{"table name with NUL", ErrCorrupt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, manifestFor(one[:31]+"\x00"), manifestName)})
		}},
		{"table name in upper case", ErrCorrupt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, manifestFor(strings.ToUpper(one)), manifestName), file(t, r, "one", strings.ToUpper(one))})
		}},
		{"parts with a gap", ErrCorrupt, func(t testing.TB, r string) {
			p := tree(t, r, []treeLine{file(t, r, "o", "0001"), file(t, r, "ne", "0003")})
			commitTree(t, r, []treeLine{file(t, r, manifestFor(one), manifestName), {"040000 tree", p, one}})
		}},
		{"parts from zero", ErrCorrupt, func(t testing.TB, r string) {
			p := tree(t, r, []treeLine{file(t, r, "o", "0000"), file(t, r, "ne", "0001")})
			commitTree(t, r, []treeLine{file(t, r, manifestFor(one), manifestName), {"040000 tree", p, one}})
		}},
		{"parts that are trees", ErrCorrupt, func(t testing.TB, r string) {
			p := tree(t, r, []treeLine{{"040000 tree", tree(t, r, []treeLine{file(t, r, "one", "0001")}), "0001"}})
			commitTree(t, r, []treeLine{file(t, r, manifestFor(one), manifestName), {"040000 tree", p, one}})
		}},
		{"no parts", ErrCorrupt, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, manifestFor(one), manifestName), {"040000 tree", tree(t, r, nil), one}})
		}},
		{"too many entries", ErrTooLarge, func(t testing.TB, r string) {
			lines := []treeLine{file(t, r, manifestFor(), manifestName)}
			id := blob(t, r, "x")
			for i := range maxEntries {
				lines = append(lines, treeLine{"100644 blob", id, fmt.Sprintf("f%05d", i)})
			}
			commitTree(t, r, lines)
		}},
		{"larger than allowed together", ErrTooLarge, func(t testing.TB, r string) {
			a, b := strings.Repeat("a", 60<<10), strings.Repeat("b", 60<<10)
			commitTree(t, r, []treeLine{file(t, r, manifestFor(nameOf([]byte(a)), nameOf([]byte(b))), manifestName),
				file(t, r, a, nameOf([]byte(a))), file(t, r, b, nameOf([]byte(b)))})
		}},
		{"a tree cut short", ErrCorrupt, func(t testing.TB, r string) {
			id := gitIn(t, r, "100644 manifest\x00short", "hash-object", "-t", "tree", "--literally", "-w", "--stdin")
			c := gitIn(t, r, "tree "+id+"\nauthor t <t@t> 1 +0000\ncommitter t <t@t> 1 +0000\n\nx\n",
				"hash-object", "-t", "commit", "--literally", "-w", "--stdin")
			writeRef(t, r, c)
		}},
		{"two manifests", ErrCorrupt, func(t testing.TB, r string) {
			raw := ""
			for range 2 {
				raw += "100644 manifest\x00" + string(rawID(t, blob(t, r, manifestFor())))
			}
			id := gitIn(t, r, raw, "hash-object", "-t", "tree", "--literally", "-w", "--stdin")
			writeRef(t, r, git(t, r, "commit-tree", "-m", "x", id))
		}},
		{"a blob is missing", nil, func(t testing.TB, r string) {
			commitTree(t, r, []treeLine{file(t, r, manifestFor(one), manifestName),
				{"100644 blob", "1234567890123456789012345678901234567890", one}})
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url := bareRepo(t)
			limit := func(o *Options) { o.MaxBytes = 100 << 10 }
			a, b := openMirror(t, t.TempDir(), url), openMirror(t, t.TempDir(), url, limit)
			write(t, a, "good")
			good := publish(t, a).Head
			fetch(t, b)
			state, err := os.ReadFile(b.statePath())
			if err != nil {
				t.Fatal(err)
			}
			c.build(t, url)
			for range 2 {
				_, err = b.Fetch(t.Context())
				if err == nil || (c.kind != nil && !errors.Is(err, c.kind)) {
					t.Fatalf("want %v, got %v", c.kind, err)
				}
			}
			t.Logf("%v [next: %s]", err, town.Next(err))
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
				t.Errorf("control characters in %q", err)
			}
			// Nothing moved, also for the next process that opens the directory.
			leftovers(t, b)
			equal(t, read(t, b), "good")
			if now, err := os.ReadFile(b.statePath()); err != nil || string(now) != string(state) {
				t.Fatalf("state changed: %s, %v", now, err)
			}
			b = openMirror(t, b.opts.Dir, url, limit)
			if b.Head() != good {
				t.Fatalf("head is %s, was %s", b.Head(), good)
			}
			// The next sound state is accepted.
			git(t, url, "update-ref", testRef, good)
			write(t, a, "good", "better")
			publish(t, a)
			fetch(t, b)
			equal(t, read(t, b), "better", "good")
		})
	}
}

func writeRef(t testing.TB, repo, id string) {
	t.Helper()
	if err := os.MkdirAll(repo+"/refs/dolt", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(repo+"/"+testRef, []byte(id+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func rawID(t testing.TB, id string) []byte {
	t.Helper()
	b := make([]byte, 20)
	if _, err := fmt.Sscanf(id, "%x", &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestUnusableRemotes(t *testing.T) {
	dir := t.TempDir()
	for url, kind := range map[string]error{
		dir + "/nothing.git":         gitcmd.ErrNotFound,
		"ssh://127.0.0.1:1/repo.git": gitcmd.ErrUnreachable,
		"http://127.0.0.1:1/x.git":   gitcmd.ErrUnreachable,
	} {
		if strings.HasPrefix(url, "ssh") {
			if _, err := exec.LookPath("ssh"); err != nil {
				kind = nil // no ssh here: any error will do
			}
		}
		m := openMirror(t, t.TempDir(), url)
		if _, err := m.Fetch(t.Context()); err == nil || (kind != nil && !errors.Is(err, kind)) {
			t.Errorf("%s: want %v, got %v", url, kind, err)
		}
		write(t, m, "x")
		if _, err := m.Publish(t.Context(), PublishOptions{}); err == nil || errors.Is(err, ErrUnknownOutcome) || (kind != nil && !errors.Is(err, kind)) {
			t.Errorf("publish to %s: want %v, got %v", url, kind, err)
		}
		leftovers(t, m)
	}
}
