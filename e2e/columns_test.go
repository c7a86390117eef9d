package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// positional is a statement that writes rows without naming their columns.
var positional = regexp.MustCompile(`(?i)\b(INSERT|REPLACE)( IGNORE)? INTO [^(]*\bVALUES\b`)

// The program names the columns it writes: a statement without names would put
// values into the wrong columns after a migration.
func TestWritesNameTheirColumns(t *testing.T) {
	for query, want := range map[string]bool{
		"REPLACE INTO t VALUES (?)": true, "insert ignore into `t` values": true,
		"REPLACE INTO t (a) VALUES (?)": false, "INSERT INTO t (a) SELECT a FROM u": false,
	} {
		if positional.MatchString(query) != want {
			t.Errorf("%q: %v", query, !want)
		}
	}
	for _, dir := range []string{"town", "planes", "sync", "deacon", "cmd"} {
		err := filepath.WalkDir(filepath.Join("..", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, found := range positional.FindAllString(string(text), -1) {
				t.Errorf("%s: %q names no columns", path, found)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
