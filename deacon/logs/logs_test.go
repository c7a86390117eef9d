package logs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gastown/town"
)

// patience is how long a test waits for a condition.
const patience = time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLinesAreJSONAndPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deacon.log")
	var also bytes.Buffer
	log, closer, err := Open(Options{Path: path, Also: &also})
	if err != nil {
		t.Fatal(err)
	}
	log.WithField("job", "gc").Info("it ran\nwell")
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || also.String() != string(data) {
		t.Fatalf("%q, %q, %v", data, also.String(), err)
	}
	var line map[string]string
	if err := json.Unmarshal(data, &line); err != nil || line["msg"] != "it ran\nwell" || line["job"] != "gc" || line["level"] != "info" {
		t.Errorf("%v, %v", line, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, _, err := Open(Options{Path: filepath.Join(path, "below a file")}); err == nil || town.Next(err) == "" {
		t.Errorf("a log that cannot be: %v", err)
	}
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "deacon.log")
	log, closer, err := Open(Options{Path: path, Size: 1 << 20, Files: 2})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("x", 100<<10)
	for range 45 {
		// Files that are begun in the same millisecond count as one.
		for began := time.Now().UnixMilli(); time.Now().UnixMilli() == began; {
			runtime.Gosched()
		}
		log.Info(text)
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	var files []string
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) { // files are removed in the background
		if files, err = filepath.Glob(filepath.Join(dir, "*")); err != nil || len(files) < 2 {
			t.Fatalf("%v, %v", files, err)
		}
		if len(files) <= 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("too many are left: %v", files)
		}
	}
	old := time.Now().Add(-48 * time.Hour)
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil || info.Size() > 1<<20 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	}
	other := filepath.Join(dir, "deacon-notes.log")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := Prune(path, 72*time.Hour, time.Now()); err != nil || n != 0 {
		t.Errorf("%d removed, %v", n, err)
	}
	if n, err := Prune(path, 24*time.Hour, time.Now()); err != nil || n != len(files)-1 {
		t.Errorf("%d of %d removed, %v", n, len(files)-1, err)
	}
	for _, kept := range []string{path, other} {
		if _, err := os.Stat(kept); err != nil {
			t.Error(err)
		}
	}
}

func TestTheLastLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deacon.log")
	if err := Tail(t.Context(), path, 5, false, new(bytes.Buffer)); err == nil || town.Next(err) == "" {
		t.Errorf("no log: %v", err)
	}
	for text, want := range map[string]map[int]string{
		"":              {0: "", 3: ""},
		"a\nb\nc\n":     {0: "", 1: "c\n", 2: "b\nc\n", 3: "a\nb\nc\n", 9: "a\nb\nc\n"},
		"a\nb\nunended": {1: "unended", 2: "b\nunended"},
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for n, out := range want {
			var got bytes.Buffer
			if err := Tail(t.Context(), path, n, false, &got); err != nil || got.String() != out {
				t.Errorf("%d of %q: %q, %v", n, text, got.String(), err)
			}
		}
	}
}

// shared is a buffer that two goroutines use.
type shared struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestFollowsAcrossARotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deacon.log")
	write := func(text string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(f, text)
		_ = f.Close()
	}
	write("one")
	var out shared
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Tail(ctx, path, 10, true, &out) }()
	await := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(patience); out.String() != want; time.Sleep(2 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%q, want %q", out.String(), want)
			}
		}
	}
	await("one\n")
	write("two")
	await("one\ntwo\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write("three")
	await("one\ntwo\nthree\n")
	write("four")
	await("one\ntwo\nthree\nfour\n")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
