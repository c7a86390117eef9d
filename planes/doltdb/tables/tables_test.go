package tables

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dolthub/dolt/go/store/chunks"
	"github.com/dolthub/dolt/go/store/constants"
	"github.com/dolthub/dolt/go/store/hash"
	"github.com/dolthub/dolt/go/store/nbs"
	"github.com/golang/snappy"

	"gastown/planes/doltdb/internal/engine"
)

// contents reads every chunk of a mirror, and its root.
func contents(t *testing.T, mirror string) (map[hash.Hash][]byte, hash.Hash) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(mirror, "manifest"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := nbs.NewLocalStore(t.Context(), constants.FormatDoltString, mirror, bufferBytes, nbs.NewUnlimitedMemQuotaProvider(), false)
	if err != nil {
		t.Fatal(err)
	}
	all := map[hash.Hash][]byte{}
	err = store.IterateAllChunks(t.Context(), func(c chunks.Chunk) { all[c.Hash()] = bytes.Clone(c.Data()) })
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	return all, hash.Parse(strings.Split(string(text), ":")[3])
}

func sorted(m map[hash.Hash][]byte) []hash.Hash {
	var list []hash.Hash
	for h := range m {
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b hash.Hash) int { return bytes.Compare(a[:], b[:]) })
	return list
}

// replaced replaces the content of a chunk, and gives the chunk and all that
// refer to it their new addresses.
func replaced(all map[hash.Hash][]byte, root, target hash.Hash, content []byte) (map[hash.Hash][]byte, hash.Hash) {
	now, out := map[hash.Hash]hash.Hash{}, map[hash.Hash][]byte{}
	var renew func(h hash.Hash) hash.Hash
	renew = func(h hash.Hash) hash.Hash {
		if n, ok := now[h]; ok {
			return n
		}
		d := all[h]
		if h == target {
			d = content
		} else {
			for c := range all {
				if c != h && bytes.Contains(d, c[:]) {
					n := renew(c)
					d = bytes.ReplaceAll(d, c[:], n[:])
				}
			}
		}
		n := hash.Of(d)
		now[h], out[n] = n, d
		return n
	}
	for h := range all {
		renew(h)
	}
	return out, now[root]
}

// tableOf writes a table file of the chunks as the engine does.
func tableOf(t *testing.T, dir string, m map[hash.Hash][]byte) string {
	t.Helper()
	var f, prefixes, lengths, suffixes []byte
	total := uint64(0)
	for i, h := range sorted(m) {
		c := snappy.Encode(nil, m[h])
		f = binary.BigEndian.AppendUint32(append(f, c...), crc32.Checksum(c, crc32.MakeTable(crc32.Castagnoli)))
		prefixes = binary.BigEndian.AppendUint32(append(prefixes, h[:8]...), uint32(i))
		lengths = binary.BigEndian.AppendUint32(lengths, uint32(len(c)+chunkSum))
		suffixes = append(suffixes, h[8:]...)
		total += uint64(len(m[h]))
	}
	f = slices.Concat(f, prefixes, lengths, suffixes)
	f = binary.BigEndian.AppendUint32(f, uint32(len(m)))
	f = binary.BigEndian.AppendUint64(f, total)
	f = append(f, 0xff, 0xb5, 0xd8, 0xc2, 0x24, 0x63, 0xee, 0x50)
	name := hash.Of(suffixes).String()
	save(t, filepath.Join(dir, name), f)
	return name
}

