package ledger

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzImportLine(f *testing.F) {
	for _, seed := range []string{line0 + "}", theirs, line0 + `,"closed_at":"2026-01-02T05:00:00Z"}`,
		strings.Replace(line0, "open", "in_review", 1) + "}", `{}`, `{"comments":[{"id":null}]}`, `{"id":"0","TITLE":"0"}`, `{"id":1}`, "[", `{"_type":"memory"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		keep := false // what came in without it comes in again without it
		b, err := parseLine(line, keep)
		if errors.Is(err, ErrField) {
			keep = true
			b, err = parseLine(line, keep)
		}
		if err != nil {
			return
		}
		tidy(&b)
		if b.Validate() != nil {
			return
		}
		var buf bytes.Buffer
		if err := WriteLine(&buf, b); err != nil {
			t.Fatal(err)
		}
		again, err := parseLine(bytes.TrimSpace(buf.Bytes()), keep)
		if err != nil {
			t.Fatalf("%v in %s", err, buf.Bytes())
		}
		tidy(&again)
		if !sameBead(b, again) {
			t.Fatalf("%+v\nbecame\n%+v", b, again)
		}
	})
}

func FuzzPatches(f *testing.F) {
	for _, seed := range []string{`[{"id":"x","title":"y"}]`, "{\"id\":\"x\"}\n{\"id\":\"y\"}", `[`, `[{]`, `{"id":null}`, "[]x", "\n\n[{\"id\":1}]", "\v[", `{"ID":"x"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		patches, err := ReadPatches(bytes.NewReader(text))
		count := bytes.Count(text, []byte("\n")) + 1
		var bad *BatchError
		if errors.As(err, &bad) {
			for _, e := range bad.Entries {
				if e.Line < 1 || e.Line > count {
					t.Fatalf("%v is not within %d lines", e, count)
				}
			}
		} else if err != nil && utf8.Valid(text) {
			t.Fatal(err)
		}
		for _, p := range patches {
			if err == nil && (p.ID == "" || p.Line < 1 || p.Line > count) {
				t.Fatalf("%+v", p)
			}
		}
	})
}
