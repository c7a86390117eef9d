package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"gastown/town"
	"gastown/town/config"
	"gastown/town/launch"
	"gastown/town/limits"
	"gastown/town/plugin"
	"gastown/town/strict"
)

// protocol is the version of requests and answers.
const protocol = 1

const (
	defaultMemory    = "512MB"
	defaultProcesses = 64
	// maxRetryAfter is how long a program may ask to wait before a retry, in seconds.
	maxRetryAfter = 24 * 60 * 60
	minProcesses  = 1
	maxProcesses  = 4096
)

// settings are the config of the type.
type settings struct {
	Command   []string               `yaml:"command"`
	Directory string                 `yaml:"directory"`
	Digest    string                 `yaml:"digest"`
	Serves    []string               `yaml:"serves"`
	Interval  string                 `yaml:"check_interval"`
	Schedule  string                 `yaml:"schedule"`
	Memory    string                 `yaml:"memory"`
	Processes *int                   `yaml:"processes"`
	Settings  map[string]interface{} `yaml:"settings"`
	// For a program that is a channel of notifications.
	plugin.RoutingSettings `yaml:",inline"`
}

// Type is the entry of the table of types.
func Type(r *Runner) plugin.Type {
	return plugin.Type{
		Name: plugin.Exec, Help: "a program of your own: a JSON request on stdin, a JSON answer on stdout",
		New:   func(name string) plugin.Plugin { return &program{name: name, runner: r} },
		Plain: append([]string{"command", "directory", "digest", "serves", "check_interval", "schedule", "memory", "processes"}, plugin.RoutingFields...),
	}
}

// program is a plugin of the type exec.
type program struct {
	name     string
	runner   *Runner
	of       settings
	argv     []string
	dir      string
	env      []string // variables from settings
	limits   limits.Limits
	schedule string
	routing  plugin.Routing
}

var (
	_ plugin.Serving = (*program)(nil)
	_ plugin.Timed   = (*program)(nil)
)

// Name implements plugin.Plugin.
func (p *program) Name() string { return p.name }

// Cleanup implements plugin.Plugin.
func (p *program) Cleanup() error { return nil }

// Serves implements plugin.Serving.
func (p *program) Serves() []string { return p.of.Serves }

// Routing says which alerts the program gets as a channel, and when.
func (p *program) Routing() plugin.Routing { return p.routing }

// Schedule implements plugin.Timed.
func (p *program) Schedule() string { return p.schedule }

