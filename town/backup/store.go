package backup

import (
	"context"
	"strings"
	"time"
)

// Store is a place for the files of points, by key: slash-separated words. Files other
// than the manifests of planes never change.
type Store interface {
	// List returns the size of each file in bytes.
	List(ctx context.Context) (map[string]int64, error)
	// Get brings files into dir, each at its key. A file that does not exist is
	// fs.ErrNotExist.
	Get(ctx context.Context, keys []string, dir string) error
	// Put stores files of dir, each at its key, in this order: a file is there, whole,
	// before the next one. A file that exists is replaced.
	Put(ctx context.Context, dir string, keys []string) error
	// Remove removes files. A file that does not exist is not an error.
	Remove(ctx context.Context, keys []string) error
	// Encrypts says that nobody can read the files without a key.
	Encrypts() bool
}

// Keys of a destination's files.
const (
	pointsDir = "points/"
	proofsDir = "proofs/"
	planesDir = "planes/"
	filesDir  = "files/"
	pointExt  = ".json"
	// ownerKey says whose Town the points are of.
	ownerKey = "town.json"
)

func pointKey(name string) string        { return pointsDir + name + pointExt }
func tableKey(plane, name string) string { return planesDir + plane + "/" + name }
func manifestKey(plane string) string    { return planesDir + plane + "/manifest" }
func fileKey(sum string) string          { return filesDir + sum }

// proofKey records when a point was proven.
func proofKey(name string, at time.Time) string {
	return proofsDir + name + "/" + at.UTC().Format(nameForm)
}

// pointOf is the name of the point that a key is of.
func pointOf(key string) (string, bool) {
	name, ok := strings.CutPrefix(key, pointsDir)
	if !ok {
		return "", false
	}
	if name, ok = strings.CutSuffix(name, pointExt); !ok {
		return "", false
	}
	_, _, ok = parseName(name)
	return name, ok
}

// proofOf is the point that the key of a proof is of, and when it was proven.
func proofOf(key string) (name string, at time.Time, ok bool) {
	rest, ok := strings.CutPrefix(key, proofsDir)
	if !ok {
		return "", at, false
	}
	name, text, ok := strings.Cut(rest, "/")
	if !ok {
		return "", at, false
	}
	at, err := time.Parse(nameForm, text)
	return name, at, err == nil
}

// shared reports whether a key is of a file that points share: a table file or a plain
// file.
func shared(key string) bool {
	return strings.HasPrefix(key, filesDir) || strings.HasPrefix(key, planesDir) && !strings.HasSuffix(key, "/manifest")
}

// tidier is a Store in which a process that was killed may leave unfinished files, which
// List does not list.
type tidier interface {
	Tidy(ctx context.Context, before time.Time) error
}

// plainStore is the store below an encrypted one, or the store itself.
func plainStore(s Store) Store {
	if sealed, ok := s.(Sealed); ok {
		return sealed.Store
	}
	return s
}
