package sign

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"gastown/town"
)

const store = "f1"

func newKeys(t testing.TB, id town.ID) *Keys {
	t.Helper()
	k, err := NewKeys(id)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// ringOf has the keys of Towns.
func ringOf(t testing.TB, all ...*Keys) Ring {
	t.Helper()
	r := Ring{}
	for _, k := range all {
		for _, l := range k.Chain(store) {
			if err := r.Add(store, l); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r
}

func TestASignatureHoldsForOneRowTownAndFederation(t *testing.T) {
	k := newKeys(t, "a")
	s := k.Sign(store, town.DigestOf("row"))
	if !s.Holds(store) {
		t.Fatal("the signature does not hold")
	}
	for name, change := range map[string]func(*Signature){
		"row": func(s *Signature) { s.Digest = town.DigestOf("other") }, "Town": func(s *Signature) { s.Town = "b" },
		"signer":     func(s *Signature) { s.Signer = newKeys(t, "a").Public() },
		"value":      func(s *Signature) { s.Value = strings.Repeat("0", 128) },
		"no value":   func(s *Signature) { s.Value = "" },
		"not a key":  func(s *Signature) { s.Signer = "zz" },
		"revocation": func(s *Signature) { s.Signer = Revoked },
	} {
		other := s
		if change(&other); other.Holds(store) {
			t.Errorf("it holds for another %s", name)
		}
	}
	if s.Holds("f2") {
		t.Error("it holds in another federation")
	}
}

// A Town's keys follow each other, whatever else somebody puts into the registry.
func TestChains(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mine, err := NewKeys("a")
		if err != nil {
			t.Fatal(err)
		}
		dir, err := os.MkdirTemp("", "sign")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		for range rapid.IntRange(0, 4).Draw(t, "rotations") {
			if mine, err = mine.Rotate(filepath.Join(dir, "keys")); err != nil {
				t.Fatal(err)
			}
		}
		thief, err := NewKeys("a")
		if err != nil {
			t.Fatal(err)
		}
		chain := mine.Chain(store)
		r := Ring{}
		for i, l := range chain {
			for range rapid.IntRange(0, 2).Draw(t, "forged") {
				if i == 0 {
					break // nobody can tell who came first
				}
				bad := thief.Chain(store)[0]
				bad.Number = rapid.IntRange(0, len(chain)+2).Draw(t, "number")
				if rapid.Bool().Draw(t, "stolen signature") {
					bad.Signature = l.Signature
				}
				if err := r.Add(store, bad); err == nil {
					t.Fatalf("key %d of somebody else was taken", bad.Number)
				}
			}
			if err := r.Add(store, l); err != nil {
				t.Fatal(err)
			}
			if err := r.Add(store, l); err != nil {
				t.Fatalf("again: %v", err)
			}
		}
		if now, ok := r.Current("a"); !ok || now != mine.Public() {
			t.Fatalf("the present key is %q", now)
		}
		if err := r.Add(store, mine.End(store)); err != nil {
			t.Fatal(err)
		}
		if _, ok := r.Current("a"); ok {
			t.Fatal("a revoked key is the present one")
		}
		after := Link{Town: "a", Number: len(chain) + 2, Public: mine.Public(), Signature: mine.End(store).Signature}
		if err := r.Add(store, after); !errors.Is(err, ErrChain) {
			t.Fatalf("a key after the revocation: %v", err)
		}
	})
}

func TestTheFileIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	k, err := Load(path, "a")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	again, err := Load(path, "a")
	if err != nil || again.Public() != k.Public() {
		t.Fatalf("read again: %v, %v", again.Public(), err)
	}
	if again, err = again.Rotate(path); err != nil || again.Public() == k.Public() {
		t.Fatalf("rotated: %v", err)
	}
	if read, err := Load(path, "a"); err != nil || read.Public() != again.Public() || len(read.Chain(store)) != 2 {
		t.Fatalf("read after a rotation: %v", err)
	}
	if other, err := Load(path, "b"); err != nil || other.Public() == again.Public() {
		t.Fatalf("another Town in that directory: %v", err)
	}
	if kept, err := Load(path+"-of-a", "a"); err != nil || kept.Public() != again.Public() {
		t.Fatalf("the former Town's: %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, "b"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("after it was readable for others: mode %v, %v", info.Mode(), err)
	}
}

// A directory that becomes another Town, and the former one again, has each one's keys. None
// is ever replaced.
func TestEachTownOfADirectoryHasItsKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	load := func(id town.ID) Public {
		t.Helper()
		k, err := Load(path, id)
		if err != nil {
			t.Fatal(err)
		}
		return k.Public()
	}
	a, b := load("a"), load("b")
	if load("a") != a || load("b") != b || load("a") != a {
		t.Error("a Town has other keys than before")
	}
	// Keys of b that were put beside the file meanwhile stay.
	other := newKeys(t, "b")
	if err := errors.Join(os.Remove(path+"-of-b"), other.save(path+"-of-b"), os.Remove(path), newKeys(t, "b").save(path)); err != nil {
		t.Fatal(err)
	}
	load("a")
	if kept, err := Load(path+"-of-b", "b"); err != nil || kept.Public() != other.Public() {
		t.Errorf("the keys beside the file were replaced: %v", err)
	}
	if _, err := os.Stat(path + "-of-b-2"); err != nil {
		t.Error(err)
	}
}

