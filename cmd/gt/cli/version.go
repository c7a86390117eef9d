package cli

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
)

// version is what this gt is; a release sets it at build time with
// -ldflags "-X gastown/cmd/gt/cli.version=...".
var version = "0.1.0-dev"

// versionOptions are those of gt version.
type versionOptions struct{ app *App }

func (a *App) configureVersion(p *kingpin.Application) {
	o := &versionOptions{app: a}
	a.add(p, "version", "Print the version of gt and of what it is built on.", examples("gt version", "gt version --json"), o.run)
}

func (o *versionOptions) run(context.Context) error {
	out := shell.NewBuild(version)
	return o.app.show(out, func(p *printer) { out.Say(p.Printer, "gt") })
}
