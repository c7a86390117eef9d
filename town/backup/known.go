package backup

import (
	"os"
	"path/filepath"

	"gastown/planes/doltdb/copies"
	"gastown/town/durable"
)

// The keeper keeps a list of the addresses of each table file's chunks beside the Town, so
// that taking a point reads nothing from a destination. A table file whose list is missing
// or has another length is written once more.

const addressBytes = 20

func (k *Keeper) list(plane, name string) string { return filepath.Join(k.Dir, "known", plane, name) }

// learn notes what is in a table file.
func (k *Keeper) learn(plane, name, path string) error {
	list, err := copies.List(path)
	if err != nil {
		return err
	}
	at := k.list(plane, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return err
	}
	return durable.WritePrivate(at, list)
}

// knows reports whether a group is in the destination, as far as its sizes tell and
// nobody found it damaged, and adds what is in it to known.
func (k *Keeper) knows(c *catalog, notes *notes, plane string, g Group, known copies.Addresses) bool {
	for _, f := range g.Files {
		key := tableKey(plane, f.Name)
		if !c.holds(Item{Key: key, Size: f.Size}) || notes.isBad(c.to.Name, key) {
			return false
		}
		list, err := os.ReadFile(k.list(plane, f.Name))
		if err != nil || len(list) != addressBytes*int(f.Chunks) || known.Add(list) != nil {
			return false
		}
	}
	return true
}
