package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"testing"

	"gastown/town"
)

// FuzzImport reads any text as an import. What it accepts is stored, read back
// and exported unchanged; what it refuses is reported by its line.
func FuzzImport(f *testing.F) {
	one := line0 + "}"
	for _, seed := range []string{
		one, theirs, line0 + `,"closed_at":"2026-01-02T05:00:00Z"}`, strings.Replace(line0, "open", "in_review", 1) + "}",
		`{}`, `{"comments":[{"id":null}]}`, `{"id":"0","TITLE":"0"}`, `{"id":1}`, "[", `{"_type":"memory"}`,
		one + "\n\n" + strings.ReplaceAll(one, "gt-a", "gt-b"), one + "\n" + one, "\ufeff" + one + "\r\n{", one + "\n\xff",
		line0 + `,"dependencies":[{"depends_on_id":"gt-b","type":"parent-child"},{"depends_on_id":"external:x","created_at":"2026-01-02T05:00:00+14:00"}]}`,
		line0 + `,"comments":[{"id":7,"text":"x"},{"id":"7","text":"x","author":"y"}],"labels":["b","a","b"],"metadata":{"a": [1]}}`,
	} {
		f.Add([]byte(seed))
	}
	s := newLedger(f)
	f.Fuzz(func(t *testing.T, text []byte) { importText(t, s, text, 1) })
}

// FuzzImportValue puts any values into two fields of a line that is otherwise
// right: a fuzzer seldom makes one from bytes.
func FuzzImportValue(f *testing.F) {
	for _, name := range slices.Concat(fieldNames(), foreign, counted) {
		f.Add(name, `"text"`, "status", `"closed"`)
	}
	for _, value := range []string{`null`, `-1`, `1e3`, `5e-324`, `"2026-01-02T05:00:00.123456789-08:00"`, `"0000-01-01T00:00:00Z"`, `["a","a"]`, `{}`, `"\ud800"`, `"\u0000"`, `""`, `1.5`, `"1.5"`, `"true"`, `[1,"a",null]`, `"a,b"`, `{"text":1}`} {
		f.Add("labels", value, "closed_at", value)
		f.Add("priority", value, "estimated_minutes", value)
		f.Add("comments", `[{"text":`+value+`}]`, "dependencies", `[{"depends_on_id":`+value+`}]`)
		f.Add("new", value, "description", value)
	}
	s := newLedger(f)
	f.Fuzz(func(t *testing.T, name, value, name2, value2 string) {
		fields := map[string]json.RawMessage{}
		if err := json.Unmarshal([]byte(line0+"}"), &fields); err != nil {
			t.Fatal(err)
		}
		fields[name], fields[name2] = json.RawMessage(value), json.RawMessage(value2)
		line, err := json.Marshal(fields)
		if err != nil {
			return // no value at all: FuzzImport's
		}
		importText(t, s, line, storedShare)
	})
}

// storedShare is of how many inputs one is stored too: the database is a hundred
// times slower than the rest, and accepts nearly all of these lines.
const storedShare = 8

func importText(t *testing.T, s *Store, text []byte, share uint32) {
	count := bytes.Count(text, []byte("\n")) + 1
	l, err := ReadLines(bytes.NewReader(text), ImportOptions{})
	var bad *BatchError
	switch {
	case errors.As(err, &bad):
		for _, e := range bad.Entries {
			if e.Line < 1 || e.Line > count {
				t.Fatalf("%v is not within %d lines", e, count)
			}
		}
		return
	case err != nil:
		t.Fatalf("an error without a line: %v", err)
	}
	want := map[string]town.Bead{}
	var out bytes.Buffer
	for _, b := range l.beads {
		want[b.ID] = b.Clone()
		if err := WriteLine(&out, b); err != nil {
			t.Fatal(err)
		}
	}
	same := func(what string, got map[string]town.Bead) {
		if !slices.Equal(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))) {
			t.Fatalf("%s: %v became %v", what, want, got)
		}
		for id, b := range want {
			arrange(&b)
			other := got[id]
			if arrange(&other); !sameBead(b, other) {
				t.Fatalf("%s: %+v\nbecame\n%+v", what, b, other)
			}
		}
	}
	again, err := ReadLines(bytes.NewReader(out.Bytes()), ImportOptions{})
	if err != nil {
		t.Fatalf("an export is refused: %v in %s", err, out.Bytes())
	}
	reread := map[string]town.Bead{}
	for _, b := range again.beads {
		reread[b.ID] = b
	}
	same("export", reread)
	if crc32.ChecksumIEEE(text)%share != 0 {
		return
	}
	kept, err := stored(t.Context(), s, l)
	if errors.Is(err, ErrCycle) {
		return
	} else if err != nil {
		t.Fatalf("what was accepted cannot be stored: %v", err)
	}
	same("database", kept)
}

