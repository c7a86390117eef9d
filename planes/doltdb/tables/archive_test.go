package tables

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dolthub/dolt/go/store/chunks"
	"github.com/dolthub/dolt/go/store/hash"
	"github.com/dolthub/dolt/go/store/nbs"

	"gastown/planes/doltdb/internal/engine"
)

func TestSoundArchivesAreTaken(t *testing.T) {
	a, _, mirror := twoTowns(t)
	for n := range 150 {
		put(t, a, fmt.Sprint("n", n), fmt.Sprint("text ", n))
	}
	if err := a.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	all, _ := contents(t, mirror)
	dir := t.TempDir()
	w, err := nbs.NewArchiveStreamWriter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for h, d := range all {
		if _, err := w.AddChunk(nbs.ChunkToCompressedChunk(chunks.NewChunkWithHash(h, d))); err != nil {
			t.Fatal(err)
		}
	}
	_, name, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := w.FlushToFile(path); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d chunks in %s", len(all), name)
	if err := Verify(t.Context(), dir, []string{name}); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range 40 {
		bad := append([]byte(nil), sound...)
		bad[at*(len(sound)-archiveFooter)/40] ^= 0x40
		save(t, path, bad)
		if err := Verify(t.Context(), dir, []string{name}); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v is not ErrCorrupt", err)
		}
	}
}

// archiveOf writes a version 1 archive of spans, and chunks that refer to them.
func archiveOf(t *testing.T, dir string, spans [][]byte, refs ...[2]uint32) string {
	t.Helper()
	var f, index []byte
	for _, s := range spans {
		f = append(f, s...)
		index = binary.BigEndian.AppendUint64(index, uint64(len(f)))
	}
	for i := range refs {
		index = binary.BigEndian.AppendUint64(index, uint64(i))
	}
	for _, r := range refs {
		index = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(index, r[0]), r[1])
	}
	index = append(index, make([]byte, tableSuffix*len(refs))...)
	f = append(append(f, index...), "{}"...)
	for _, n := range []int{len(index), len(spans), len(refs), 2} {
		f = binary.BigEndian.AppendUint32(f, uint32(n))
	}
	f = append(append(f, make([]byte, 192)...), 1)
	name := hash.Of(index).String() + engine.ArchiveSuffix
	save(t, filepath.Join(dir, name), append(f, archiveSignature...))
	return name
}

func TestArchivesThatWouldTakeTooMuchMemoryAreRefused(t *testing.T) {
	frame := func(declared uint64, blocks int) []byte {
		f := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x38}
		if f = binary.LittleEndian.AppendUint64(f, declared); declared == 0 {
			f = []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38}
		}
		for i := range blocks {
			head := uint32(zstdBlock)<<3 | 1<<1
			if i == blocks-1 {
				head |= 1
			}
			f = append(f, byte(head), byte(head>>8), byte(head>>16), 'x')
		}
		return f
	}
	small := frame(zstdBlock, 1)
	many := make([][]byte, 0, 2000)
	var each [][2]uint32
	for n := range uint32(2000) {
		many = append(many, small, small)
		each = append(each, [2]uint32{2*n + 1, 2*n + 2})
	}
	for want, build := range map[string]func(dir string) string{
		"unpacks to 35184372088832": func(dir string) string {
			return archiveOf(t, dir, [][]byte{frame(32<<40, 1), small}, [2]uint32{1, 2})
		},
		"may unpack to 134217728": func(dir string) string {
			return archiveOf(t, dir, [][]byte{small, frame(0, 1024)}, [2]uint32{1, 2})
		},
		"not one whole": func(dir string) string {
			return archiveOf(t, dir, [][]byte{small, append(frame(zstdBlock, 1), small...)}, [2]uint32{1, 2})
		},
		"of its own": func(dir string) string {
			return archiveOf(t, dir, [][]byte{small, small}, [2]uint32{1, 2}, [2]uint32{1, 2})
		},
		"serves as a dictionary": func(dir string) string {
			return archiveOf(t, dir, [][]byte{small, small, small}, [2]uint32{1, 2}, [2]uint32{2, 3})
		},
		"nothing refers": func(dir string) string {
			return archiveOf(t, dir, [][]byte{small, small, small}, [2]uint32{1, 2})
		},
		"too much memory": func(dir string) string { return archiveOf(t, dir, many, each...) },
	} {
		dir := t.TempDir()
		err := Verify(t.Context(), dir, []string{build(dir)})
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
