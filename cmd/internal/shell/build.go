package shell

import (
	"runtime"
	"runtime/debug"

	"gastown/cmd/internal/term"
)

// doltModule is the module whose version decides which stores can be read.
const doltModule = "github.com/dolthub/dolt/go"

// Build says what a program is and what it is built on.
type Build struct {
	Version string `json:"version"`
	Dolt    string `json:"dolt"`
	Go      string `json:"go"`
	System  string `json:"system"`
}

// NewBuild describes this program, whose version is given.
func NewBuild(version string) Build {
	b := Build{version, "unknown", runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == doltModule {
				b.Dolt = m.Version
			}
		}
	}
	return b
}

// Say prints it for people.
func (b Build) Say(p *term.Printer, program string) {
	p.Line("%s %s", program, b.Version)
	p.Line("  dolt %s", b.Dolt)
	p.Line("  %s %s", b.Go, b.System)
}
