package cli

import (
	"os"
	"os/exec"
	"path/filepath"

	"gastown/town"
)

// executable is the absolute path of this gt, for what starts it later: a hook,
// a daemon. It is the path it was called by where that leads to it, because a
// link such as bin/gt outlives the version it points to today.
func (a *App) executable() (string, error) {
	if a.Self != "" {
		return a.Self, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", town.Fail("find out where gt is", "call it by its absolute path", "%w", err)
	}
	called, err := exec.LookPath(os.Args[0])
	if err != nil {
		return self, nil
	}
	if called, err = filepath.Abs(called); err != nil {
		return self, nil
	}
	one, err := os.Stat(called)
	if err != nil {
		return self, nil
	}
	if other, err := os.Stat(self); err != nil || !os.SameFile(one, other) {
		return self, nil
	}
	return called, nil
}
