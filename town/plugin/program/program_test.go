package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/town"
	"gastown/town/launch"
	"gastown/town/limits"
	"gastown/town/plugin"
	"gastown/town/process"
)

// The test's own program is the launcher.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == launch.Flag {
		code, err := launch.Main(os.Args[2])
		fmt.Fprintln(os.Stderr, err)
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// a Town with one plugin of the type exec.
type bench struct {
	*testing.T
	dir    string
	runner *Runner
}

func newBench(t *testing.T) *bench {
	dir := t.TempDir()
	return &bench{t, dir, &Runner{Base: append(os.Environ(), "OF_THE_DEACON=1"), Town: dir, Dir: filepath.Join(dir, "run"), Grace: 200 * time.Millisecond}}
}

func (b *bench) init(config map[string]interface{}) (*program, error) {
	p, _ := Type(b.runner).New("x").(*program)
	return p, p.Init(config)
}

// sh makes a plugin of a script that a shell runs.
func (b *bench) sh(script string, more map[string]interface{}) *program {
	b.Helper()
	config := map[string]interface{}{"command": []interface{}{"sh", "-c", script}}
	for k, v := range more {
		config[k] = v
	}
	p, err := b.init(config)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestTheProtocol(t *testing.T) {
	b := newBench(t)
	settings := map[string]interface{}{"settings": map[string]interface{}{"token": "s3cret"}}
	out, err := b.sh(`read line; printf '{"version":1,"output":%s}' "$line"; echo "$OF_THE_DEACON$GT_PLUGIN_CALL" >&2`, settings).Execute(t.Context(), plugin.Tick{As: plugin.Notification})
	if err != nil {
		t.Fatal(err)
	}
	var r request
	if err := json.Unmarshal(out.(json.RawMessage), &r); err != nil || r.Version != 1 || r.Plugin != "x" || r.Call != plugin.Notification || r.Town != b.dir || r.Settings["token"] != "s3cret" {
		t.Errorf("%s, %v", out, err)
	}
	for script, want := range map[string]string{
		"": "", "true": "", `echo '{"version":1}'`: "",
		`echo '{"version":2}'`:                   "version 2",
		`echo '{"version":1,"outptu":1}'`:        "outptu",
		`echo 'hello'`:                           "malformed",
		`echo '{"version":1,"error":"no room"}'`: "no room",
		`echo reason >&2; exit 3`:                "exited with 3: reason",
		`exit 137`:                               "SIGKILL",
		`kill -9 $$`:                             "SIGKILL",
		`kill -15 $$`:                            "signal 15",
		`test -z "$OF_THE_DEACON" || exit 9`:     "",
	} {
		_, err := b.sh(script, nil).Execute(t.Context(), nil)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", script, err, want)
		}
	}
	for after, want := range map[string]float64{"7": 7, "-7": 0, "1e300": maxRetryAfter} {
		_, err = b.sh(`echo '{"version":1,"error":"later","retry":true,"retry_after":`+after+`}'`, nil).Execute(t.Context(), nil)
		if l, ok := errors.AsType[*plugin.Later](err); !ok || l.Seconds != want {
			t.Errorf("after %s: %+v, %v", after, l, err)
		}
	}
	p, err := b.init(map[string]interface{}{"command": []interface{}{"no-such-program"}})
	if err == nil {
		_, err = p.Execute(t.Context(), nil)
	}
	if !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a program that is not there: %v", err)
	}
}

func TestHealth(t *testing.T) {
	b := newBench(t)
	p := b.sh(`echo '{"version":1,"output":{"state":"warning","figure":"7 rows","next":"look"}}'`, map[string]interface{}{"serves": []interface{}{"health-check"}})
	out, err := p.Execute(t.Context(), plugin.Tick{As: plugin.HealthCheck})
	if f, ok := out.(plugin.Finding); err != nil || !ok || f.State != "warning" || f.Figure != "7 rows" || p.Schedule() != "@every 5m" {
		t.Errorf("%+v, %v, %q", out, err, p.Schedule())
	}
	for _, script := range []string{"true", `echo '{"version":1,"output":[]}'`, `echo '{"version":1,"output":{"stat":1}}'`} {
		if _, err := b.sh(script, nil).Execute(t.Context(), plugin.Tick{As: plugin.HealthCheck}); err == nil {
			t.Errorf("%s is a finding", script)
		}
	}
}

