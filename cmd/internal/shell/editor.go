package shell

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"

	"gastown/cmd/internal/term"
	"gastown/town"
)

// DefaultEditor is used when neither VISUAL nor EDITOR is set.
const DefaultEditor = "vi"

// Editor is the editor that the person chose, a shell command; "" for none.
func (c *Call) Editor() string { return cmp.Or(c.Getenv("VISUAL"), c.Getenv("EDITOR")) }

// HasEditor reports whether Edit can run: a person chose an editor, or the default
// one would have a terminal.
func (c *Call) HasEditor() bool { return c.Editor() != "" || term.IsTerminal(c.Stdin) }

// Edit runs the person's editor on a file. It is for commands that run in a process
// of their own.
func (c *Call) Edit(ctx context.Context, path string) error {
	command := cmp.Or(c.Editor(), DefaultEditor)
	e := exec.CommandContext(ctx, "sh", "-c", command+` "$1"`, "sh", path)
	e.Dir, e.Env = c.Dir, c.Env
	c.Progress().Clear() // the terminal is the editor's
	e.Stdin, e.Stdout, e.Stderr = term.Direct(c.Stdin), term.Direct(c.Stderr), term.Direct(c.Stderr)
	if err := e.Run(); err != nil {
		return fmt.Errorf("the editor %s: %w", town.Clip(command, 80), err)
	}
	return nil
}
