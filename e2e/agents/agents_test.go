// Package agents runs the real programs of agents in tmux, each in a network namespace
// that has nothing but loopback, with a home directory of the test's and a model server
// of the test's. GT_AGENTS names the directory in which .ci/deps agents installed them,
// one a line as PRESET=DIRECTORY; without it nothing is run.
package agents

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gastown/tmux"
	"gastown/town/agent"
	"gastown/town/launch"
)

// long has the tests hand over 200 texts.
var long = flag.Bool("long", false, "hand 200 texts to each program")

// inside in the environment says that this process is in the namespace.
const inside = "GT_AGENTS_INSIDE"

// patience bounds what a test waits for.
const patience = 3 * time.Minute

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == launch.Flag {
		code, err := launch.Main(os.Args[2])
		launch.Report(os.Stderr, "gt", err)
		os.Exit(code)
	}
	if os.Getenv("GT_AGENTS") != "" && os.Getenv(inside) == "" {
		os.Exit(apart())
	}
	os.Exit(m.Run())
}

// apart runs this program again in a network namespace of its own.
func apart() int {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		fmt.Fprintln(os.Stderr, "run in a network namespace:", err)
		return 1
	}
	return 0
}

// loopback brings the namespace's only interface up, and fails if there is another.
func loopback(t *testing.T) {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil || len(all) != 1 || all[0].Name != "lo" {
		t.Fatalf("the namespace has %v, %v", all, err)
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request); err != nil {
		t.Fatal(err)
	}
}

// program says how one of the real programs is run here.
type program struct {
	preset string
	// prepare writes into the home directory what the program needs to begin, and
	// returns its variables and further arguments.
	prepare func(t *testing.T, home, project, url string) (env, args []string)
	// path is the program in its directory.
	path string
}

func write(t *testing.T, file string, value any) {
	t.Helper()
	text, err := json.MarshalIndent(value, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o700)
	}
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

var drivable = []program{
	{
		preset: "codex", path: "node_modules/.bin/codex",
		prepare: func(t *testing.T, home, project, url string) (env, args []string) {
			return []string{"OPENAI_API_KEY=none"}, []string{"-c", "model=stub", "-c", "model_provider=stub",
				"-c", `model_providers.stub={name="stub",base_url="` + url + `/v1",wire_api="responses",env_key="OPENAI_API_KEY"}`,
				"-c", "approval_policy=never", "-c", "sandbox_mode=danger-full-access"}
		},
	},
	{
		preset: "opencode", path: "node_modules/opencode-linux-x64/bin/opencode",
		prepare: func(t *testing.T, home, project, url string) (env, args []string) {
			write(t, filepath.Join(home, ".config/opencode/opencode.json"), object{
				"model": "stub/stub", "small_model": "stub/stub", "autoupdate": false, "share": "disabled",
				"provider": object{"stub": object{"npm": "@ai-sdk/openai-compatible", "name": "stub", "options": object{"baseURL": url + "/v1", "apiKey": "none"},
					"models": object{"stub": object{"name": "stub", "tool_call": true, "limit": object{"context": 1000000, "output": 10000}}}}},
			})
			return nil, nil
		},
	},
	{
		preset: "gemini", path: "node_modules/.bin/gemini",
		prepare: func(t *testing.T, home, project, url string) (env, args []string) {
			write(t, filepath.Join(home, ".gemini/settings.json"), object{
				"security": object{"auth": object{"selectedType": "gemini-api-key"}, "folderTrust": object{"enabled": false}},
				"general":  object{"disableAutoUpdate": true, "disableUpdateNag": true}, "privacy": object{"usageStatisticsEnabled": false},
				"telemetry": object{"enabled": false}, "model": object{"name": "gemini-2.5-flash"},
			})
			return []string{"GEMINI_API_KEY=none", "GOOGLE_GEMINI_BASE_URL=" + url}, []string{"--yolo"}
		},
	},
	{
		preset: "claude", path: "node_modules/@anthropic-ai/claude-code-linux-x64/claude",
		prepare: func(t *testing.T, home, project, url string) (env, args []string) {
			const key = "sk-ant-none-of-this-is-a-key-at-all-0123456789"
			write(t, filepath.Join(home, ".claude.json"), object{
				"hasCompletedOnboarding": true, "theme": "dark", "numStartups": 3, "customApiKeyResponses": object{"approved": []string{key[len(key)-20:]}, "rejected": []string{}},
			})
			return []string{"ANTHROPIC_API_KEY=" + key, "ANTHROPIC_BASE_URL=" + url, "DISABLE_AUTOUPDATER=1", "DISABLE_TELEMETRY=1", "DISABLE_ERROR_REPORTING=1",
				"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1"}, []string{"--permission-mode", "default", "--allowedTools", "Bash"}
		},
	},
}

// installed returns the directory of a program, from GT_AGENTS.
func installed(preset string) string {
	for _, word := range strings.Fields(os.Getenv("GT_AGENTS")) {
		if dir, ok := strings.CutPrefix(word, preset+"="); ok {
			return dir
		}
	}
	return ""
}

