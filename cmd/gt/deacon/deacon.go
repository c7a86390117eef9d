// Package deacon is the command group gt deacon: it starts, stops, directs and
// shows the Town's daemon. The daemon itself is package gastown/deacon; serve.go
// puts it together.
package deacon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/deacon/control"
	"gastown/town"
	"gastown/town/layout"
)

// deaconPoll is the pause between two looks whether a Deacon has started or ended.
const deaconPoll = 20 * time.Millisecond

// hintTime bounds how long completion waits for the Deacon.
const hintTime = time.Second

// deaconOptions are the options of gt deacon.
type deaconOptions struct {
	call       *shell.Call
	foreground bool
	follow     bool
	lines      int
	name       string
	system     bool
	template   bool
}

// Commands adds the group to a program. All of its commands run alone: they start
// and stop the process that would otherwise run them.
func Commands(p *shell.Program) {
	g := p.Command("deacon", "The Town's daemon: owns its databases, keeps time, watches.").HelpLong(shell.Examples(
		"gt deacon start", "gt deacon status", "gt deacon logs --follow", "gt deacon run disk"))
	add := func(entry shell.Command, run func(*deaconOptions, context.Context) error, flags func(*deaconOptions, *kingpin.CmdClause)) {
		entry.Alone = true
		entry.Define = func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &deaconOptions{call: call}
			if flags != nil {
				flags(o, c)
			}
			return func(ctx context.Context) error { return run(o, ctx) }
		}
		p.Add(g, entry)
	}
	add(shell.Command{
		Name: "start", Help: "Start it; one for each Town.",
		Examples: []string{"gt deacon start", "gt deacon start --foreground     # for systemd: gt deacon unit"},
		Planes:   host.Planes, Permission: shell.MayAdminDeacon, Writes: true, EndlessWith: []string{"foreground"},
	}, (*deaconOptions).start, func(o *deaconOptions, c *kingpin.CmdClause) {
		c.Flag("foreground", "Stay, and log to standard error too.").BoolVar(&o.foreground)
	})
	add(shell.Command{
		Name: "stop", Help: "Stop it: what it is doing is finished or undone. One that does not answer gets SIGTERM, and after 10 s SIGKILL.", Examples: []string{"gt deacon stop"},
		Permission: shell.MayAdminDeacon, Writes: true, Repeatable: true,
	}, (*deaconOptions).stop, nil)
	add(shell.Command{
		Name: "restart", Help: "Stop it if it runs, and start it.", Examples: []string{"gt deacon restart"},
		Planes: host.Planes, Permission: shell.MayAdminDeacon, Writes: true, Repeatable: true,
	}, (*deaconOptions).restart, nil)
	add(shell.Command{
		Name: "reload", Help: "Have it read the configuration and deacon/schedule.yaml anew (SIGHUP does so, too).",
		Examples: []string{"gt deacon reload"}, Permission: shell.MayAdminDeacon, Writes: true, Repeatable: true,
	}, (*deaconOptions).reload, nil)
	add(shell.Command{
		Name: "status", Help: "Tell how it is, and how every job and check went.",
		Examples: []string{"gt deacon status", "gt deacon status --json"}, Permission: shell.MayReadDeacon, Repeatable: true,
	}, (*deaconOptions).status, nil)
	add(shell.Command{
		Name: "logs", Help: "Show its log.",
		Examples:   []string{"gt deacon logs", "gt deacon logs -f -n 0", "gt deacon logs --json | jq .msg"},
		Permission: shell.MayReadDeacon, Repeatable: true, EndlessWith: []string{"follow"},
	}, (*deaconOptions).logs, func(o *deaconOptions, c *kingpin.CmdClause) {
		c.Flag("follow", "Go on with what is added, until interrupted.").Short('f').BoolVar(&o.follow)
		shell.Number(c.Flag("lines", "How many of the last lines to show.").Short('n').Default("50"), &o.lines)
	})
	add(shell.Command{
		Name: "run", Help: "Run a check or a job now, and tell how it went.",
		Examples:   []string{"gt deacon run disk", "gt deacon run federation-sync", "gt deacon run gc"},
		Permission: shell.MayAdminDeacon, Writes: true,
	}, (*deaconOptions).run, func(o *deaconOptions, c *kingpin.CmdClause) {
		c.Arg("check", "Its name; gt deacon status lists them.").Required().PlaceHolder("CHECK").HintAction(hintRuns(o)).StringVar(&o.name)
	})
	add(shell.Command{
		Name: "unit", Help: "Print a systemd service that runs it.",
		Examples: []string{
			"gt deacon unit > ~/.config/systemd/user/gt-deacon.service", "gt deacon unit --system | sudo tee /etc/systemd/system/gt-deacon.service",
			"gt deacon unit --template > ~/.config/systemd/user/gt-deacon@.service",
		},
		Permission: shell.MayReadDeacon, Repeatable: true,
	}, (*deaconOptions).unit, func(o *deaconOptions, c *kingpin.CmdClause) {
		c.Flag("system", "For the system's service manager rather than the user's own.").BoolVar(&o.system)
		c.Flag("template", "For any Town: gt-deacon@.service, whose instance is the Town's path as systemd-escape --path prints it.").BoolVar(&o.template)
	})
}

// client connects to the Deacon of the Town.
func (o *deaconOptions) client() (layout.Town, *control.Client, error) {
	t, err := o.call.FindTown()
	if err != nil {
		return t, nil, err
	}
	return t, control.NewClient(t.ControlSocket()), nil
}

// reach connects to a Deacon that answers; see host.Reach.
func (o *deaconOptions) reach(ctx context.Context, op string) (*control.Client, control.Status, error) {
	t, err := o.call.FindTown()
	if err != nil {
		return nil, control.Status{}, err
	}
	return host.Reach(ctx, t, op)
}

// reload has the Deacon read the configuration and the schedule anew.
func (o *deaconOptions) reload(ctx context.Context) error {
	client, _, err := o.reach(ctx, "reload the Deacon's configuration")
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, o.call.Wait)
	defer cancel()
	if err := client.Reload(ctx); err != nil {
		return err
	}
	return o.call.Summary(struct {
		Reloaded bool `json:"reloaded"`
	}{true}, func(p *term.Printer) { p.Line("the Deacon has read its configuration and schedule") })
}

func (o *deaconOptions) run(ctx context.Context) error {
	client, _, err := o.reach(ctx, "run "+town.Clip(o.name, 64))
	if err != nil {
		return err
	}
	defer client.Close()
	o.call.Progress().Wait("the Deacon runs " + o.name)
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
	err = o.call.Show(out, func(p *term.Printer) {
		for _, c := range out.Checks {
			printCheck(p, c, len(c.Name))
		}
		for _, r := range out.Runs {
			note := r.Note
			if note == "" && r.Outcome == "ok" {
				note = "nothing to do"
			}
			p.Line("%s: %s in %s %s", r.Job, r.Outcome, seconds(r.Took), note)
		}
	})
	return errors.Join(failed, err)
}

// hintRuns completes names of checks and jobs.
func hintRuns(o *deaconOptions) kingpin.HintAction {
	return func() (names []string) {
		_, client, err := o.client()
		if err != nil {
			return nil
		}
		defer client.Close()
		ctx, cancel := context.WithTimeout(context.Background(), hintTime)
		defer cancel()
		s, err := client.Status(ctx)
		if err != nil {
			return nil
		}
		for _, c := range s.Checks {
			names = append(names, c.Name)
		}
		for _, j := range s.Jobs {
			names = append(names, j.Name)
		}
		return names
	}
}

// seconds formats a duration in seconds.
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
