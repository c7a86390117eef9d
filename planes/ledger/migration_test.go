package ledger

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// manyOld are statements that make n beads of the former schema, half of them with
// fields that move, each with a link to the one before.
func manyOld(n int) (statements []string) {
	const at = "'2026-01-02 03:04:05'"
	for from := 0; from < n; from += 1000 {
		var beads, links []string
		for i := from; i < min(from+1000, n); i++ {
			extra := ""
			if i%2 == 0 {
				extra = fmt.Sprintf(`{"metadata":{"n":%d},"spec_id":"docs/%d.md"}`, i, i)
			}
			beads = append(beads, fmt.Sprintf("('gt-%06d', 'bead %d', '%s', '', '', '', 'open', %d, 'task', '', '', %s, 'ada', %s, '', '', '%s')",
				i, i, strings.Repeat("text ", 100), i%5, at, at, extra))
			if i > 0 {
				links = append(links, fmt.Sprintf("('gt-%06d', 'gt-%06d', 'related', %s, 'ada')", i, i-1, at))
			}
		}
		statements = append(statements, oldBeads+"VALUES "+strings.Join(beads, ","), "INSERT INTO dependencies VALUES "+strings.Join(links, ","))
	}
	return statements
}

// migrated checks that a ledger has every former bead with its fields where they
// belong.
func migrated(t *testing.T, dir string, n int) {
	t.Helper()
	s, err := Open(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	st, err := s.Stats(t.Context())
	if err != nil || st.Total != n || st.Ready != n {
		t.Errorf("%+v, %v", st, err)
	}
	last := (n - 1) / 2 * 2
	f := Filter{Metadata: map[string]string{"n": fmt.Sprint(last)}, Spec: fmt.Sprintf("docs/%d.", last)}
	if got := listedIDs(t, s, f); len(got) != 1 || got[0] != fmt.Sprintf("gt-%06d", last) {
		t.Error(got)
	}
}

// killedMigrations is at how many moments of a migration a process is killed.
const killedMigrations = 4

// A process that migrates is killed at moments spread over the time that an
// undisturbed migration takes. The next one finishes the work.
func TestAKilledMigrationIsWholeOrNothing(t *testing.T) {
	const n = 3000
	if served(newLedger(t)) {
		return // the process that is killed opens the database itself
	}
	rows := manyOld(n)
	began := time.Now()
	dir := before(t, "meaning", rows...)
	took := time.Since(began) / 2 // a migration does less
	for i := range killedMigrations {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "LEDGER_MIGRATE="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.NewTimer(took * time.Duration(i) / killedMigrations)
		<-timer.C
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	}
	migrated(t, dir, n)
	migrated(t, dir, n)
}

// BenchmarkMigration migrates a ledger of 100,000 beads, half of them with fields that
// move.
func BenchmarkMigration(b *testing.B) {
	const n = 100_000
	rows := manyOld(n)
	for b.Loop() {
		b.StopTimer()
		dir := before(b, "meaning", rows...)
		b.StartTimer()
		s, err := Open(b.Context(), options(dir), uuid)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
