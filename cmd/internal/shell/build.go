package shell

import (
	"runtime"

	"gastown/cmd/internal/term"
	"gastown/planes/doltdb"
)

// Build describes a program's build.
type Build struct {
	Version string `json:"version"`
	Dolt    string `json:"dolt"`
	Go      string `json:"go"`
	System  string `json:"system"`
}

// NewBuild describes the build of this program, with the given version.
func NewBuild(version string) Build {
	return Build{version, doltdb.Version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
}

// Say prints the build for people.
func (b Build) Say(p *term.Printer, program string) {
	p.Line("%s %s", program, b.Version)
	p.Line("  dolt %s", b.Dolt)
	p.Line("  %s %s", b.Go, b.System)
}
