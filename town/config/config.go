package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"gastown/town"
)

// maxActor bounds an author in bytes, written as NAME <EMAIL>; it is the width
// of the author columns.
const maxActor = 255

// planes are the data planes of a Town in the order the file lists them.
var planes = []string{"operational", "ledger", "federation"}

// Identity is who the Town is.
type Identity struct {
	// ID is a lower-case UUID made by New and never changed.
	ID town.ID
	// Name is what people call the Town.
	Name string
}

// Remote is one place the Town federates with.
type Remote struct {
	Name, URL string
	// Refs is where in the repository the refs are: "" for refs/dolt/, or
	// RefsBranches.
	Refs string
}

// RefsBranches is for a host that accepts only branches: the refs are below
// refs/heads/dolt/.
const RefsBranches = "branches"

// Config is the content of town.yaml. Its fields may be changed; Save checks them.
type Config struct {
	Town Identity
	// Actor is the default author; either field may be empty.
	Actor town.Actor
	// Stores holds the UUID of the store of every plane.
	Stores map[string]string
	// Remotes have distinct names.
	Remotes []Remote
	// Settings holds what was set, in normal form. Use Get, Set and Unset.
	Settings map[string]string

	// tuned are values for settings that nobody set.
	tuned map[string]string
	// getenv finds the variables that override settings; nil: there are none.
	getenv func(string) string
	// raw is the file these values came from or went to; nil before the
	// first Save of a new Town.
	raw []byte
}

// New returns the configuration of a new Town: a random identity and a random
// UUID for each store. Save checks the name.
func New(name string) *Config {
	c := &Config{
		Town:     Identity{ID: town.ID(uuid.NewString()), Name: name},
		Stores:   make(map[string]string, len(planes)),
		Settings: map[string]string{},
	}
	for _, p := range planes {
		c.Stores[p] = uuid.NewString()
	}
	return c
}

// In has the variables of an environment override settings, as Key.Env says, and
// returns c. Without it no variable counts: a command may run inside the Deacon,
// whose own environment is another one.
func (c *Config) In(getenv func(string) string) *Config {
	c.getenv = getenv
	return c
}

// Remote returns the remote of that name.
func (c *Config) Remote(name string) (Remote, bool) {
	for _, r := range c.Remotes {
		if r.Name == name {
			return r, true
		}
	}
	return Remote{}, false
}

// fieldError is a fault of one field; its path leads through the document.
type fieldError struct {
	path []string
	err  error
}

func (e *fieldError) Error() string { return strings.Join(e.path, ".") + ": " + e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

func fault(err error, path ...string) error {
	if err == nil {
		return nil
	}
	return &fieldError{path: path, err: err}
}

// check reports the first fault and brings settings into normal form.
func (c *Config) check() error {
	if err := checkUUID(string(c.Town.ID)); err != nil {
		return fault(err, "town", "id")
	}
	if err := town.CheckName(c.Town.Name); err != nil {
		return fault(err, "town", "name")
	}
	if err := CheckActor(c.Actor); err != nil {
		return fault(err, "actor")
	}
	for _, p := range slices.Sorted(maps.Keys(c.Stores)) {
		if !slices.Contains(planes, p) {
			return fault(fmt.Errorf("there is no such store: want %s", strings.Join(planes, ", ")), "stores", p)
		}
	}
	for _, p := range planes {
		if err := checkUUID(c.Stores[p]); err != nil {
			return fault(err, "stores", p)
		}
	}
	if err := c.checkRemotes(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		value, err := normal(name, c.Settings[name])
		if err != nil {
			return fault(err, "settings", name)
		}
		c.Settings[name] = value
	}
	return nil
}

func (c *Config) checkRemotes() error {
	seen := map[string]bool{}
	for i, r := range c.Remotes {
		n := strconv.Itoa(i)
		if err := checkRemoteName(r.Name); err != nil {
			return fault(err, "remotes", n, "name")
		}
		if seen[r.Name] {
			return fault(fmt.Errorf("a second remote is called %s", r.Name), "remotes", n, "name")
		}
		seen[r.Name] = true
		if err := CheckRemoteURL(r.URL); err != nil {
			return fault(err, "remotes", n, "url")
		}
		if r.Refs != "" && r.Refs != RefsBranches {
			return fault(fmt.Errorf("want %s, or no entry for refs/dolt/", RefsBranches), "remotes", n, "refs")
		}
		if isRelative(r.URL) {
			return fault(errors.New("a stored path must be absolute: it would mean another place in another directory"), "remotes", n, "url")
		}
	}
	return nil
}

func checkUUID(s string) error {
	u, err := uuid.Parse(s)
	if err != nil || u.String() != s || u == uuid.Nil {
		return fmt.Errorf("%q is not a UUID in lower case with dashes", town.Clip(s, 40))
	}
	return nil
}

// CheckActor keeps an author to what a commit can carry on one line.
func CheckActor(a town.Actor) error {
	for _, s := range []string{a.Name, a.Email} {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '<' || r == '>' }) {
			return errors.New("control characters, < and > cannot be part of an author")
		}
		if strings.TrimSpace(s) != s {
			return errors.New("an author neither begins nor ends with a space")
		}
	}
	if len(a.String()) > maxActor {
		return fmt.Errorf("an author is at most %d bytes long", maxActor)
	}
	return nil
}
