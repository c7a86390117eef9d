package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/deacon"
	"gastown/deacon/control"
	"gastown/town"
	"gastown/town/layout"
)

// deaconPoll is how often a command looks whether a Deacon has come or gone.
const deaconPoll = 20 * time.Millisecond

// deaconOptions are those of gt deacon.
type deaconOptions struct {
	app        *App
	foreground bool
	follow     bool
	lines      int
	name       string
	system     bool
}

func (a *App) configureDeacon(p *kingpin.Application) {
	g := p.Command("deacon", "The Town's daemon: owns its databases, keeps time, watches.").HelpLong(examples(
		"gt deacon start", "gt deacon status", "gt deacon logs --follow", "gt deacon run disk"))
	add := func(name, help, text string, run func(*deaconOptions, context.Context) error) (*kingpin.CmdClause, *deaconOptions) {
		o := &deaconOptions{app: a}
		return a.add(g, name, help, text, func(ctx context.Context) error { return run(o, ctx) }), o
	}
	c, o := add("start", "Start it; one for each Town.",
		examples("gt deacon start", "gt deacon start --foreground     # for systemd: gt deacon unit"), (*deaconOptions).start)
	c.Flag("foreground", "Stay, and log to standard error too.").BoolVar(&o.foreground)
	add("stop", "Stop it. What it is doing is finished or undone.", examples("gt deacon stop"), (*deaconOptions).stop)
	add("restart", "Stop it if it runs, and start it.", examples("gt deacon restart"), (*deaconOptions).restart)
	add("reload", "Have it read the configuration and deacon/schedule.yaml anew (SIGHUP does so, too).",
		examples("gt deacon reload"), (*deaconOptions).reload)
	add("status", "Tell how it is, and how every job and check went.",
		examples("gt deacon status", "gt deacon status --json"), (*deaconOptions).status)
	c, o = add("logs", "Show its log.", examples("gt deacon logs", "gt deacon logs -f -n 0", "gt deacon logs --json | jq .msg"), (*deaconOptions).logs)
	c.Flag("follow", "Go on with what is added, until interrupted.").Short('f').BoolVar(&o.follow)
	c.Flag("lines", "How many of the last lines to show.").Short('n').Default("50").IntVar(&o.lines)
	c, o = add("run", "Run a check or a job now, and tell how it went.",
		examples("gt deacon run disk", "gt deacon run federation-sync", "gt deacon run gc"), (*deaconOptions).run)
	c.Arg("check", "Its name; gt deacon status lists them.").Required().PlaceHolder("CHECK").HintAction(a.hintRuns).StringVar(&o.name)
	c, o = add("unit", "Print a systemd service that runs it.",
		examples("gt deacon unit > ~/.config/systemd/user/gt-deacon.service", "gt deacon unit --system | sudo tee /etc/systemd/system/gt-deacon.service"),
		(*deaconOptions).unit)
	c.Flag("system", "For the system's service manager rather than the user's own.").BoolVar(&o.system)
}

// deacon is a client of the Deacon of the Town a command works on.
func (a *App) deacon() (layout.Town, *control.Client, error) {
	t, err := a.find()
	if err != nil {
		return t, nil, err
	}
	return t, control.NewClient(t.ControlSocket()), nil
}

// reload has both files read anew.
func (o *deaconOptions) reload(ctx context.Context) error {
	_, client, err := o.app.deacon()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, o.app.Wait)
	defer cancel()
	if err := client.Reload(ctx); err != nil {
		return err
	}
	return o.app.summary(struct {
		Reloaded bool `json:"reloaded"`
	}{true}, func(p *printer) { p.line("the Deacon has read its configuration and schedule") })
}

// stopped is what gt deacon stop did.
type stopped struct {
	// Stopped is false when there was nothing to stop.
	Stopped bool `json:"stopped"`
}

func (o *deaconOptions) stop(ctx context.Context) error {
	did, err := o.end(ctx)
	if err != nil {
		return err
	}
	return o.app.summary(stopped{did}, func(p *printer) {
		if did {
			p.line("the Deacon has stopped")
		} else {
			p.line("no Deacon runs in this Town")
		}
	})
}

// end asks the Deacon to stop and waits until it is gone; did is false when
// none was there. One that is still starting is waited for.
func (o *deaconOptions) end(ctx context.Context) (did bool, err error) {
	t, client, err := o.app.deacon()
	if err != nil {
		return false, err
	}
	defer client.Close()
	waiting, cancel := context.WithTimeout(ctx, o.app.Wait)
	defer cancel()
	for asked := false; ; {
		who, held, err := deacon.Holder(t)
		if err != nil || !held {
			return did, err
		}
		did = true
		if !asked {
			switch err := client.Stop(waiting); {
			case err == nil:
				asked = true
			case !errors.Is(err, control.ErrNoDeacon) && waiting.Err() == nil:
				return did, err
			}
		}
		select {
		case <-ctx.Done():
			return did, ctx.Err()
		case <-waiting.Done():
			return did, town.Fail("stop the Deacon", "gt deacon logs shows what it waits for",
				"%w: %s does not end (waited %s)", town.ErrBusy, who, o.app.Wait)
		case <-time.After(deaconPoll):
		}
	}
}

// ran is for printing what gt deacon run found.
func (o *deaconOptions) run(ctx context.Context) error {
	_, client, err := o.app.deacon()
	if err != nil {
		return err
	}
	defer client.Close()
	out, err := client.Run(ctx, o.name)
	if err != nil {
		return err
	}
	var failed error
	for _, c := range out.Checks {
		if c.State == "critical" {
			failed = errors.Join(failed, town.Fail("check "+c.Name, c.Next, "it is critical: %s", c.Figure))
		}
	}
	for _, r := range out.Runs {
		if r.Outcome != "ok" {
			failed = errors.Join(failed, town.Fail("run "+r.Job, r.Next, "%s: %s", r.Outcome, r.Error))
		}
	}
	err = o.app.show(out, func(p *printer) {
		for _, c := range out.Checks {
			o.app.sayCheck(p, c)
		}
		for _, r := range out.Runs {
			note := r.Note
			if note == "" && r.Outcome == "ok" {
				note = "nothing to do"
			}
			p.line("%s: %s in %s %s", r.Job, r.Outcome, seconds(r.Took), note)
		}
	})
	return errors.Join(failed, err)
}

// hintRuns completes names of checks and jobs.
func (a *App) hintRuns() []string {
	_, client, err := a.deacon()
	if err != nil {
		return nil
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s, err := client.Status(ctx)
	if err != nil {
		return nil
	}
	var all []string
	for _, c := range s.Checks {
		all = append(all, c.Name)
	}
	for _, j := range s.Jobs {
		all = append(all, j.Name)
	}
	return all
}

// seconds words a duration for people.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Minute:
		return d.Round(time.Millisecond).String()
	}
	return fmt.Sprint(d.Round(time.Second))
}
