package commands

import (
	"context"
	"fmt"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"gastown/deacon/check"
	"gastown/deacon/guard"
	"gastown/deacon/invocation"
	"gastown/deacon/part"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/socket"
)

const (
	// maxGT is how many commands of gt run at once. bd.max_concurrent bounds bd.
	maxGT = 32
	// maxForeignCommands is how many commands of other users run at once; see Foreign.
	maxForeignCommands = 8
	// stopTime is how long commands have to end when the Deacon stops. What the
	// Deacon stops after them needs the rest of its time.
	stopTime = 1500 * time.Millisecond
)

// Host is what the part needs of the Deacon.
type Host interface {
	Layout() layout.Town
	Config() *config.Config
	Log() logrus.FieldLogger
	// Prepare understands a call; see Options.Prepare.
	Prepare(Call) Command
	// Refused counts, by reason, a connection that was not served.
	Refused(listener, reason string)
}

// Foreign is the class of the commands of other users.
const Foreign = "foreign"

// Listener is the name under which connections that were not served are counted.
const Listener = "commands"

// Part is the Server as a part of the Deacon, on the Town's command socket. It
// implements the interfaces of package part that the assertions below name.
type Part struct {
	host   Host
	server *Server // nil until it starts
	socket *socket.Listener

	ran                *prometheus.CounterVec
	took               *prometheus.HistogramVec
	spent, waited      *prometheus.CounterVec
	running, abandoned prometheus.Collector
}

var (
	_ part.Starter  = (*Part)(nil)
	_ part.Stopper  = (*Part)(nil)
	_ part.Failing  = (*Part)(nil)
	_ part.Checked  = (*Part)(nil)
	_ part.Measured = (*Part)(nil)
	_ part.Reloaded = (*Part)(nil)
	_ part.Renewed  = (*Part)(nil)
)

// NewPart returns the part.
func NewPart(h Host) *Part {
	p := &Part{
		host: h,
		ran: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gt_commands_total", Help: "Commands that ended in the Deacon, by exit code."}, []string{"command", "code"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gt_command_duration_seconds", Help: "Time that commands in the Deacon took, without waiting for their place.",
			Buckets: part.Seconds}, []string{"program"}),
		spent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gt_command_seconds_total", Help: "Time that a command took in the Deacon, without waiting for its place."}, []string{"command"}),
		waited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gt_command_wait_seconds_total", Help: "Time that commands waited for their place in the Deacon."}, []string{"program"}),
	}
	p.running = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "gt_commands_running", Help: "Commands that are under way in the Deacon."},
		func() float64 { return float64(p.count((*Server).Running)) })
	p.abandoned = prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "gt_commands_abandoned_total", Help: "Commands that did not end when they were told to."},
		func() float64 { return float64(p.count((*Server).Abandoned)) })
	return p
}

func (p *Part) count(of func(*Server) int) int {
	if p.server == nil {
		return 0
	}
	return of(p.server)
}

// Name implements part.Part.
func (p *Part) Name() string { return "commands" }

// Metrics implements part.Measured.
func (p *Part) Metrics() []prometheus.Collector {
	return []prometheus.Collector{p.ran, p.took, p.spent, p.waited, p.running, p.abandoned}
}

// Start implements part.Starter: it listens on the command socket.
func (p *Part) Start(context.Context) error {
	self, err := invocation.Identify("/proc/self/exe") // a link to the running program, also when its file was replaced
	if err != nil {
		return fmt.Errorf("identify the Deacon's own program: %w", err)
	}
	l, foreign, err := p.listen()
	if err != nil {
		return err
	}
	p.socket = l
	p.server = Serve(l, Options{
		Root: p.host.Layout().Root, Engine: self, Prepare: p.host.Prepare, Log: p.host.Log(), Limits: limits(p.host.Config()),
		Foreign: foreign,
		Done:    p.done,
		Refused: func(reason string) { p.host.Refused(Listener, reason) },
	})
	return nil
}

// listen listens for the Town's owner or, with deacon.group, also for the users of that
// group, whom it lets through the directories on the way to the socket.
func (p *Part) listen() (l *socket.Listener, foreign bool, err error) {
	t, name := p.host.Layout(), part.Text(p.host.Config(), "deacon.group")
	way := []string{t.Root, t.Private(), t.Deacon()}
	if name == "" {
		if err := guard.Admit(guard.NoGroup, way...); err != nil {
			return nil, false, err
		}
		l, err = guard.ListenUnix(t.CommandSocket())
		return l, false, err
	}
	group, err := user.LookupGroup(name)
	if err != nil {
		return nil, false, town.Fail("let the group "+town.Typed(name)+" use the Town", "gt config deacon.group NAME, with a group that getent group shows", "%w", err)
	}
	id, err := strconv.Atoi(group.Gid)
	if err == nil {
		err = guard.Admit(id, way...)
	}
	if err == nil {
		l, err = guard.ListenGroup(t.CommandSocket(), id)
	}
	return l, true, err
}

func (p *Part) done(name string, code int, waited, took time.Duration) {
	program, _, _ := strings.Cut(name, " ")
	p.ran.WithLabelValues(name, strconv.Itoa(code)).Inc()
	p.took.WithLabelValues(program).Observe(took.Seconds())
	p.spent.WithLabelValues(name).Add(took.Seconds())
	p.waited.WithLabelValues(program).Add(waited.Seconds())
}

// Stop implements part.Stopper: it cancels the commands under way and removes the
// socket.
func (p *Part) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	return p.server.Close(ctx)
}

// Renew implements part.Renewed.
func (p *Part) Renew() error {
	renewed, err := p.socket.Renew()
	if renewed {
		p.host.Log().Warn("somebody removed the Deacon's command socket; it was put back")
	}
	return err
}

// Failed implements part.Failing.
func (p *Part) Failed() <-chan error { return p.server.Failed() }

// Reload implements part.Reloaded.
func (p *Part) Reload(_, now *config.Config) { p.server.SetLimits(limits(now)) }

func limits(cfg *config.Config) Limits {
	return Limits{
		Concurrent: map[string]int{"bd": part.Int(cfg, "bd.max_concurrent"), "gt": maxGT, Foreign: maxForeignCommands},
		Rate:       part.Int(cfg, "rate.requests_per_second"), Burst: part.Int(cfg, "rate.burst_size"),
	}
}

// Checks implements part.Checked. A command that was abandoned uses memory and a
// place among the commands until the Deacon ends.
func (p *Part) Checks(*config.Config) []check.Check {
	return []check.Check{{
		Name: "commands", Help: "commands that run in the Deacon end when they are told to",
		Run: func(context.Context) (check.Result, error) {
			out := check.Result{
				State: check.Healthy, Threshold: "no command that does not end",
				Figure: fmt.Sprintf("%d running", p.count((*Server).Running)),
			}
			if n := p.count((*Server).Abandoned); n > 0 {
				out.State = check.Warning
				out.Figure += fmt.Sprintf(", %d did not end when told to", n)
				out.Next = "gt deacon restart ends them; gt deacon logs names them"
			}
			return out, nil
		},
	}}
}
