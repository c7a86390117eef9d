package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"gastown/planes/doltdb/copies"
	"gastown/town"
)

// ErrDamaged reports a point, or a file of one, that is not what it was when it was
// written: cut short, altered, or gone.
var ErrDamaged = errors.New("the backup is damaged")

// Kind is what a point holds.
type Kind string

// The kinds.
const (
	Databases Kind = "databases"
	Files     Kind = "files"
)

// format is the version of the form of points. A newer one is refused.
const format = 1

// maxPoint bounds the JSON of a point, in bytes.
const maxPoint = 64 << 20

// Point says what a backup of one moment consists of.
type Point struct {
	Format int       `json:"format"`
	Name   string    `json:"name"`
	Kind   Kind      `json:"kind"`
	Taken  time.Time `json:"taken"`
	// Seq numbers the points of a destination: a new point gets one more than the highest
	// there, so which of two is newer depends on no clock. It is zero in points of former
	// versions, which are older than all others.
	Seq uint64 `json:"seq,omitempty"`
	// Town is the Town's identity, TownName its name, Instance the directory it was.
	Town     string `json:"town"`
	TownName string `json:"town_name"`
	Instance string `json:"instance,omitempty"`
	// Version is that of the gt that took it.
	Version string `json:"version"`
	// Added is how many bytes were written for it that no earlier point had.
	Added int64 `json:"added"`
	// Encrypted says that its files are.
	Encrypted bool `json:"encrypted"`
	// Keys are the marks of the keys that each of Files can be read with; see Key.marks.
	Keys   []string `json:"keys,omitempty"`
	Planes []Plane  `json:"planes,omitempty"`
	Files  []File   `json:"files,omitempty"`
	// Sum is the SHA-256 of the point with an empty Sum.
	Sum string `json:"sum"`
}

// Plane is one database in a point.
type Plane struct {
	Name string `json:"name"`
	// Store is the identity of the database, from its configuration.
	Store string `json:"store"`
	// Root is the address of everything it held, Head the commit at its tip.
	Root     string            `json:"root"`
	Head     string            `json:"head"`
	Tables   []copies.Table    `json:"tables"`
	Settings map[string]string `json:"settings"`
	// Groups are its table files, oldest first. What a chunk refers to is in its own
	// group or an earlier one.
	Groups []Group `json:"groups"`
}

// Group is the table files that were written together.
type Group struct {
	// Level is how many times what is in it was merged from smaller groups.
	Level int    `json:"level"`
	Files []Blob `json:"files"`
	// Keys are the marks of the keys that each file can be read with; see Key.marks.
	Keys []string `json:"keys,omitempty"`
}