// stored imports lines, returns what the database then holds, and takes it back.
func stored(ctx context.Context, s *Store, l *Lines) (map[string]town.Bead, error) {
	kept := map[string]town.Bead{}
	err := s.write(ctx, "try", func(q txn) error {
		in := &importing{rows: s.change(), opts: ImportOptions{Strict: true}, result: &ImportResult{}, lines: l.at}
		if err := in.run(ctx, q, l.beads); err != nil {
			return err
		}
		if err := in.store(ctx, q); err != nil {
			return err
		}
		found := map[string]*Detail{}
		for part := range slices.Chunk(slices.Collect(maps.Keys(l.at)), batchRows) {
			if err := q.details(ctx, part, nil, found); err != nil {
				return err
			}
		}
		for id, d := range found {
			d.settle(nil)
			d.Bead.Dependencies = links(id, d.Dependencies, false)
			kept[id] = d.Bead
		}
		return errDryRun
	})
	if errors.Is(err, errDryRun) {
		err = nil
	}
	return kept, err
}

// FuzzBatch puts any text between valid patches of a batch file. Faults are
// reported at the lines of that text, or at the end of the file if the text
// leaves something open.
func FuzzBatch(f *testing.F) {
	for _, seed := range []string{
		`{"id":"x","title":"y"}`, "{\"id\":\"x\"}\n{\"id\":\"y\"}", `[`, `{}`, `{"id":null}`, "[]x", "\n\n{\"id\":1}", "\v[", `{"ID":"x"}`, "",
		`{"id":"x","due_at":null,"labels":null,"parent":null}`, `{"id":"x","priority":null}`, `{"id":"x","labels":["a",1]}`, "\xff",
		"{\"id\":\n\"x\",\n\"titel\":1}", `{"id":"x","due_at":"2026-13-01T00:00:00Z"}`, `]`, `,`, `{"id":"x"},{"id":"y"}`, `"`,
	} {
		f.Add([]byte(seed), uint8(2), uint8(2), true)
		f.Add([]byte(seed), uint8(0), uint8(0), false)
	}
	f.Fuzz(func(t *testing.T, text []byte, before, after uint8, array bool) {
		const good = `{"id":"good","title":"t","add_labels":["l"]}`
		var lines []string
		add := func(n uint8) {
			for range n % 4 {
				lines = append(lines, good)
			}
		}
		add(before)
		first := len(lines) + 1
		lines = append(lines, string(text))
		last := first + bytes.Count(text, []byte("\n"))
		add(after)
		end := last + int(after%4)
		file := strings.Join(lines, "\n")
		if array {
			file = "[" + strings.Join(lines, ",\n") + "]"
		}
		patches, err := ReadPatches(strings.NewReader(file))
		var bad *BatchError
		switch {
		case errors.As(err, &bad):
			for i, e := range bad.Entries {
				// A text or bracket that is not closed is noticed later.
				if e.Line < first || e.Line > end || i > 0 && e.Line < bad.Entries[i-1].Line {
					t.Fatalf("%v: the fault is in lines %d to %d of\n%s", err, first, last, file)
				}
				if e.Line > last && !strings.Contains(e.Err.Error(), "malformed JSON") && !bytes.ContainsAny(text, "[{\"\\") {
					t.Fatalf("%v blames a good line of\n%s", err, file)
				}
			}
			return
		case err != nil:
			if bytes.Equal(bytes.ToValidUTF8(text, nil), text) {
				t.Fatalf("an error without a line: %v", err)
			}
			return
		}
		for i, p := range patches {
			if p.ID == "" || i < int(before%4) && p.Line != i+1 || p.Line > end {
				t.Fatalf("patch %d is %+v of\n%s", i, p, file)
			}
		}
	})
}
