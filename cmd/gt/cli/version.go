package cli

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kingpin/v2"
)

// version is what this gt is; a release sets it at build time with
// -ldflags "-X gastown/cmd/gt/cli.version=...".
var version = "0.1.0-dev"

// doltModule is the module whose version decides which stores can be read.
const doltModule = "github.com/dolthub/dolt/go"

// versionOptions are those of gt version.
type versionOptions struct{ app *App }

func (a *App) configureVersion(p *kingpin.Application) {
	o := &versionOptions{app: a}
	a.add(p, "version", "Print the version of gt and of what it is built on.", examples("gt version", "gt version --json"), o.run)
}

func (o *versionOptions) run(context.Context) error {
	out := struct {
		Version string `json:"version"`
		Dolt    string `json:"dolt"`
		Go      string `json:"go"`
		System  string `json:"system"`
	}{version, "unknown", runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == doltModule {
				out.Dolt = m.Version
			}
		}
	}
	return o.app.show(out, func(p *printer) {
		p.line("gt %s", out.Version)
		p.line("  dolt %s", out.Dolt)
		p.line("  %s %s", out.Go, out.System)
	})
}
