// Package secrets is the command group gt secrets: which secrets the Town uses, and which
// of them are missing.
package secrets

import (
	"context"
	"errors"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/sirupsen/logrus"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/deacon/control"
	"gastown/deacon/secrets"
	"gastown/town"
	"gastown/town/plugin"
)

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("secrets", "The secrets that the Town's configuration refers to.").HelpLong(shell.Examples("gt secrets check", "gt secrets check --json"))
	p.Add(g, shell.Command{
		Name: "check", Help: "Show which secrets are used and where each is found, and never a value; exit with 1 when one is missing or a source cannot be asked.",
		Examples: []string{"gt secrets check", "gt secrets check --json"}, Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(ctx context.Context) error { return check(ctx, call) }
		},
	})
}

// check asks the Deacon, which uses the secrets. Without one it looks itself.
func check(ctx context.Context, call *shell.Call) error {
	h, err := host.Open(call)
	if err != nil {
		return err
	}
	found, err := ask(ctx, h)
	if errors.Is(err, control.ErrNoDeacon) {
		found, err = look(ctx, h, call)
	}
	if err != nil {
		return err
	}
	if err := call.Show(found, func(p *term.Printer) { show(p, found) }); err != nil {
		return err
	}
	return verdict(found)
}

// verdict is the error of a check that found something wrong.
func verdict(s control.Secrets) error {
	missing := term.Plural(s.Missing, "use of a secret finds none", "uses of secrets find none")
	const broken = "a source of secrets cannot be used"
	switch {
	case s.Problem != "" && s.Missing > 0:
		return town.Fail("check the secrets", s.Next, "%s, and %s", broken, missing)
	case s.Problem != "":
		return town.Fail("check the secrets", s.Next, "%s", broken)
	case s.Missing > 0:
		return errors.New(missing)
	}
	return nil
}

func ask(ctx context.Context, h *host.Host) (control.Secrets, error) {
	client, _, err := host.Reach(ctx, h.Layout, "look at the secrets")
	if err != nil {
		return control.Secrets{}, err
	}
	defer client.Close()
	return client.Secrets(ctx)
}

// look looks for the secrets as this command sees them.
func look(ctx context.Context, h *host.Host, call *shell.Call) (out control.Secrets, err error) {
	log := logrus.New()
	log.SetOutput(call.Stderr)
	types, err := h.PluginTypes(log, "secrets")
	if err != nil {
		return out, err
	}
	file, err := plugin.Read(h.Layout.Plugins(), types)
	if err != nil {
		return out, err
	}
	rigs, err := h.Rigs().Load()
	if err != nil {
		return out, err
	}
	from := h.Secrets()
	defer func() { err = errors.Join(err, from.Close(context.WithoutCancel(ctx))) }()
	return secrets.Survey(ctx, secrets.Asked{
		Config: h.Config, Plugins: file.Entries, Rigs: rigs, Secrets: from, Getenv: call.Getenv,
	}), nil
}

func show(p *term.Printer, s control.Secrets) {
	for _, source := range s.Sources {
		p.Line("looked in %s", source)
	}
	if s.Problem != "" {
		since := ""
		if !s.Since.IsZero() {
			since = ", since " + s.Since.Local().Format(time.DateTime)
		}
		p.Styled(term.Bad, "%s%s", s.Problem, since)
	}
	if !s.Ends.IsZero() {
		p.Line("the token for Vault ends at %s and cannot be renewed", s.Ends.Local().Format(time.DateTime))
	}
	for _, u := range s.Uses {
		switch {
		case u.Found != "":
			p.Line("%s for %s: in %s", u.Name, u.For, u.Found)
		case u.Off:
			p.Styled(term.Dim, "%s for %s, which is off: not found", u.Name, u.For)
		case u.Optional:
			p.Styled(term.Dim, "%s for %s: not found, optional", u.Name, u.For)
		default:
			p.Styled(term.Bad, "%s for %s is missing: %s", u.Name, u.For, u.Reason)
			p.Line("  next: %s", u.Next)
		}
	}
	if len(s.Uses) == 0 {
		p.Line("the configuration refers to no secret")
	}
}
