package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gastown/e2e/stockdolt"
)

// The names of the points in testdata/former-backup.tar.gz. A gt wrote them whose points had
// no numbers and whose federation plane had one migration less.
const (
	formerFirst  = "20261130T012252.958Z"
	formerSecond = "20261130T012253.961Z"
)

// Points of a former version are listed, proven and restored, with planes that lack a
// migration, and new points are taken above them. The stock dolt reads them, too.
func TestPointsOfAFormerVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	archive, err := filepath.Abs(filepath.Join("testdata", "former-backup.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "tar", "-xzf", archive, "-C", dir, "--strip-components", "1").CombinedOutput(); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	disk := filepath.Join(dir, "disk")
	stock, err := stockdolt.New(t.Context(), filepath.Join(dir, "home"))
	if err != nil {
		t.Fatal(err)
	}
	for _, plane := range []string{"operational", "ledger", "federation"} {
		if out, err := stock.Run(t.Context(), dir, "backup", "restore", "file://"+filepath.Join(disk, "planes", plane), plane); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
	}
	if out, err := stock.Run(t.Context(), filepath.Join(dir, "ledger"), "sql", "-r", "csv", "-q", "SELECT id, status FROM issues ORDER BY id"); err != nil || !strings.Contains(out, "fo-1,closed\nfo-2,open") {
		t.Errorf("%s: %v", out, err)
	}

	s := sandbox{dir: filepath.Join(dir, "town"), tmp: dir}
	has := func(text string, args ...string) {
		t.Helper()
		if out := s.must(t, args[0], args[1:]...); !strings.Contains(out, text) {
			t.Errorf("%q does not say %q:\n%s", args, text, out)
		}
	}
	has("backup.to is disk=", "gt", "config", "backup.to", "disk="+disk)
	has(formerFirst, "gt", "backup", "list")
	has("every row is there", "gt", "backup", "verify", formerFirst, "--deep")
	has("was brought into a scratch directory", "gt", "backup", "verify", "--files", "--deep")
	has("were restored from "+formerFirst, "gt", "backup", "restore", formerFirst)
	has("Build the bridge", "bd", "list")
	has("files were restored", "gt", "backup", "restore", "--files")
	s.must(t, "gt", "doctor", "--fix", "--offline")
	s.must(t, "bd", "doctor")
	has("fo-3", "bd", "create", "Go on", "--id", "fo-3")
	has("holds the databases", "gt", "backup", "run")
	has("every row is there", "gt", "backup", "verify", "--deep")
	has("were restored from "+formerSecond, "gt", "backup", "restore", formerSecond)
	if out := s.must(t, "bd", "list", "--all"); !strings.Contains(out, "fo-2") || strings.Contains(out, "fo-3") {
		t.Errorf("after the second restore:\n%s", out)
	}
	s.must(t, "gt", "backup", "restore") // the newest, which is the one of this version
	has("fo-3", "bd", "list", "--all")
}
