package gitremote

import (
	"context"
	"crypto/sha512"
	"encoding/base32"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
)

var base32hex = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// nameOf stands in for Dolt's table names: a hash of the content.
func nameOf(content []byte) string {
	sum := sha512.Sum512(content)
	return base32hex.EncodeToString(sum[:20])
}

// checkNames is a VerifyFunc for such tables.
func checkNames(_ context.Context, dir string, files []string) error {
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			return err
		}
		if nameOf(b) != strings.TrimSuffix(f, archiveSuffix) {
			return fmt.Errorf("content of %s does not hash to its name", f)
		}
	}
	return nil
}

// manifestFor writes a version 5 manifest.
func manifestFor(names ...string) string {
	h := nameOf([]byte(strings.Join(names, ",")))
	s := "5:__DOLT__:" + h + ":" + h + ":" + strings.Repeat("0", 32)
	for _, n := range names {
		s += ":" + n + ":1"
	}
	return s
}

func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	return gitIn(t, dir, "", args...)
}

func gitIn(t testing.TB, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func bareRepo(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "remote.git")
	git(t, "/", "init", "-q", "--bare", "-b", "main", dir)
	return dir
}

const testRef = "refs/dolt/data"

func openMirror(t testing.TB, dir, url string, change ...func(*Options)) *Mirror {
	t.Helper()
	o := Options{Dir: dir, URL: url, Ref: testRef, Verify: checkNames}
	for _, c := range change {
		c(&o)
	}
	o.Env = append(os.Environ(), o.Env...)
	m, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// write puts tables into the mirror as Dolt would: files, then a manifest that
// names exactly them.
func write(t testing.TB, m *Mirror, contents ...string) {
	t.Helper()
	var names []string
	for _, c := range contents {
		name := nameOf([]byte(c))
		if err := os.WriteFile(filepath.Join(m.Dir(), name), []byte(c), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := os.WriteFile(filepath.Join(m.Dir(), manifestName), []byte(manifestFor(names...)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// read returns the contents of the tables the mirror's manifest names, sorted.
func read(t testing.TB, m *Mirror) []string {
	t.Helper()
	text, err := m.localManifest()
	if err != nil {
		t.Fatal(err)
	}
	if text == nil {
		return nil
	}
	names, err := parseManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(m.Dir(), n))
		if errors.Is(err, os.ErrNotExist) {
			b, err = os.ReadFile(filepath.Join(m.Dir(), n+archiveSuffix))
		}
		if err != nil {
			t.Fatal(err)
		}
		if nameOf(b) != n {
			t.Fatalf("table file %s is not what it was", n)
		}
		all = append(all, string(b))
	}
	sort.Strings(all)
	return all
}

func equal(t testing.TB, got []string, want ...string) {
	t.Helper()
	sort.Strings(want)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("mirror holds %d tables %.200q, want %d tables %.200q", len(got), got, len(want), want)
	}
}

func fetch(t testing.TB, m *Mirror) FetchResult {
	t.Helper()
	r, err := m.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func publish(t testing.TB, m *Mirror) PublishResult {
	t.Helper()
	r, err := m.Publish(t.Context(), PublishOptions{Message: "test", AuthorName: "Ada", AuthorEmail: "ada@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// leftovers fails if anything but the promised files lies in the remote's
// directory.
func leftovers(t testing.TB, m *Mirror) {
	t.Helper()
	err := filepath.WalkDir(m.opts.Dir, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(m.opts.Dir, p)
		switch base := filepath.Base(p); {
		case strings.HasSuffix(base, ".lock"), strings.Contains(base, "tmp_"), strings.HasPrefix(rel, "staging/"),
			base == manifestTemp, strings.HasPrefix(base, "."+manifestName), strings.HasPrefix(base, doltTemp), strings.HasSuffix(base, stateTemp), strings.HasPrefix(base, "fast_import_crash"),
			!d.IsDir() && (strings.Contains(rel, "refs/gt/incoming") || strings.Contains(rel, "refs/gt/outgoing")):
			t.Errorf("left behind: %s", rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// defaultPatience is how long await waits.
const defaultPatience = 2 * time.Minute

// await polls a condition that has no other signal.
func await(t testing.TB, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(defaultPatience)
	for !so() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
