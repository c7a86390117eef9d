package hooks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/gitcmd"
	"gastown/sync/hooks"
	"gastown/town"
)

// notifyDeadline bounds the notification of all Towns about one push.
const notifyDeadline = time.Minute

// secretOptions are the options of gt hooks secret.
type secretOptions struct {
	call  *shell.Call
	out   string
	renew bool
}

func secretCommand() shell.Command {
	return shell.Command{
		Name: "secret", Help: "Make the secret with which a shared repository tells this Town to pull. It is shown once.",
		Examples: []string{
			"gt hooks secret --out alpha.secret     # for: gt hooks install --bare ... --secret-file alpha.secret", "gt hooks secret --renew",
		},
		Permission: shell.MayAdminTown, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &secretOptions{call: call}
			c.Flag("out", "Write it to a new file (0600) instead of showing it.").PlaceHolder("FILE").StringVar(&o.out)
			c.Flag("renew", "Make another one: the former is then refused.").BoolVar(&o.renew)
			return o.run
		},
	}
}

func notifyCommand() shell.Command {
	return shell.Command{
		Name: "notify", Help: "Tell Towns of a push; the post-receive hook does it.", Hidden: true,
		Examples: []string{"gt hooks notify --config gt-notify.json"},
		Alone:    true, NoTown: true, Permission: shell.MayReadProgram, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &notifyOptions{call: call}
			c.Flag("config", "The Towns and their secrets.").Required().PlaceHolder("FILE").StringVar(&o.config)
			return o.run
		},
	}
}

func (o *secretOptions) run(ctx context.Context) (err error) {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	unlock, err := o.call.Lock(ctx, h.Layout, "config")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	path := h.Layout.NotifySecret()
	if _, err := os.Lstat(path); err == nil && !o.renew {
		return town.Fail("make a secret for notifications", "use that file, or make another secret with --renew and hand it out again",
			"%w: there is one, in %s", town.ErrRefused, path)
	}
	secret := hooks.NewSecret()
	out := struct {
		File   string `json:"file"`
		Out    string `json:"out,omitempty"`
		Secret string `json:"secret,omitempty"`
	}{File: path}
	if o.out == "" {
		out.Secret = secret.Reveal()
	} else {
		out.Out = o.call.Abs(o.out)
		// O_EXCL, so that no existing file is overwritten.
		f, err := os.OpenFile(out.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return town.Fail("write "+out.Out, "name a file that does not exist yet", "%w", err)
		}
		if err := errors.Join(f.Close(), secret.Write(out.Out)); err != nil {
			return err
		}
	}
	if err := secret.Write(path); err != nil {
		return err
	}
	return o.call.Show(out, func(p *term.Printer) {
		if out.Secret != "" {
			p.Line("%s", out.Secret)
			return
		}
		p.Line("the secret is in %s", out.Out)
	})
}

// notifyScripts is the hook for a shared repository. It saves the list of Towns to
// notify beside the repository's hooks.
func (o *hooksOptions) notifyScripts(p gitcmd.Place, d hooks.Directory, self string) ([]hooks.Script, error) {
	op := "install hooks in " + p.CommonDir
	if !d.Bare {
		return nil, town.Fail(op, "leave --bare and --notify away", "%w: the repository is not bare", town.ErrUsage)
	}
	path := filepath.Join(p.CommonDir, hooks.TargetsFile)
	targets, err := hooks.LoadTargets(path)
	if err != nil {
		return nil, err
	}
	for i, raw := range o.notify {
		u, err := hooks.CheckURL(raw)
		if err != nil {
			return nil, err
		}
		secret, err := hooks.ReadSecret(o.call.Abs(o.secrets[i]))
		if err != nil {
			return nil, err
		}
		targets = hooks.AddTarget(targets, hooks.Target{URL: u, Secret: secret})
	}
	if len(targets) == 0 {
		return nil, town.Fail(op, "add --notify URL --secret-file FILE", "%w: no Town is named", town.ErrUsage)
	}
	if len(o.notify) > 0 {
		if err := hooks.SaveTargets(path, targets); err != nil {
			return nil, err
		}
	}
	return []hooks.Script{{Name: hooks.PostReceive, Program: self, Args: []string{"hooks", "notify", "--config", path}}}, nil
}

// removeTargets removes the named Towns, or all, from the list and returns how many
// remain.
func (o *hooksOptions) removeTargets(p gitcmd.Place) (left int, err error) {
	path := filepath.Join(p.CommonDir, hooks.TargetsFile)
	targets, err := hooks.LoadTargets(path)
	if err != nil || len(targets) == 0 {
		return 0, err
	}
	if len(o.notify) == 0 {
		return 0, os.Remove(path)
	}
	for _, raw := range o.notify {
		u, err := hooks.CheckURL(raw)
		if err != nil {
			return 0, err
		}
		i := slices.IndexFunc(targets, func(t hooks.Target) bool { return t.URL == u })
		if i < 0 {
			return 0, town.Fail("stop notifying "+u, "gt hooks list shows who is notified", "%w: it is not notified now", town.ErrUsage)
		}
		targets = slices.Delete(targets, i, i+1)
	}
	if len(targets) == 0 {
		return 0, os.Remove(path)
	}
	return len(targets), hooks.SaveTargets(path, targets)
}

// notifyOptions are the options of gt hooks notify.
type notifyOptions struct {
	call   *shell.Call
	config string
}

// run notifies the Towns of a push. Its output goes nowhere, so it writes a log
// beside the repository's hooks.
func (o *notifyOptions) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, notifyDeadline)
	defer cancel()
	refs, err := hooks.Received(o.call.Stdin)
	if err != nil || len(refs) == 0 {
		return err
	}
	path := o.call.Abs(o.config)
	log := hookLog{now: o.call.Now, path: filepath.Join(filepath.Dir(path), "gt-notify.log")}
	targets, err := hooks.LoadTargets(path)
	if err != nil {
		log.note("%v", err)
		return err
	}
	var failed []error
	for _, r := range new(hooks.Notifier).SendAll(ctx, targets, hooks.Note{Refs: refs}) {
		if r.Err != nil {
			failed = append(failed, r.Err)
			log.note("%v", r.Err)
			continue
		}
		log.note("%s was told", r.URL)
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d Towns were not told: %w", len(failed), len(targets), errors.Join(failed...))
	}
	return nil
}
