package sqlite

import (
	"errors"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fixture is a database with pages of 512 bytes. Ten of its messages are in the file, the
// others only in its log.
const fixture = "../../testdata/opencode.db"

func ids(t *testing.T, path string) (all []string, longest int, err error) {
	t.Helper()
	err = View(path, func(db *DB) error {
		table, ok, err := db.Table("message")
		if err != nil || !ok {
			return err
		}
		return table.Each(0, func(r Row) bool {
			all = append(all, r.Text("id"))
			longest = max(longest, len(r.Text("data")))
			return true
		})
	})
	return all, longest, err
}

func TestView(t *testing.T) {
	all, longest, err := ids(t, fixture)
	if err != nil || len(all) != 17 || longest < 3000 || !strings.HasPrefix(all[16], "msg_") {
		t.Errorf("%d rows, the longest has %d bytes, %v: %q", len(all), longest, err, all)
	}
	err = View(fixture, func(db *DB) error {
		table, _, err := db.Table("message")
		if err != nil {
			return err
		}
		for number, want := range map[int64]bool{0: false, 1: true, 11: true, 17: true, 18: false, 1 << 40: false} {
			row, ok, err := table.Row(number)
			if err != nil || ok != want || ok && row.Text("id") != all[number-1] {
				t.Errorf("row %d: %+v, %v, %v", number, row, ok, err)
			}
		}
		_, ok, err := db.Table("none")
		if ok {
			t.Error("there is a table none")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// files copies the fixture.
func files(t *testing.T) (path string, file, log []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "x.db")
	file, err := os.ReadFile(fixture)
	if err != nil {
		t.Fatal(err)
	}
	if log, err = os.ReadFile(fixture + "-wal"); err != nil {
		t.Fatal(err)
	}
	return path, file, log
}

func put(t *testing.T, path string, file, log []byte) {
	t.Helper()
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"-wal", log, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Of a log that is cut off anywhere, the whole transactions count.
func TestTornLog(t *testing.T) {
	path, file, log := files(t)
	before := 0
	for n := 0; n <= len(log); n += 61 {
		put(t, path, file, log[:n])
		all, _, err := ids(t, path)
		if err != nil || len(all) < max(10, before) {
			t.Fatalf("with %d bytes of the log: %d rows after %d, %v", n, len(all), before, err)
		}
		before = len(all)
	}
	if before < 16 {
		t.Errorf("only %d rows", before)
	}
}

// A spoilt database is an error or other rows, and nothing else.
func TestSpoilt(t *testing.T) {
	path, file, log := files(t)
	random := rand.New(rand.NewSource(1))
	failed := 0
	for range 3000 {
		a, b := append([]byte(nil), file...), append([]byte(nil), log...)
		for range 1 + random.Intn(8) {
			a[random.Intn(len(a))] = byte(random.Intn(256))
		}
		if random.Intn(4) == 0 {
			a = a[:random.Intn(len(a))]
		}
		if random.Intn(2) == 0 {
			b[random.Intn(len(b))]++
		} else if random.Intn(2) == 0 {
			b = nil // so that the file's own pages are read
		}
		put(t, path, a, b)
		if _, _, err := ids(t, path); err != nil {
			failed++
		}
	}
	if failed < 300 {
		t.Errorf("only %d were refused", failed)
	}
	for _, text := range []string{"", "x", magic, strings.Repeat("\x00", 5000), magic + strings.Repeat("\xff", 5000)} {
		put(t, path, []byte(text), nil)
		if _, _, err := ids(t, path); !errors.Is(err, errSpoilt) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if _, _, err := ids(t, path+".none"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// What was found while the log was begun anew does not count.
func TestChanged(t *testing.T) {
	path, file, log := files(t)
	put(t, path, file, log)
	err := View(path, func(*DB) error {
		other := append([]byte(nil), log...)
		other[16]++
		put(t, path, file, other)
		return errors.New("nonsense was read")
	})
	if !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
}

func TestColumns(t *testing.T) {
	for sql, want := range map[string]string{
		"CREATE TABLE `m` (\n\t`id` text PRIMARY KEY,\n\t`n` decimal(10, 2) NOT NULL,\n\tdata text, CONSTRAINT x FOREIGN KEY (`a`, `b`) REFERENCES c(d))": "id n data CONSTRAINT",
		`CREATE TABLE "m" ("a" INTEGER, [b] text)`: "a b", "CREATE TABLE x": "", "": "", "CREATE TABLE x (": "",
	} {
		if got := strings.Join(columns(sql), " "); got != want {
			t.Errorf("%q: %q, want %q", sql, got, want)
		}
	}
}