// Each program is started, its dialogs are answered, it is handed a text of 200 lines,
// works, takes nothing meanwhile, and runs a command.
func TestPrograms(t *testing.T) {
	if os.Getenv(inside) == "" {
		t.Skip("GT_AGENTS names no programs: make test-agents")
	}
	loopback(t)
	for _, p := range drivable {
		t.Run(p.preset, func(t *testing.T) {
			dir := installed(p.preset)
			if dir == "" {
				t.Skip("it is not installed")
			}
			if seen := version(t, p.preset); !strings.HasSuffix(dir, "-"+seen) {
				t.Errorf("the preset was seen on %s, and %s is installed", seen, dir)
			}
			m := &model{thinks: 3 * time.Second}
			s, project := started(t, p, dir, m)
			ready(t, s, m)
			var lines strings.Builder
			for i := range 200 {
				fmt.Fprintf(&lines, "line %d of a text; it's \"quoted\" and costs $%d!\n", i+1, i)
			}
			text := strings.TrimRight(lines.String(), "\n")
			release := m.hold() // it works until all of this has been seen
			defer release()
			handed(t, s, m, text, agent.Confirmed)
			await(t, s, m, "it works", func() bool { look, err := s.Look(t.Context(), 0); return err == nil && look.State == agent.Busy })
			handed(t, s, m, "while it works", agent.Queued)
			release()
			idle(t, s, m)
			received(t, m, text)
			told := transcripts{preset: p.preset, home: filepath.Join(filepath.Dir(project), "home"), project: project}
			told.matches(t, m)
			handed(t, s, m, "RUN touch ran", agent.Confirmed)
			file := filepath.Join(project, "ran")
			await(t, s, m, "the command ran", func() bool { _, err := os.Stat(file); return err == nil })
			idle(t, s, m)
			words(t, s, m, project)
			if *long && p.preset == "codex" {
				property(t, s, m)
			}
			if err := s.End(t.Context()); err != nil {
				t.Error(err)
			}
			told.matches(t, m)
		})
	}
}

// version is what a preset was seen on.
func version(t *testing.T, preset string) string {
	t.Helper()
	all, err := agent.Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := all.Find(preset)
	if err != nil {
		t.Fatal(err)
	}
	return p.Seen
}

// words hands over texts that would be commands of the program if they were typed.
func words(t *testing.T, s agent.Session, m *model, project string) {
	t.Helper()
	for _, text := range []string{"!touch typed", "/quit now", "#a note", "@nobody", "?", "exit"} {
		handed(t, s, m, text, agent.Confirmed)
		idle(t, s, m)
		m.mu.Lock()
		last := m.last
		m.mu.Unlock()
		if !strings.HasSuffix(strings.TrimSpace(last), "Message: "+text) { // claude puts several into one
			t.Errorf("%q arrived as %q", text, last)
		}
	}
	if _, err := os.Stat(filepath.Join(project, "typed")); err == nil {
		t.Error("a text was run as a command")
	}
}

// started starts a program in a session of a tmux of its own.
func started(t *testing.T, p program, dir string, m *model) (s agent.Session, project string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: m}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	private, err := os.MkdirTemp("", "agents")
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(private, "home")
	project = filepath.Join(private, "project")
	for _, d := range []string{home, project} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("git", "init", "-q", project).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	presets, err := agent.Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range presets {
		if presets[i].Name == p.preset {
			presets[i].Command = []string{filepath.Join(dir, p.path)}
		}
	}
	r := agent.Tmux{Server: tmux.Server{Socket: filepath.Join(private, "tmux.sock"), Env: []string{"PATH=" + os.Getenv("PATH")}},
		Dir: private, Launcher: []string{self}, Presets: presets}
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", r.Server.Socket, "kill-server").Run()
		_ = os.RemoveAll(private)
	})
	env, args := p.prepare(t, home, project, "http://"+l.Addr().String())
	env = append(env, "HOME="+home, "PATH="+os.Getenv("PATH"), "LC_ALL=C.UTF-8", "SHELL=/bin/sh", "TMPDIR="+private)
	s, err = r.Start(t.Context(), agent.Start{Agent: "web/polecats/" + p.preset, Run: 1, Preset: p.preset, Args: args, Dir: project, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return s, project
}

// show prints what was seen, for a failure.
func show(t *testing.T, s agent.Session, m *model) {
	t.Helper()
	look, err := s.Look(context.Background(), 0)
	m.mu.Lock()
	defer m.mu.Unlock()
	t.Logf("state %q, dialog %q, draft %q, %v\nrequests: %q\ntools: %q\n%s", look.State, look.Dialog, look.Draft, err, m.asked, m.tools, strings.Join(look.Lines, "\n"))
}

func ready(t *testing.T, s agent.Session, m *model) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := agent.AwaitReady(ctx, s); err != nil {
		show(t, s, m)
		t.Fatal(err)
	}
}

func handed(t *testing.T, s agent.Session, m *model, text string, want agent.Result) {
	t.Helper()
	got, err := s.HandOver(t.Context(), 0, text)
	if err != nil || got.Result != want {
		show(t, s, m)
		t.Fatalf("%.40q: %+v, %v, want %s", text, got, err, want)
	}
}

func await(t *testing.T, s agent.Session, m *model, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			show(t, s, m)
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// idle waits until the agent is ready again, seen twice.
func idle(t *testing.T, s agent.Session, m *model) {
	t.Helper()
	seen := 0
	await(t, s, m, "it is idle", func() bool {
		look, err := s.Look(t.Context(), 0)
		if err != nil || look.State != agent.Ready {
			seen = 0
			return false
		}
		seen++
		return seen > 2
	})
}

// received checks the messages that reached the model.
func received(t *testing.T, m *model, want ...string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	said := make([]string, len(m.said))
	for i, s := range m.said {
		said[i] = strings.TrimRight(s, " ") // opencode puts a blank after a paste
	}
	if len(said) < len(want) || !slices.Equal(said[len(said)-len(want):], want) {
		for _, s := range m.said {
			t.Logf("%d bytes: %.60q ... %q", len(s), s, s[max(0, len(s)-60):])
		}
		t.Errorf("the model was told other things than %d text(s) of %d bytes", len(want), len(want[0]))
	}
}