// Blob is one table file.
type Blob struct {
	copies.TableFile
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// File is a plain file. Its content is stored under its SHA256.
type File struct {
	// Path is relative to the Town's directory, with slashes.
	Path   string `json:"path"`
	Mode   uint32 `json:"mode"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// tableFiles are all table files of a plane, oldest first.
func (p Plane) tableFiles() (all []copies.TableFile) {
	for _, g := range p.Groups {
		for _, f := range g.Files {
			all = append(all, f.TableFile)
		}
	}
	return all
}

// Item is a file of a destination that a point needs: its key, and what it holds.
type Item struct {
	Key    string
	Size   int64
	SHA256 string
}

// readable reports whether all that the point consists of can be read with each of the keys
// that have these marks.
func (p *Point) readable(keys []string) bool {
	if p.Kind == Files {
		return hasAll(p.Keys, keys)
	}
	for _, plane := range p.Planes {
		for _, g := range plane.Groups {
			if !hasAll(g.Keys, keys) {
				return false
			}
		}
	}
	return true
}

// hasAll reports whether all keys are among marks.
func hasAll(marks, keys []string) bool {
	return !slices.ContainsFunc(keys, func(k string) bool { return !slices.Contains(marks, k) })
}

// Items lists what the point consists of, beside itself.
func (p *Point) Items() (all []Item) {
	for _, plane := range p.Planes {
		for _, g := range plane.Groups {
			for _, f := range g.Files {
				all = append(all, Item{Key: tableKey(plane.Name, f.Name), Size: f.Size, SHA256: f.SHA256})
			}
		}
	}
	for _, f := range p.Files {
		all = append(all, Item{Key: fileKey(f.SHA256), Size: f.Size, SHA256: f.SHA256})
	}
	return all
}

// Size is how many bytes the point consists of, with what it shares.
func (p *Point) Size() (n int64) {
	seen := map[string]bool{}
	for _, i := range p.Items() {
		if !seen[i.Key] {
			n += i.Size
		}
		seen[i.Key] = true
	}
	return n
}

// Plane finds a plane of the point.
func (p *Point) Plane(name string) (Plane, bool) {
	for _, plane := range p.Planes {
		if plane.Name == name {
			return plane, true
		}
	}
	return Plane{}, false
}

// nameForm is how a point's time stands in its name.
const nameForm = "20060102T150405.000Z"

// suffixes end the names of points by kind.
var suffixes = map[Kind]string{Databases: "", Files: "-files"}

// pointName names a point of a kind by its time.
func pointName(kind Kind, taken time.Time) string {
	return taken.UTC().Format(nameForm) + suffixes[kind]
}

// parseName reads kind and time from the name of a point.
func parseName(name string) (Kind, time.Time, bool) {
	kind := Databases
	stem, files := strings.CutSuffix(name, suffixes[Files])
	if files {
		kind = Files
	}
	taken, err := time.Parse(nameForm, stem)
	return kind, taken, err == nil
}

// encode completes the point with its sum.
func (p *Point) encode() ([]byte, error) {
	p.Format, p.Sum = format, ""
	text, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return nil, err
	}
	p.Sum = digest(text)
	return json.MarshalIndent(p, "", " ")
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// decode reads a point. Whoever wrote the destination may have written anything there.
func decode(name string, text []byte) (*Point, error) {
	damaged := func(why string) error { return fmt.Errorf("%w: the point %s %s", ErrDamaged, town.Clip(name, 80), why) }
	var p Point
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&p); err != nil {
		return nil, damaged("is not whole")
	}
	if p.Format > format {
		return nil, town.Fail("read the point "+town.Clip(name, 80), "use the gt that wrote it, or a newer one",
			"%w: its form is %d, this gt knows %d", town.ErrRefused, p.Format, format)
	}
	sum := p.Sum
	again := p
	if _, err := again.encode(); err != nil || again.Sum != sum {
		return nil, damaged("was altered")
	}
	if kind, _, ok := parseName(p.Name); p.Name != name || !ok || kind != p.Kind {
		return nil, damaged("has another name inside")
	}
	if why := p.malformed(); why != "" {
		return nil, damaged(why)
	}
	return &p, nil
}

// malformed says what in a point cannot be used as a name of a file; "" for nothing.
func (p *Point) malformed() string {
	seen := map[string]bool{}
	for _, plane := range p.Planes {
		if !plainName(plane.Name) || seen[plane.Name] {
			return "names a plane wrongly"
		}
		seen[plane.Name] = true
		for _, f := range plane.tableFiles() {
			if !copies.Named(f.Name) {
				return "names a table file wrongly"
			}
		}
		for name := range plane.Settings {
			if !plainName(strings.TrimSuffix(name, ".json")) {
				return "names a setting wrongly"
			}
		}
	}
	for _, f := range p.Files {
		if !localPath(f.Path) || seen["/"+f.Path] || !isDigest(f.SHA256) {
			return "names a file wrongly"
		}
		seen["/"+f.Path] = true
	}
	return ""
}

// plainName reports whether a name is letters, digits, dashes and underscores.
func plainName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// localPath reports whether a path stays below the Town's directory.
func localPath(p string) bool {
	return p != "" && len(p) <= 4096 && path.Clean(p) == p && !path.IsAbs(p) && p != ".." && !strings.HasPrefix(p, "../") && !strings.ContainsRune(p, 0)
}

func isDigest(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }
