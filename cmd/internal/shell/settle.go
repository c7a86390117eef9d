package shell

import (
	"errors"
	"os"
	"path/filepath"

	"gastown/town"
	"gastown/town/layout"
)

// RootEnv is the variable that names a Town's directory.
const RootEnv = "GT_ROOT"

// settle applies the program's flags before the command runs: where it runs, which
// Town it is for, and whether it may change something. dry says that it only shows what
// it would do; a ledger is then opened as for a change, which is never made.
func (c *Call) settle(command Command, dry bool) error {
	c.reads = !command.Writes
	if c.ReadOnly && command.Writes && !dry {
		return town.Fail(c.Name, "leave --readonly out to change something", "%w: with --readonly nothing is changed", town.ErrRefused)
	}
	if c.Directory != "" {
		if err := c.enter(c.Directory); err != nil {
			return err
		}
	}
	c.named = c.Town != ""
	switch {
	case c.named:
	case c.Database != "":
		root, err := TownOf(c.Abs(c.Database))
		if err != nil {
			return town.Fail("use --db "+town.Clip(c.Database, 200), "name a Town's directory with --db or --town, or leave it out", "%w", err)
		}
		c.Town = root
	case c.Directory == "":
		c.Town = c.EnvTown()
	}
	return nil
}

// enter makes a directory the working directory of the call.
func (c *Call) enter(dir string) error {
	i := *c.Invocation
	i.Dir = c.Abs(dir)
	info, err := os.Stat(i.Dir)
	if err == nil && !info.IsDir() {
		err = errors.New("it is not a directory")
	}
	if err != nil {
		return town.Fail("run in "+town.Clip(i.Dir, 200), "name a directory that exists and that you may read", "%w: %w", town.ErrUsage, Cause(err))
	}
	c.Invocation = &i
	return nil
}

// EnvTown is the directory of the Town that the environment names; "" if it names
// none.
func (c *Call) EnvTown() string {
	if c.traits.EnvTown != nil {
		return c.traits.EnvTown(c.Invocation)
	}
	return c.Getenv(RootEnv)
}

// NamesTown reports whether --town was given.
func (c *Call) NamesTown() bool { return c.named }

// Reads reports whether this call may change nothing.
func (c *Call) Reads() bool { return c.reads }

// TownOf is the root of the Town that an absolute path is in: the Town's directory
// itself, or anything below it, which need not exist.
func TownOf(path string) (string, error) {
	t, err := layout.Find(filepath.Clean(path))
	if err != nil {
		return "", err
	}
	return t.Root, nil
}

// Cause is the error of the system call alone, without the name of the file, for
// messages that name it already.
func Cause(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}
