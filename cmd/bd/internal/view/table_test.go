package view

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
)

// writes counts the writes that reach it.
type writes struct {
	text  bytes.Buffer
	count int
}

func (w *writes) Write(p []byte) (int, error) { w.count++; return w.text.Write(p) }

// A long table is printed block by block, with one header and no narrower column.
func TestLongTable(t *testing.T) {
	for _, rows := range []int{0, 1, BlockRows, 2*BlockRows + 1} {
		var out writes
		table := NewTable(term.New(&out, false), ledger.Fields{"title"})
		for n := range rows {
			id := fmt.Sprintf("gt-%d", n)
			if n == BlockRows/2 {
				id = "gt-a-longer-id"
			}
			if err := table.Add(town.Bead{ID: id, Title: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := table.Flush(); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out.text.String(), "\n"), "\n")
		if len(lines) != rows+1 || !strings.HasPrefix(lines[0], "ID ") || strings.Count(out.text.String(), "TITLE") != 1 {
			t.Errorf("%d rows: %d lines, the first %q", rows, len(lines), lines[0])
		}
		if out.count != rows/BlockRows+1 {
			t.Errorf("%d rows: %d writes", rows, out.count)
		}
		for _, line := range lines[1:] {
			if strings.LastIndexByte(line, 'x') != strings.IndexByte(lines[0], 'T') {
				t.Fatalf("%d rows: %q is out of line", rows, line)
			}
		}
	}
}