// A program that never ends, prints without end, or leaves processes behind ends with its
// call, and so does all that it started.
func TestGreedyPrograms(t *testing.T) {
	b := newBench(t)
	pidfile := filepath.Join(b.dir, "pid")
	began := time.Now()
	for name, v := range map[string]struct {
		script string
		want   error
	}{
		"hangs":                 {"trap '' TERM; echo $$ >" + pidfile + "; while :; do sleep 0.1; done", context.DeadlineExceeded},
		"prints a gigabyte":     {"echo $$ >" + pidfile + "; head -c 1000000000 /dev/zero", plugin.ErrOutput},
		"complains a gigabyte":  {"echo $$ >" + pidfile + "; head -c 1000000000 /dev/zero >&2", plugin.ErrOutput},
		"leaves a daemon":       {"setsid sh -c 'echo $$ >" + pidfile + "; sleep 1000' & while ! test -s " + pidfile + "; do sleep 0.01; done", nil},
		"a daemon holds stdout": {"(setsid sleep 1000 & echo $! >" + pidfile + ")", nil},
	} {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove(pidfile)
			limit := 10 * time.Minute
			if v.want == context.DeadlineExceeded {
				limit = time.Second
			}
			var text []byte
			for ; len(text) == 0 && limit < time.Hour; limit *= 2 { // on a busy machine a second is too short to begin
				_, err := b.sh(v.script, nil).Execute(within(t, limit), nil)
				if !errors.Is(err, v.want) {
					t.Errorf("%v, want %v", err, v.want)
				}
				text, _ = os.ReadFile(pidfile)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil || process.Alive(pid) {
				t.Errorf("process %d is left (%v)", pid, err)
			}
		})
	}
	if took := time.Since(began); took > 10*time.Minute {
		t.Errorf("it took %s", took)
	}
}

