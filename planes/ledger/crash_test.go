package ledger

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// importFrom runs in the process that is killed.
func importFrom(dir string, r io.Reader) int {
	ctx := context.Background()
	s, err := Open(ctx, options(dir), uuid)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("open")
	if _, err := s.Import(ctx, r, ImportOptions{}); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("done")
	if err := s.Close(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// killedImports is at how many moments of an import a process is killed.
const killedImports = 3

// TestAKilledImportIsWholeOrNothing kills a process that imports 5,000 beads while it
// waits for the end of them, and at moments spread over the time an undisturbed import
// takes.
func TestAKilledImportIsWholeOrNothing(t *testing.T) {
	s := newLedger(t)
	if served(s) {
		return // the process that is killed opens the database itself
	}
	const n = 5000
	text := lines(t, sample(n))
	dir := filepath.Join(t.TempDir(), "killed")
	s, err := Create(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := s.Import(t.Context(), bytes.NewReader(text), ImportOptions{DryRun: true}); err != nil {
		t.Fatal(err)
	}
	checked := time.Since(began)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for i := range killedImports {
		killImport(t, dir, text, checked*time.Duration(2*i), i > 0)
		s, err := Open(t.Context(), options(dir), uuid)
		if err != nil {
			t.Fatal(err)
		}
		st, err := s.Stats(t.Context())
		if err != nil || st.Total != 0 && st.Total != n {
			t.Errorf("after kill %d there are %d beads, %v", i, st.Total, err)
		}
		seen[st.Total] = true
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !seen[0] {
		t.Error("something was imported before the end was read")
	}
	s, err = Open(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	result, err := s.Import(t.Context(), bytes.NewReader(text), ImportOptions{})
	if err != nil || result.Created+result.Unchanged != n {
		t.Errorf("%+v, %v", result, err)
	}
	if got := size(t, dir); got > 20<<20 {
		t.Errorf("%d beads take %d bytes", n, got)
	}
}

// killImport kills an import some time after its beginning. The end of what it reads comes
// only if ends is set.
func killImport(t *testing.T, dir string, text []byte, after time.Duration, ends bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LEDGER_IMPORT="+dir)
	rest, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer rest.Close()
	cmd.Stdin = io.MultiReader(bytes.NewReader(text), rest)
	if ends {
		_ = end.Close()
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "open\n" {
		t.Errorf("%q, %v", line, err)
	}
	timer := time.NewTimer(after)
	defer timer.Stop()
	<-timer.C
	_ = cmd.Process.Kill() // it may have ended
	_ = end.Close()        // which may have been done before
	_ = cmd.Wait()
}

// everyCommitHasAnAuthor looks at the log of the database.
func everyCommitHasAnAuthor(t *testing.T, s *Store) {
	t.Helper()
	err := s.db.View(t.Context(), func(tx *doltdb.Tx) error {
		return tx.Each(t.Context(), func(r *doltdb.Rows) error {
			var hash, who, message string
			if err := r.Scan(&hash, &who, &message); err != nil {
				return err
			}
			if who != (town.Actor{Name: "Ada"}).Name {
				t.Errorf("commit %s (%s) is %q's", hash, message, who)
			}
			return nil
		}, "SELECT commit_hash, committer, message FROM dolt_log WHERE message NOT LIKE 'Initialize%'")
	})
	if err != nil {
		t.Error(err)
	}
}