// Init implements plugin.Plugin.
func (p *program) Init(c map[string]interface{}) error {
	s := settings{Memory: defaultMemory}
	if err := plugin.Decode(c, &s); err != nil {
		return err
	}
	p.of, p.dir = s, p.runner.Town
	var wrong []error
	add := func(err error) {
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	switch {
	case s.Directory != "" && s.Command != nil:
		add(plugin.Faultf("directory", "there is a command as well: keep one of them"))
	case s.Directory != "":
		add(p.fromDirectory(s))
	case len(s.Command) == 0:
		add(plugin.Faultf("command", `it is missing: write the program and its arguments, such as command: ["/path/to/program", "--flag"]`))
	default:
		add(checkCommand(s.Command))
		p.argv = s.Command
	}
	if s.Digest != "" && s.Directory == "" {
		add(plugin.Faultf("digest", "it is for a directory"))
	}
	for i, kind := range s.Serves {
		add(plugin.OneOf(fmt.Sprintf("serves.%d", i), kind, plugin.HealthCheck, plugin.Notification, plugin.Integration))
	}
	var err error
	p.routing, err = s.Routing()
	add(err)
	err = nil
	switch {
	case s.Interval != "" && s.Schedule != "":
		add(plugin.Faultf("schedule", "there is a check_interval as well: keep one of them"))
	case s.Interval != "":
		p.schedule, err = plugin.Every("check_interval", s.Interval)
	case s.Schedule != "":
		p.schedule, err = plugin.Cron("schedule", s.Schedule)
	case slices.Contains(s.Serves, plugin.HealthCheck) && p.schedule == "":
		p.schedule = "@every 5m"
	}
	add(err)
	p.limits = limits.Limits{CPU: 1, Processes: defaultProcesses}
	if s.Processes != nil {
		if *s.Processes < minProcesses || *s.Processes > maxProcesses {
			add(plugin.Faultf("processes", "%d is not a number from %d to %d", *s.Processes, minProcesses, maxProcesses))
		}
		p.limits.Processes = *s.Processes
	}
	// The configuration knows how sizes are written.
	sizes := config.Config{Settings: map[string]string{"polecat.max_memory": s.Memory}}
	if p.limits.Memory, err = sizes.Bytes("polecat.max_memory"); err != nil {
		add(plugin.Faultf("memory", "%q is not a size such as 512MB", town.Clip(s.Memory, 40)))
	}
	return errors.Join(wrong...)
}

// checkCommand checks the words of a command.
func checkCommand(words []string) error {
	if p := words[0]; !filepath.IsAbs(p) && strings.Contains(p, "/") || p == "" {
		return plugin.Faultf("command.0", "%q is neither an absolute path nor the name of a program in PATH", town.Clip(p, 80))
	}
	for i, w := range words {
		if strings.ContainsRune(w, 0) {
			return plugin.Faultf(fmt.Sprintf("command.%d", i), "it contains a NUL byte")
		}
	}
	return nil
}

// request is what a program reads.
type request struct {
	Version int    `json:"version"`
	Plugin  string `json:"plugin"`
	// Call is what it is called as: health-check, notification, integration or run.
	Call     string                 `json:"call"`
	Town     string                 `json:"town"`
	Settings map[string]interface{} `json:"settings"`
	Input    interface{}            `json:"input"`
}

// answer is what a program writes.
type answer struct {
	Version int             `json:"version"`
	Output  json.RawMessage `json:"output"`
	Error   string          `json:"error"`
	// Retry says that trying again may help, after RetryAfter seconds.
	Retry      bool    `json:"retry"`
	RetryAfter float64 `json:"retry_after"`
}

// Execute implements plugin.Plugin. The output is JSON, or a plugin.Finding when the
// program was called as a health check.
func (p *program) Execute(ctx context.Context, input interface{}) (interface{}, error) {
	call := "run"
	if n, ok := input.(plugin.Named); ok && n.PluginCall() != "" {
		call = n.PluginCall()
	}
	if err := p.unchanged(); err != nil {
		return nil, err
	}
	settings := p.of.Settings
	if settings == nil {
		settings = map[string]interface{}{}
	}
	text, err := json.Marshal(request{protocol, p.name, call, p.runner.Town, settings, input})
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	r, err := p.runner.run(ctx, what{name: p.name, argv: p.argv, dir: p.dir, env: append(slices.Clone(p.env), "GT_PLUGIN_CALL="+call), of: p.limits, input: append(text, '\n')})
	if err != nil {
		return nil, err
	}
	if err := r.failed(); err != nil {
		return nil, err
	}
	if p.of.Directory != "" { // a script of the public format speaks no protocol
		return json.RawMessage(quoted(string(r.answer))), nil
	}
	return r.read(call)
}

// failed is an error unless the program exited with 0.
func (r ran) failed() error {
	said := ""
	if s := strings.TrimSpace(r.stderr); s != "" {
		// Whole, because part of a secret would not be found in it. The caller bounds it.
		if said = ": " + s[strings.LastIndexByte(s, '\n')+1:]; len(said) > keptStderr {
			said = ": what it said last is too long"
		}
	}
	switch {
	case r.signal == syscall.SIGKILL, r.code == 128+int(syscall.SIGKILL):
		return fmt.Errorf("it was killed (SIGKILL), as the kernel does to a program that needs more memory than it may use%s", said)
	case r.signal != 0:
		return fmt.Errorf("signal %d (%s) ended it%s", r.signal, r.signal, said)
	case r.code == launch.ExitNotFound:
		return fmt.Errorf("its program was not found (exit %d)%s", r.code, said)
	case r.code == launch.ExitNotRunnable:
		return fmt.Errorf("its program could not be started (exit %d)%s", r.code, said)
	case r.code != 0:
		return fmt.Errorf("it exited with %d%s", r.code, said)
	}
	return nil
}

// read reads the answer to a call. No answer is a success without an output.
func (r ran) read(call string) (interface{}, error) {
	a := answer{Version: protocol}
	if err := strict.JSON(r.answer, &a); err != nil && !errors.Is(err, strict.ErrEmpty) {
		return nil, fmt.Errorf("its answer is malformed: %w", err)
	}
	switch {
	case a.Version != protocol:
		return nil, fmt.Errorf("its answer has version %d, and %d is known", a.Version, protocol)
	case a.Error != "" && a.Retry:
		return nil, &plugin.Later{Seconds: min(max(0, a.RetryAfter), maxRetryAfter), Err: errors.New(a.Error)}
	case a.Error != "":
		return nil, errors.New(a.Error)
	case call != plugin.HealthCheck:
		return a.Output, nil
	}
	var f plugin.Finding
	if err := strict.JSON(a.Output, &f); err != nil {
		return nil, fmt.Errorf("the output of its answer is not what a health check finds: %w", err)
	}
	return f, nil
}

func quoted(s string) []byte {
	text, _ := json.Marshal(s) // a string, so it cannot fail
	return text
}
