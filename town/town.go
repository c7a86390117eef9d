// Package town names the things a Gas Town is made of: documents of the
// federation plane, the people and Towns that write them, and the kinds of
// failure a caller may act on. It performs no I/O and imports nothing of the
// project, so every other package may use its words.
package town

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxDocumentBytes is the largest text a role, formula or template may have.
// Larger files are reported and left alone; larger rows refuse a pull.
const MaxDocumentBytes = 1 << 20

// Kind says which of the three shared collections a document belongs to.
type Kind string

// The kinds of document the federation plane carries.
const (
	KindRole     Kind = "role"
	KindFormula  Kind = "formula"
	KindTemplate Kind = "template"
)

// Kinds lists every kind in the order people are shown them.
var Kinds = []Kind{KindRole, KindFormula, KindTemplate}

// ParseKind accepts the singular and the plural spelling of a kind.
func ParseKind(s string) (Kind, error) {
	for _, k := range Kinds {
		if s == string(k) || s == k.Dir() {
			return k, nil
		}
	}
	return "", fmt.Errorf("unknown kind %q: want role, formula or template", s)
}

// Dir is the directory below federation/ that holds documents of this kind.
func (k Kind) Dir() string { return string(k) + "s" }

// Suffix is what a file of this kind is called after its name.
func (k Kind) Suffix() string {
	switch k {
	case KindRole:
		return ".md"
	case KindFormula:
		return ".formula.toml"
	default:
		return ""
	}
}

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// CheckName reports whether s may name a document. The alphabet has no
// separator, no upper case and no leading dot, so a name is always exactly one
// path element and two names never collide on a case-insensitive disk.
func CheckName(s string) error {
	if !namePattern.MatchString(s) {
		return fmt.Errorf("name %q is not allowed: use 1 to 64 of a-z 0-9 . _ - and begin with a letter or digit", Clip(s, 80))
	}
	return nil
}

// Clip shortens text for a message to at most n bytes, on a rune boundary.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}

// Plural words a count: Plural(2, "edit", "edits") is "2 edits".
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// Key identifies one document: its kind and its name.
type Key struct {
	Kind Kind
	Name string
}

// ParseKey reads KIND/NAME.
func ParseKey(s string) (Key, error) {
	kind, name, ok := strings.Cut(s, "/")
	if !ok {
		return Key{}, fmt.Errorf("%q is not KIND/NAME, for example role/mayor", s)
	}
	k, err := ParseKind(kind)
	if err != nil {
		return Key{}, err
	}
	if err := CheckName(name); err != nil {
		return Key{}, err
	}
	return Key{Kind: k, Name: name}, nil
}

func (k Key) String() string { return string(k.Kind) + "/" + k.Name }

// Path is the document's file relative to federation/, with forward slashes.
func (k Key) Path() string { return k.Kind.Dir() + "/" + k.Name + k.Kind.Suffix() }

// ParsePath is the inverse of Key.Path.
func ParsePath(p string) (Key, error) {
	dir, base, ok := strings.Cut(p, "/")
	if !ok {
		return Key{}, fmt.Errorf("%q is not below roles/, formulas/ or templates/", Clip(p, 120))
	}
	for _, k := range Kinds {
		if dir != k.Dir() {
			continue
		}
		name, ok := strings.CutSuffix(base, k.Suffix())
		if !ok {
			return Key{}, fmt.Errorf("a %s file is called NAME%s", k, k.Suffix())
		}
		if err := CheckName(name); err != nil {
			return Key{}, err
		}
		return Key{Kind: k, Name: name}, nil
	}
	return Key{}, fmt.Errorf("%q is not below roles/, formulas/ or templates/", Clip(p, 120))
}

// Digest is a lower-case hexadecimal SHA-256.
type Digest string

// Short is the prefix of a digest that people are shown.
func (d Digest) Short() string {
	if len(d) > 12 {
		return string(d[:12])
	}
	return string(d)
}

// ContentDigest addresses a text by its bytes alone.
func ContentDigest(text string) Digest {
	sum := sha256.Sum256([]byte(text))
	return Digest(hex.EncodeToString(sum[:]))
}

// DigestOf addresses a tuple. Each part is length-prefixed, so no two
// different tuples share an encoding.
func DigestOf(parts ...string) Digest {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return Digest(hex.EncodeToString(h.Sum(nil)))
}

// ID identifies a Town for good. It is a random UUID made by gt install.
type ID string

// identityPattern matches what IsIdentity accepts.
var identityPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// IsIdentity reports whether s may be the identity of a Town, of a Town's directory or
// of a store, as docs/federation-format.md says. Such a text is also safe as part of a
// path and of a ref.
func IsIdentity(s string) bool { return identityPattern.MatchString(s) }

// Actor is the person or agent a change is recorded under.
type Actor struct {
	Name  string
	Email string
}

func (a Actor) String() string { return a.Name + " <" + a.Email + ">" }