// Processes that make the first key at the same time agree on one, and leave nothing beside it.
func TestTheFirstKeyIsOne(t *testing.T) {
	dir := t.TempDir()
	made := make([]Public, 8)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() {
			k, err := Load(filepath.Join(dir, "keys"), "a")
			if err != nil {
				t.Error(err)
			}
			made[i] = k.Public()
		})
	}
	all.Wait()
	for _, p := range made {
		if p != made[0] || p == Revoked {
			t.Errorf("one has %v, another %v", made[0], p)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
}

// A key that could not be saved signs nothing: others would know the Town by a key that it
// does not have.
func TestAKeyThatIsNotSavedIsNone(t *testing.T) {
	if k, err := Load(filepath.Join(t.TempDir(), "no directory", "keys"), "a"); err == nil || k != nil {
		t.Errorf("keys %v, %v", k, err)
	}
}

// A file that cannot be read is told of with a step.
func TestAFileThatCannotBeRead(t *testing.T) {
	path := t.TempDir()
	if _, err := Load(path, "a"); err == nil || !strings.HasPrefix(town.Next(err), "ls -l "+path) {
		t.Errorf("%v; next: %s", err, town.Next(err))
	}
}

// An error about a damaged file says nothing of what it holds.
func TestADamagedFileTellsNoSecret(t *testing.T) {
	for _, text := range []string{"planted-secret", `{"town":"a","seeds":["planted-secret"]}`, `{"town":"a","seeds":[]}`, `{"town":"../a","seeds":["planted-secret"]}`, `{"town":"a","seeds":["` + strings.Repeat("ab", 31) + `"]}`} {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path, "a")
		if !errors.Is(err, town.ErrRefused) || strings.Contains(err.Error(), "planted") || strings.Contains(err.Error(), "abab") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestValidFindsEachBadOne(t *testing.T) {
	a, b := newKeys(t, "a"), newKeys(t, "b")
	r := ringOf(t, a, b)
	var list []Signature
	for i := range 300 {
		s := a.Sign(store, town.DigestOf("row", string(rune(i))))
		if i%7 == 3 {
			s.Digest = "x"
		}
		if i%11 == 5 {
			s.Signer = b.Public()
		}
		list = append(list, s)
	}
	for i, ok := range Valid(store, list, func(id town.ID, p Public) bool { k, _ := r.Current(id); return k == p }) {
		if ok != (i%7 != 3 && i%11 != 5) {
			t.Errorf("signature %d: %v", i, ok)
		}
	}
}

func BenchmarkVerify1000(b *testing.B) {
	a := newKeys(b, "a")
	var list []Signature
	for i := range 1000 {
		list = append(list, a.Sign(store, town.DigestOf("row", string(rune(i)))))
	}
	for b.Loop() {
		Valid(store, list, func(town.ID, Public) bool { return true })
	}
}
