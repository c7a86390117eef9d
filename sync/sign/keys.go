package sign

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"gastown/town"
	"gastown/town/durable"
)

// Keys are the keys of this Town, the present one last. They never change, so several
// goroutines may use them. The zero Keys, and nil, hold no key: Count is 0, and Sign
// must not be called.
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

// Load reads the keys of a Town from a file, which it makes readable for its owner alone. If
// the file has the keys of another Town, Load moves them to a file beside it, and takes this
// Town's keys from such a file if there is one. Without a file it makes the first key. After
// an error there are no keys.
func Load(path string, id town.ID) (*Keys, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return begin(path, id)
	}
	if err != nil {
		return nil, town.Fail("read the keys of this Town", "ls -l "+path+", which must be a file that this user can read", "%w", err)
	}
	refused := func(err error) error {
		return town.Fail("read the keys of this Town", "put the file back from a backup; to begin as another Town instead: gt federation instance new --name NAME",
			"%w: %s: %w", town.ErrRefused, path, err)
	}
	// A copy that was put back may have another mode.
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		err = os.Chmod(path, 0o600)
		if err != nil {
			return nil, town.Fail("read the keys of this Town", "chmod 600 "+path, "%w: other users may read %s: %w", town.ErrRefused, path, err)
		}
	}
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, refused(errors.New("it is damaged")) // an error of json may quote the text
	}
	if !town.IsIdentity(string(f.Town)) {
		return nil, refused(errors.New("it names no Town"))
	}
	if f.Town != id {
		if err := putAside(path, data, f.Town); err != nil {
			return nil, err
		}
		if err := durable.RenameNew(aside(path, id), path); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		return Load(path, id)
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

// aside is where the keys of another Town are kept.
func aside(path string, id town.ID) string { return path + "-of-" + town.Clip(string(id), 64) }

// putAside keeps the keys of another Town beside the file, which holds data. It replaces
// nothing, and does nothing when another process was first.
func putAside(path string, data []byte, id town.ID) error {
	to := aside(path, id)
	for n := 2; ; n++ {
		err := durable.RenameNew(path, to)
		if !errors.Is(err, fs.ErrExist) {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, data) {
			return nil
		}
		to = aside(path, id) + "-" + strconv.Itoa(n)
	}
}

func begin(path string, id town.ID) (*Keys, error) {
	k, err := NewKeys(id)
	if err == nil {
		err = k.saveNew(path)
	}
	if err != nil {
		return nil, err // a key that is not in the file must sign nothing
	}
	return k, nil
}

// saveNew writes the first keys. If another process wrote some first, those are used.
func (k *Keys) saveNew(path string) error {
	data, err := k.encode()
	if err != nil {
		return err
	}
	err = durable.WriteNew(path, data, 0o600)
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
	data, err := k.encode()
	if err != nil {
		return err
	}
	return durable.WritePrivate(path, data)
}

// encode is what the file holds.
func (k *Keys) encode() ([]byte, error) {
	f := file{Town: k.town}
	for _, key := range k.keys {
		f.Seeds = append(f.Seeds, key.seed())
	}
	data, err := json.MarshalIndent(f, "", "  ")
	return append(data, '\n'), err
}

// Rotate gives the Town a new key, and writes it to the file. The former ones stay
// there: they sign the new one in the registry. The keys k stay as they are. What a former
// key has signed does not count where the new one is known, so the Town signs it again.
func (k *Keys) Rotate(path string) (*Keys, error) {
	next, err := Generate()
	if err != nil {
		return nil, err
	}
	if len(k.keys) >= MaxKeys-2 { // two more end them; see Closing
		return nil, town.Fail("make a new key", "gt federation instance new --name NAME begins as another Town", "%w: this Town has had %d keys", town.ErrRefused, len(k.keys))
	}
	rotated := k.with(next)
	return rotated, rotated.save(path)
}

// Closing gives the Town a last key that is in no file: it signs once more what the Town
// has signed, and is forgotten. So whoever has a copy of the file signs nothing after it.
func (k *Keys) Closing() (*Keys, error) {
	last, err := Generate()
	return k.with(last), err
}

func (k *Keys) with(next Key) *Keys {
	return &Keys{town: k.town, keys: append(slices.Clone(k.keys), next)}
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