func save(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Whatever is done to a chunk, fetching from a mirror that passed verification
// does not end the process.
func TestMalformedChunksAreRefusedBeforeTheEngineReadsThem(t *testing.T) {
	a, b, mirror := twoTowns(t)
	for n := range 8 {
		put(t, a, fmt.Sprint("n", n), strings.Repeat("x", 3000*(n%3+1)))
	}
	if err := a.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	all, root := contents(t, mirror)
	list := sorted(all)
	random := rand.New(rand.NewPCG(1, 2))
	refused, taken := 0, 0
	for n := range 300 {
		target := list[n%len(list)]
		d := bytes.Clone(all[target])
		entry := root
		switch at := random.IntN(len(d)); random.IntN(6) {
		case 0:
			d[at] ^= byte(1 + random.IntN(255))
		case 1:
			for range 8 {
				d[random.IntN(len(d))] = byte(random.IntN(256))
			}
		case 2:
			d = d[:at]
		case 3:
			copy(d[at:], "\xff\xff\xff\xff")
		case 4: // sound chunks, one in the place of another
			entry = target
		default:
			for _, h := range list {
				other := list[random.IntN(len(list))]
				d = bytes.ReplaceAll(d, h[:], other[:])
			}
			if bytes.Equal(d, all[target]) {
				continue
			}
		}
		dir := t.TempDir()
		mutant, top := replaced(all, entry, target, d)
		name := tableOf(t, dir, mutant)
		switch err := Verify(t.Context(), dir, []string{name}); {
		case errors.Is(err, ErrCorrupt):
			refused++
			continue
		case err != nil:
			t.Fatalf("%v is not ErrCorrupt", err)
		}
		taken++
		save(t, filepath.Join(dir, "manifest"), fmt.Appendf(nil, "5:__DOLT__:%s:%s:%s:%s:%d",
			hash.Of(fmt.Append(nil, n)), top, hash.Hash{}, name, len(mutant)))
		if _, err := b.Fetch(t.Context(), "origin", dir); err != nil && taken < 4 {
			t.Log(err) // an error is as good as none
		}
	}
	if t.Logf("%d refused, %d taken", refused, taken); refused == 0 || taken == 0 {
		t.Error("the mutants do not tell sound from malformed")
	}
	if get(t, b, "shared") != "base" {
		t.Error("the database changed")
	}
}

// With two index entries for one ordinal, one chunk would be verified in place
// of the other.
func TestTableIndexNamesEveryChunkOnce(t *testing.T) {
	dir := t.TempDir()
	name := tableOf(t, dir, map[hash.Hash][]byte{hash.Of([]byte("aaaa")): []byte("aaaa"), hash.Of([]byte("bbbb")): []byte("bbbb")})
	f, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	index := len(f) - tableFooter - 2*(tablePrefix+tableLength+tableSuffix)
	f[index+2*tablePrefix-1] = 0
	save(t, filepath.Join(dir, name), f)
	if err := Verify(t.Context(), dir, []string{name}); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "once") {
		t.Errorf("got %v", err)
	}
	long := binary.AppendUvarint(nil, 1<<32-1)
	f = append(long, f[len(long):]...)
	f[index+2*tablePrefix-1] = 1
	save(t, filepath.Join(dir, name), f)
	if err := Verify(t.Context(), dir, []string{name}); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a chunk that claims 4 GiB: %v", err)
	}
}

func TestVerifyTablesFindsEveryAlteredByte(t *testing.T) {
	a, _, mirror := twoTowns(t)
	for n := range 20 {
		put(t, a, fmt.Sprint("n", n), strings.Repeat(fmt.Sprint(n, " some text "), 50))
	}
	if err := a.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(mirror)
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for _, e := range entries {
		if name := e.Name(); len(strings.TrimSuffix(name, engine.ArchiveSuffix)) == 32 {
			tables = append(tables, name)
		}
	}
	if len(tables) < 4 {
		t.Fatalf("the mirror holds only %v", tables)
	}
	scratch := func() string {
		dir := t.TempDir()
		for _, name := range tables {
			data, err := os.ReadFile(filepath.Join(mirror, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	dir := scratch()
	if err := Verify(t.Context(), dir, tables); err != nil {
		t.Fatalf("sound tables: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != len(tables) {
		t.Errorf("verification left something behind: %v", left)
	}
	undetected := 0
	for _, name := range tables {
		path := filepath.Join(dir, name)
		sound, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{0, len(sound) / 4, len(sound) / 2} {
			bad := append([]byte(nil), sound...)
			bad[at] ^= 0x40
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := Verify(t.Context(), dir, []string{name}); err == nil {
				undetected++
				t.Logf("%s byte %d of %d altered: not noticed", name, at, len(sound))
			} else if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: %v is not ErrCorrupt", name, err)
			}
		}
		if err := os.WriteFile(path, sound[:len(sound)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Verify(t.Context(), dir, []string{name}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s cut in half: %v", name, err)
		}
		if err := os.WriteFile(path, sound, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if undetected > 0 {
		t.Errorf("%d altered bytes were not noticed", undetected)
	}
}
