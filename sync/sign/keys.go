package sign

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gastown/town"
	"gastown/town/durable"
)

// Keys are the keys of this Town, the present one last. It is safe for use by several
// goroutines. The zero Keys, and nil, sign nothing.
type Keys struct {
	town town.ID
	keys []Key
}

// file is what the file of the keys holds.
type file struct {
	// Town is whose keys they are. A directory that became another Town has others.
	Town town.ID `json:"town"`
	// Seeds are in hexadecimal digits, the present key's last.
	Seeds []string `json:"seeds"`
}

// NewKeys makes the first key of a Town, in memory only.
func NewKeys(id town.ID) (*Keys, error) {
	k, err := Generate()
	return &Keys{town: id, keys: []Key{k}}, err
}

// Load reads the keys of a Town from a file, and makes it its owner's alone. It makes the
// first key where there is no file, or where the file has the keys of another Town, which
// are kept beside it.
func Load(path string, id town.ID) (*Keys, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return begin(path, id)
	}
	if err != nil {
		return nil, err
	}
	refused := func(err error) error {
		return town.Fail("read the keys of this Town", "put the file back from a backup; to begin as another Town instead: gt federation instance new --name NAME",
			"%w: %s: %w", town.ErrRefused, path, err)
	}
	// A copy that was put back may have another mode.
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		err = os.Chmod(path, 0o600)
		if err != nil {
			return nil, town.Fail("read the keys of this Town", "make it readable for its owner alone", "%w: other users may read %s: %w", town.ErrRefused, path, err)
		}
	}
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, refused(errors.New("it is damaged")) // an error of json may quote the text
	}
	if f.Town != id {
		if err := durable.Rename(path, path+"-of-"+town.Clip(string(f.Town), 64)); err != nil {
			return nil, err
		}
		return begin(path, id)
	}
	k := &Keys{town: id}
	for _, seed := range f.Seeds {
		key, err := fromSeed(seed)
		if err != nil {
			return nil, refused(err)
		}
		k.keys = append(k.keys, key)
	}
	if len(k.keys) == 0 {
		return nil, refused(errors.New("it has no key"))
	}
	return k, nil
}

func begin(path string, id town.ID) (*Keys, error) {
	k, err := NewKeys(id)
	if err != nil {
		return nil, err
	}
	return k, k.saveNew(path)
}

// saveNew writes the first keys. Another process may do the same at once; then those
// that were first count.
func (k *Keys) saveNew(path string) error {
	f, err := os.MkdirTemp(filepath.Dir(path), ".keys-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(f)
	made := filepath.Join(f, "keys")
	if err := k.save(made); err != nil {
		return err
	}
	err = durable.RenameNew(made, path)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	first, err := Load(path, k.town)
	if err == nil {
		*k = *first
	}
	return err
}

func (k *Keys) save(path string) error {
	f := file{Town: k.town}
	for _, key := range k.keys {
		f.Seeds = append(f.Seeds, key.seed())
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return durable.WritePrivate(path, append(data, '\n'))
}

// Rotate gives the Town a new key, and writes it to the file. The former ones stay
// there: they sign the new one in the registry. The keys k stay as they are.
func (k *Keys) Rotate(path string) (*Keys, error) {
	next, err := Generate()
	if err != nil {
		return nil, err
	}
	if len(k.keys) >= MaxKeys {
		return nil, fmt.Errorf("%w: this Town has had %d keys", town.ErrRefused, MaxKeys)
	}
	rotated := &Keys{town: k.town, keys: append(append([]Key(nil), k.keys...), next)}
	return rotated, rotated.save(path)
}

// Count is how many keys the Town has had.
func (k *Keys) Count() int {
	if k == nil {
		return 0
	}
	return len(k.keys)
}

// Public is the present key's public half; Revoked where there is none.
func (k *Keys) Public() Public {
	if k == nil || len(k.keys) == 0 {
		return Revoked
	}
	return k.keys[len(k.keys)-1].Public()
}

// Sign signs the row with that digest.
func (k *Keys) Sign(store string, digest town.Digest) Signature {
	return Signature{
		Digest: digest, Town: k.town, Signer: k.Public(),
		Value: k.keys[len(k.keys)-1].sign(message(store, digest, k.town)),
	}
}

// Chain are the keys as the registry of a federation is to name them.
func (k *Keys) Chain(store string) (links []Link) {
	for i, key := range k.keys {
		l := Link{Town: k.town, Number: i + 1, Public: key.Public()}
		l.Signature = k.keys[max(i-1, 0)].sign(l.message(store))
		links = append(links, l)
	}
	return links
}

// End is the link that revokes the Town's keys, after Chain.
func (k *Keys) End(store string) Link {
	l := Link{Town: k.town, Number: len(k.keys) + 1, Public: Revoked}
	l.Signature = k.keys[len(k.keys)-1].sign(l.message(store))
	return l
}
