package shell

import (
	"context"

	"gastown/town"
)

// Delegate runs another command of the engine in place of this one: with its streams,
// and with the author and the flags that every command has. What that command reports is final; the
// error only has its exit code.
func (c *Call) Delegate(ctx context.Context, program string, args ...string) error {
	i := *c.Invocation
	i.Program = program
	i.Args = append(c.flags(), args...)
	prepared, ok := c.Programs.Prepare(&i)
	switch {
	case !ok:
		return town.Fail("run "+program, "call "+program+" itself", "it is not a part of this program")
	case prepared.Alone && c.Resident != nil:
		return town.Fail("run "+prepared.Name, "call it itself", "it needs a process of its own")
	}
	if to := prepared.program.call; to.ActorName == "" {
		to.ActorName = c.ActorName
	}
	code := prepared.Run(ctx)
	if code == ExitOK {
		return nil
	}
	return Shown(Kind(code))
}

// flags are the flags that every command has, as arguments.
func (c *Call) flags() []string {
	args := []string{"--wait=" + c.Wait.String()}
	if c.Town != "" {
		args = append(args, "--town="+c.Town)
	}
	for flag, set := range map[string]bool{"--json": c.JSON, "--quiet": c.Quiet, "--no-color": c.NoColor} {
		if set {
			args = append(args, flag)
		}
	}
	return args
}