// A program that takes all memory, or forks without end, ends itself and nobody else.
func TestLimits(t *testing.T) {
	if f := (limits.Host{Env: os.Environ()}).Find(); f.Kind != limits.V1 && f.Kind != limits.V2 {
		t.Skipf("this machine offers %s", f.Kind)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	b.runner.Launcher = []string{self}
	b.runner.Limiter = &limits.Limiter{Host: limits.Host{Env: os.Environ()}, Dir: b.runner.Dir, Town: "plug" + strconv.Itoa(os.Getpid())}
	small := map[string]interface{}{"memory": "64MB", "processes": 20}
	for script, want := range map[string]string{
		"head -c 8000000000 /dev/zero | tail >/dev/null; exit $?":                         "SIGKILL",
		"i=0; while [ $i -lt 200 ]; do sleep 30 >/dev/null 2>&1 & i=$((i+1)); done; wait": "ork",
		`echo '{"version":1,"output":1}'`:                                                 "",
	} {
		_, err := b.sh(script, small).Execute(within(t, 10*time.Minute), nil)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", script, err, want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(b.runner.Dir, "*")); err != nil || len(left) != 0 {
		t.Errorf("%v is left (%v)", left, err)
	}
}

func TestInit(t *testing.T) {
	b := newBench(t)
	list := func(w ...interface{}) []interface{} { return w }
	ok := list("sh", "-c", "true")
	for _, v := range []struct {
		config map[string]interface{}
		want   string
	}{
		{nil, "command: it is missing"},
		{map[string]interface{}{"command": "sh -c true"}, "command: a value of the wrong kind"},
		{map[string]interface{}{"command": list()}, "command: it is missing"},
		{map[string]interface{}{"command": list("./x")}, "command.0: "},
		{map[string]interface{}{"command": list("x\x00")}, "command.0: "},
		{map[string]interface{}{"comand": ok}, `there is no field "comand": did you mean command?`},
		{map[string]interface{}{"command": ok, "serves": list("alerts")}, "serves.0: "},
		{map[string]interface{}{"command": ok, "severity": list("warning", "eror")}, `severity.1: "eror" is none of warning, error, critical; did you mean error?`},
		{map[string]interface{}{"command": ok, "check_interval": "5"}, "check_interval: "},
		{map[string]interface{}{"command": ok, "check_interval": "1s"}, "check_interval: "},
		{map[string]interface{}{"command": ok, "schedule": "* * *"}, "schedule: "},
		{map[string]interface{}{"command": ok, "schedule": "0 0 30 2 *"}, "never due"},
		{map[string]interface{}{"command": ok, "schedule": "0 9 * * *", "check_interval": "5m"}, "schedule: there is a check_interval"},
		{map[string]interface{}{"command": ok, "memory": "much"}, "memory: "},
		{map[string]interface{}{"command": ok, "processes": 0}, "processes: "},
		{map[string]interface{}{"command": ok, "processes": "x"}, "processes: a value of the wrong kind"},
		{map[string]interface{}{"command": ok, "settings": 7}, "settings: a value of the wrong kind"},
		{map[string]interface{}{"command": ok, "directory": "plugins/a"}, "directory: there is a command as well"},
		{map[string]interface{}{"command": ok, "digest": "x"}, "digest: "},
		{map[string]interface{}{"directory": "../a"}, "directory: "},
		{map[string]interface{}{"directory": "plugins/none"}, "directory: there is no plugins/none"},
	} {
		_, err := b.init(v.config)
		if err == nil || !strings.Contains(err.Error(), v.want) {
			t.Errorf("%v: %v, want %s", v.config, err, v.want)
		}
	}
	p, err := b.init(map[string]interface{}{"command": ok, "schedule": "0 9 * * 1", "memory": "1GB", "processes": 3, "serves": list("notification")})
	if err != nil || p.Schedule() != "0 9 * * 1" || p.limits.Memory != 1<<30 || p.limits.Processes != 3 || len(p.Serves()) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}

const manual = `+++
name = "tidy"
description = "Tidies up"
version = 1

[gate]
type = "cooldown"
duration = "30m"

[tracking]
labels = ["plugin:tidy"]
digest = true

[execution]
timeout = "60s"
notify_on_failure = true
severity = "high"
+++

# Tidy
`

func (b *bench) directory(files map[string]string) Bundle {
	b.Helper()
	for name, text := range files {
		path := filepath.Join(b.dir, "plugins", "tidy", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	bundle, err := ReadBundle(filepath.Join(b.dir, "plugins", "tidy"))
	if err != nil {
		b.Fatal(err)
	}
	return bundle
}

// A plugin in the public form runs as its gate says, and only as long as it is the one
// that was enabled.
func TestADirectory(t *testing.T) {
	b := newBench(t)
	bundle := b.directory(map[string]string{"plugin.md": manual, "run.sh": `echo "$PWD $KEY $GT_ROOT"; . lib/more.sh`, "lib/more.sh": "echo more; . lib/.most.sh", "lib/.most.sh": "echo most", ".git/x": "versions"})
	if len(bundle.Files) != 4 || bundle.Name != "tidy" || bundle.Description != "Tidies up" {
		t.Errorf("%+v", bundle)
	}
	config := map[string]interface{}{"directory": "plugins/tidy", "settings": map[string]interface{}{"KEY": "value"}}
	if _, err := b.init(config); err == nil || !strings.Contains(err.Error(), "digest: it is missing: gt plugin enable x") {
		t.Errorf("without a digest: %v", err)
	}
	config["digest"] = bundle.Digest
	p, err := b.init(config)
	if err != nil || p.Schedule() != "@every 30m0s" {
		t.Fatalf("%v, %q", err, p.Schedule())
	}
	out, err := p.Execute(t.Context(), plugin.Tick{})
	var text string
	if raw, ok := out.(json.RawMessage); err != nil || !ok || json.Unmarshal(raw, &text) != nil || text != filepath.Join(b.dir, "plugins", "tidy")+" value "+b.dir+"\nmore\nmost\n" {
		t.Errorf("%s, %v", out, err)
	}
	b.directory(map[string]string{".git/x": "a later version"})
	if _, err := p.Execute(t.Context(), plugin.Tick{}); err != nil {
		t.Errorf("only .git changed: %v", err)
	}
	for _, c := range [][2]string{{"lib/more.sh", "echo more; . lib/.most.sh"}, {"lib/.most.sh", "echo most"}, {".bashrc", ""}} {
		if _, err := p.Execute(t.Context(), plugin.Tick{}); err != nil {
			t.Errorf("before %s changed: %v", c[0], err)
		}
		b.directory(map[string]string{c[0]: "echo other"})
		if _, err := p.Execute(t.Context(), plugin.Tick{}); err == nil || !strings.Contains(err.Error(), "gt plugin enable x") {
			t.Errorf("%s changed: %v", c[0], err)
		}
		if c[1] != "" {
			b.directory(map[string]string{c[0]: c[1]})
		}
	}
	if _, err := b.init(config); err == nil || len(errFaults(err)) != 0 {
		t.Errorf("a start with files that changed: %v", err)
	}
}

func errFaults(err error) (all []*plugin.Fault) {
	if f, ok := errors.AsType[*plugin.Fault](err); ok {
		all = append(all, f)
	}
	return all
}

func TestFrontMatter(t *testing.T) {
	for _, v := range []struct{ old, now, when, want string }{
		{"", "", "@every 30m0s", ""},
		{`type = "cooldown"` + "\n" + `duration = "30m"`, `type = "cron"` + "\n" + `schedule = "0 9 * * *"`, "0 9 * * *", ""},
		{`type = "cooldown"`, `type = "manual"`, "", ""},
		{`type = "cooldown"`, `type = "event"`, "", "event"},
		{`type = "cooldown"`, `type = "condition"`, "", "condition"},
		{`"30m"`, `"soon"`, "", "gate.duration"},
		{`"60s"`, `"long"`, "", "timeout"},
		{"[execution]", "[execution]\ntype = \"agent\"", "", "agent"},
		{"[gate]", "[gates]", "", "gates"},
		{`name = "tidy"`, `name = "a/b"`, "", "cannot name a plugin"},
		{`name = "tidy"`, "", "", "no name"},
		{"+++", "---", "", "front matter"},
	} {
		b, err := NewBundle(map[string][]byte{Script: nil, Manual: []byte(strings.Replace(manual, v.old, v.now, 1))})
		if (v.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), v.want) {
			t.Errorf("%s: %v, want %q", v.now, err, v.want)
		}
		if when, _ := b.When(); err == nil && when != v.when {
			t.Errorf("%s: %q", v.now, when)
		}
	}
	if _, err := NewBundle(map[string][]byte{Manual: []byte(manual)}); err == nil || !strings.Contains(err.Error(), "no run.sh") {
		t.Error(err)
	}
}

func TestFromDocument(t *testing.T) {
	const block = "\n```bash run.sh\necho hello\n```\n"
	b, err := FromDocument([]byte(manual + "```bash\nother\n```\n" + block + "more\n"))
	if err != nil || string(b.Files[Script]) != "echo hello\n" || b.Name != "tidy" || b.Digest == "" {
		t.Errorf("%+v, %v", b, err)
	}
	for _, text := range []string{"", manual, manual + "\n```bash run.sh\necho", manual + block + block, block} {
		if _, err := FromDocument([]byte(text)); err == nil {
			t.Errorf("%q is a bundle", text)
		}
	}
}

// The examples of docs/plugins.md work as they stand there.
func TestTheExamples(t *testing.T) {
	page, err := os.ReadFile("../../../docs/plugins.md")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	for language, program := range map[string]string{"sh": "sh", "python": "python3"} {
		_, text, ok := strings.Cut(string(page), "```"+language+"\n#!")
		text, _, closed := strings.Cut(text, "```")
		if !ok || !closed {
			t.Errorf("no example in %s", language)
			continue
		}
		if _, err := exec.LookPath(program); err != nil {
			t.Logf("no %s here", program)
			continue
		}
		path := filepath.Join(b.dir, "example."+language)
		if err := os.WriteFile(path, []byte("#!"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		p, err := b.init(map[string]interface{}{"command": []interface{}{path}, "serves": []interface{}{plugin.HealthCheck, plugin.Notification},
			"settings": map[string]interface{}{"file": filepath.Join(b.dir, "told"), "most": 3}})
		if err != nil {
			t.Fatal(err)
		}
		if language == "sh" {
			out, err := p.Execute(t.Context(), plugin.Tick{As: plugin.HealthCheck})
			if f, ok := out.(plugin.Finding); !ok || err != nil || f.Figure == "" || f.State == "" {
				t.Errorf("%s: %+v, %v", language, out, err)
			}
			continue
		}
		if _, err := p.Execute(t.Context(), message{"three polecats are stuck"}); err != nil {
			t.Errorf("%s: %v", language, err)
		}
		if told, err := os.ReadFile(filepath.Join(b.dir, "told")); err != nil || !strings.Contains(string(told), "three polecats are stuck") {
			t.Errorf("%s: told %q, %v", language, told, err)
		}
	}
}

type message struct {
	Summary string `json:"summary"`
}

func (message) PluginCall() string { return plugin.Notification }

// The type works in a set, with secrets in its settings and none in its arguments.
func TestInASet(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(b.dir, "plugins.yaml")
	s := plugin.NewSet(plugin.Options{Path: path, Types: plugin.Types{Type(b.runner)}, Log: logrus.StandardLogger(), Now: time.Now})
	write := func(command string) error {
		t.Helper()
		if err := os.WriteFile(path, []byte("plugins:\n  - name: x\n    type: exec\n    enabled: true\n    config:\n      command: "+command+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return s.Load(t.Context())
	}
	if err := write(`[echo, "${TOKEN}"]`); !errors.Is(err, town.ErrUsage) || !strings.Contains(err.Error(), "line 6: no secret may stand in command") {
		t.Error(err)
	}
	if err := write(`[sh, -c, "exit 1"]`); err != nil {
		t.Fatal(err)
	}
	i, ok := s.Plugin("x")
	if !ok {
		t.Fatal("not in force")
	}
	if _, err := i.Execute(t.Context(), nil); err == nil || err.Error() != "the plugin x: it exited with 1" {
		t.Error(err)
	}
	// One that has to be killed, with what it started, is late and not stuck.
	b.runner.Grace = 0
	text := "plugins:\n  - name: x\n    type: exec\n    enabled: true\n    timeout: 1s\n    config:\n      command: [sh, -c, \"trap '' TERM HUP; setsid sleep 1000 & while :; do sleep 0.1; done\"]\n"
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), s.Load(t.Context())); err != nil {
		t.Fatal(err)
	}
	i, _ = s.Plugin("x")
	var err error
	for range 5 { // a busy machine may take longer to kill it than a call may take to return
		if _, err = i.Execute(t.Context(), nil); !errors.Is(err, plugin.ErrStuck) {
			break
		}
	}
	if !errors.Is(err, plugin.ErrLate) || errors.Is(err, plugin.ErrStuck) || i.Did().Stuck != 0 {
		t.Errorf("a stubborn program: %v, %+v", err, i.Did())
	}
}

// A program that is a channel says when it gets messages, as every channel does.
func TestRouting(t *testing.T) {
	b := newBench(t)
	p := b.sh("true", map[string]interface{}{
		"serves": []interface{}{"notification"}, "severity": []interface{}{"critical"}, "group_wait": "0s", "group_interval": "2s", "repeat_interval": "1h", "send_resolved": false,
	})
	if r := p.Routing(); len(r.Severities) != 1 || r.Wait != time.Nanosecond || r.Interval != 2*time.Second || r.Repeat != time.Hour || !r.Quiet {
		t.Errorf("%+v", r)
	}
	if r := b.sh("true", nil).Routing(); r.Severities != nil || r.Wait != 0 || r.Quiet {
		t.Errorf("%+v", r)
	}
	for field, value := range map[string]interface{}{"severity": []interface{}{}, "group_wait": "-1s", "group_interval": "5", "repeat_interval": "1s", "send_resolved": "x"} {
		_, err := b.init(map[string]interface{}{"command": []interface{}{"true"}, field: value})
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s %v: %v", field, value, err)
		}
		if n := strings.Count(fmt.Sprint(err), field+": "); n != 1 {
			t.Errorf("%s is told %d times: %v", field, n, err)
		}
	}
	_, err := b.init(map[string]interface{}{"command": []interface{}{"true"}, "group_wiat": "5s"})
	if err == nil || !strings.Contains(err.Error(), "did you mean group_wait?") {
		t.Error(err)
	}
}
