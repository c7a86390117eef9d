package shapes

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestOf(t *testing.T) {
	for query, want := range map[string]string{
		"":                        "",
		"SELECT 1":                "SELECT ?",
		"START TRANSACTION":       "START TRANSACTION",
		"SELECT a\n\tFROM b -- c": "SELECT a FROM b",
		"SELECT a FROM b WHERE id = 'it''s \\' one' AND n=-3.5e4 # c":                                        "SELECT a FROM b WHERE id = ? AND n=-?",
		"SELECT a FROM b WHERE id IN ('x', 'y','z') AND c IS NOT NULL":                                       "SELECT a FROM b WHERE id IN (?) AND c IS NOT NULL",
		"INSERT INTO t (a, b) VALUES (1, NULL), (-2, _binary'x\\'y'), (3, TRUE) ON DUPLICATE KEY UPDATE a=1": "INSERT INTO t (a, b) VALUES (?) ON DUPLICATE KEY UPDATE a=?",
		"SELECT `a``b`, \"secret\" FROM t1 /* secret */ AS OF 'abc'":                                         "SELECT `a``b`, ? FROM t1 AS OF ?",
		"SELECT GET_LOCK('gt-write-ledger', 5)":                                                              "SELECT GET_LOCK(?)",
		"SELECT a\x00b, é\xff FROM `c\nd`":                                                                   "SELECT a b, é. FROM `c.d`",
		"SELECT ?, ?, ? FROM t WHERE a = ?":                                                                  "SELECT ? FROM t WHERE a = ?",
		"SELECT x'00ff', b'01', xa FROM t":                                                                   "SELECT ?, xa FROM t",
		"SELECT 'never closed":                                                                               "SELECT ?",
		"SELECT a FROM t WHERE b = 'x' AND (c, d) IN ((1,2),(3,4))":                                          "SELECT a FROM t WHERE b = ? AND (c, d) IN ((?))",
		"SELECT a FROM t WHERE b = " + strings.Repeat("c + ", 100):                                           "SELECT a FROM t WHERE b = " + strings.Repeat("c + ", 42) + "c +…",
		"INSERT INTO t VALUES ('" + strings.Repeat("x", 5000) + "', 2)":                                      "INSERT INTO t VALUES (?",
	} {
		if got := Of(query); got != want {
			t.Errorf("%.80q:\n got %q\nwant %q", query, got, want)
		}
	}
}

// No value is in a shape, and a shape is a short valid label, whatever is sent.
func TestHostile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := Of(rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("'\"`\\(),-?+# \n/*ab19é\x00")), 0, 900, -1),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "query"))
		if len(shape) > MaxShape+len("…") || !utf8.ValidString(shape) || strings.ContainsAny(shape, "\n\x00") {
			t.Fatalf("%d bytes: %q", len(shape), shape)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		secret := "zq" + rapid.StringMatching(`[a-z0-9]{6}`).Draw(t, "secret")
		quote := rapid.SampledFrom([]string{"'", `"`}).Draw(t, "quote")
		before := rapid.StringOfN(rapid.RuneFrom([]rune("ab ,()")), 0, 300, -1).Draw(t, "before")
		if shape := Of(before + " = " + quote + "it\\" + quote + quote + quote + secret + quote + " x"); strings.Contains(shape, secret) {
			t.Fatalf("%q", shape)
		}
	})
}

// A table is bounded, its sums never become less, and all time is in it.
func TestTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table Table
		var runs int64
		var took time.Duration
		before := map[string]Shape{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			n := rapid.IntRange(0, 60).Draw(t, "statement")
			d := rapid.SampledFrom([]time.Duration{time.Microsecond, 300 * time.Millisecond, 2 * time.Second}).Draw(t, "took")
			table.Add(fmt.Sprintf("SELECT c%d FROM t WHERE a = %d", n, runs), d)
			runs, took = runs+1, took+d
			var allRuns int64
			var allTook time.Duration
			list := table.List()
			for _, s := range list {
				if was := before[s.Text]; s.Runs < was.Runs || s.Took < was.Took {
					t.Fatalf("%q went from %v to %v", s.Text, was, s)
				}
				before[s.Text] = s
				allRuns, allTook = allRuns+s.Runs, allTook+s.Took
			}
			if allRuns != runs || allTook != took || len(list) > maxShown+1 {
				t.Fatalf("%d of %d, %s of %s in %d shapes", allRuns, runs, allTook, took, len(list))
			}
		}
	})
	var table Table
	for i := range 10_000 {
		table.Add(fmt.Sprintf("SELECT c%d FROM t", i), time.Millisecond)
	}
	if len(table.hidden) > maxKnown || len(table.List()) != 1 {
		t.Errorf("%d known, %d shown", len(table.hidden), len(table.List()))
	}
}
