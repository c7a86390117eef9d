package shell

import (
	"runtime"
	"runtime/debug"

	"gastown/cmd/internal/term"
)

// doltModule is the module whose version decides which stores can be read.
const doltModule = "github.com/dolthub/dolt/go"

// Build describes a program's build.
type Build struct {
	Version string `json:"version"`
	Dolt    string `json:"dolt"`
	Go      string `json:"go"`
	System  string `json:"system"`
}

// NewBuild describes the build of this program, with the given version.
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

// Say prints the build for people.
func (b Build) Say(p *term.Printer, program string) {
	p.Line("%s %s", program, b.Version)
	p.Line("  dolt %s", b.Dolt)
	p.Line("  %s %s", b.Go, b.System)
}
