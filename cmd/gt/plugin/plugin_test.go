package plugin

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/cmd/gt/install"
	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/shell"
	"gastown/town/layout"
)

// secret is the value of the secret in the plugins of a test.
const secret = "s3cret-path-of-a-hook"

// towns is a Town named alpha with plugins of each kind.
func towns(t *testing.T, listed string) (gttest.Towns, layout.Town) {
	t.Helper()
	w := gttest.New(t, install.Commands, Commands)
	w.Must("install", "alpha")
	place := layout.Town{Root: filepath.Join(w.Dir, "alpha")}
	if err := os.MkdirAll(filepath.Dir(place.Plugins()), 0o700); err != nil {
		t.Fatal(err)
	}
	w.Write("alpha/.gt/secrets.env", "HOOK=http://127.0.0.1:1/"+secret+"\n")
	w.Write("alpha/deacon/plugins.yaml", listed)
	return w, place
}

// listing returns a file of plugins; door is the address that one of them connects to.
func listing(door string) string {
	return `plugins:
  - name: door # of the shop
    type: health-check
    enabled: true
    timeout: 5s
    config: {check: tcp, address: "` + door + `"}
  - name: hook
    type: notification
    enabled: true
    config: {url: "${HOOK}"}
  - name: quiet
    type: notification
    enabled: false
    config: {url: "${NOBODY_KNOWS}"}
`
}

// What each command says and refuses, and with which code. No secret is among it.
func TestCommands(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w, place := towns(t, listing(l.Addr().String()))
	for _, c := range []struct {
		args   string
		env    string
		code   int
		stdout string
		stderr string
	}{
		{args: "list", stdout: "door    health-check  enabled"},
		{args: "list", stdout: "quiet   notification  disabled"},
		{args: "show hook", stdout: "url: ${HOOK}"},
		{args: "show door", stdout: "called @every 5m"},
		{args: "show dor", code: shell.ExitUsage, stderr: "did you mean door"},
		{args: "test door", stdout: "healthy"},
		{args: "test quiet", code: shell.ExitFailed, stderr: "gt: prepare the plugin quiet: there is no secret NOBODY_KNOWS"},
		{args: "test quiet", code: shell.ExitFailed, stderr: "next: gt secrets check"},
		{args: "run door --json", stdout: `"state": "healthy"`},
		{args: "run door --as notification", code: shell.ExitUsage, stderr: `cannot be called as "notification"`},
		{args: "run door --input {", code: shell.ExitUsage, stderr: "--input is not JSON"},
		{args: "run door --dry-run", code: shell.ExitUsage, stderr: "are for integrations"},
		{args: "run quiet", code: shell.ExitRefused, stderr: "next: gt plugin enable quiet"},
		{args: "run hook --input {}", code: shell.ExitFailed, stderr: "a channel sends alerts"},
		{args: "enable quiet", code: shell.ExitFailed, stderr: "there is no secret NOBODY_KNOWS"},
		{args: "disable door", env: "GT_ROLE=mayor", code: shell.ExitRefused, stderr: "an agent"},
		{args: "enable door", env: "GT_ROLE=web/polecats/nux", code: shell.ExitRefused, stderr: "an agent"},
		{args: "install ./x", env: "GT_ROLE=mayor", code: shell.ExitRefused, stderr: "an agent"},
		{args: "install ./x", code: shell.ExitFailed, stderr: "install the plugin in"},
		{args: "install", stdout: "offers no plugins"},
		{args: "install nothing", code: shell.ExitUsage, stderr: "gt plugin install lists it"},
		{args: "disable dor", code: shell.ExitUsage, stderr: "did you mean door"},
		{args: "disable door --json", stdout: `"enabled": false`},
		{args: "run door", code: shell.ExitRefused, stderr: "it is disabled"},
		{args: "enable door", stdout: "door is enabled"},
	} {
		w.Env = nil
		if c.env != "" {
			w.Env = []string{c.env}
		}
		code, stdout, stderr := w.Run(append([]string{"--town", "alpha", "plugin"}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%s %s: exit %d, want %d\n%s%s", c.env, c.args, code, c.code, stdout, stderr)
		}
		if strings.Contains(stdout+stderr, secret) {
			t.Errorf("%s tells the secret:\n%s%s", c.args, stdout, stderr)
		}
	}
	// Enabling and disabling changed one word, and comments are as they were.
	if text, err := os.ReadFile(place.Plugins()); err != nil || string(text) != listing(l.Addr().String()) {
		t.Errorf("%v\n%s", err, text)
	}
}

// A door that nobody opens is an error of test and run, also for programs.
func TestCritical(t *testing.T) {
	w, _ := towns(t, listing("127.0.0.1:1"))
	for _, command := range []string{"test", "run"} {
		code, stdout, stderr := w.Run("--town", "alpha", "plugin", command, "door", "--json")
		var said struct {
			Output struct{ State string }
		}
		if err := json.Unmarshal([]byte(stdout), &said); err != nil || code != shell.ExitFailed || said.Output.State != "critical" || !strings.Contains(stderr, "it is critical") {
			t.Errorf("%s: exit %d, %v\n%s%s", command, code, err, stdout, stderr)
		}
	}
}

// In a file with a fault a plugin can be disabled, and not enabled.
func TestFaults(t *testing.T) {
	text := listing("127.0.0.1:1") + "  - {name: other, typ: exec, enabled: true}\n"
	w, place := towns(t, text)
	if code, _, stderr := w.Run("--town", "alpha", "plugin", "enable", "quiet"); code != shell.ExitUsage || !strings.Contains(stderr, `there is no field "typ"`) {
		t.Errorf("enable: exit %d: %s", code, stderr)
	}
	code, stdout, stderr := w.Run("--town", "alpha", "plugin", "disable", "hook")
	if code != shell.ExitOK || !strings.Contains(stdout, "hook is disabled") || !strings.Contains(stdout, `there is no field "typ"`) {
		t.Errorf("disable: exit %d: %s%s", code, stdout, stderr)
	}
	want := strings.Replace(text, "notification\n    enabled: true", "notification\n    enabled: false", 1)
	if got, err := os.ReadFile(place.Plugins()); err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// A plugin in the public form is installed disabled and pinned with all its files. Installed
// over a former version it keeps what is hidden there, and has to be enabled again.
func TestInstall(t *testing.T) {
	w, place := towns(t, "")
	tidy := filepath.Join(w.Dir, "tidy")
	if err := os.MkdirAll(tidy, 0o700); err != nil {
		t.Fatal(err)
	}
	w.Write("tidy/plugin.md", "+++\nname = \"tidy\"\ndescription = \"Tidies\"\nversion = 1\n+++\n")
	w.Write("tidy/run.sh", "echo 1\n")
	w.Write("tidy/.lib.sh", "echo hidden\n")
	type installed struct {
		Enabled bool
		Digest  string
		Files   []string
	}
	put := func() (f installed) {
		t.Helper()
		code, stdout, stderr := w.Run("--town", "alpha", "plugin", "install", "./tidy", "--json")
		if err := json.Unmarshal([]byte(stdout), &f); err != nil || code != shell.ExitOK {
			t.Fatalf("exit %d, %v: %s", code, err, stderr)
		}
		return f
	}
	first := put()
	if first.Enabled || strings.Join(first.Files, " ") != ".lib.sh plugin.md run.sh" {
		t.Errorf("%+v", first)
	}
	w.Must("--town", "alpha", "plugin", "enable", "tidy")
	if again := put(); !again.Enabled || again.Digest != first.Digest {
		t.Errorf("the same files: %+v", again)
	}
	w.Write("alpha/plugins/tidy/.env", "A=1\n")
	w.Write("tidy/run.sh", "echo 2\n")
	second := put()
	if second.Enabled || second.Digest == first.Digest || strings.Join(second.Files, " ") != ".env .lib.sh plugin.md run.sh" {
		t.Errorf("another version: %+v", second)
	}
	text, err := os.ReadFile(place.Plugins())
	if err != nil || !strings.Contains(string(text), first.Digest) {
		t.Errorf("the pin changed by itself: %v\n%s", err, text)
	}
	w.Must("--town", "alpha", "plugin", "enable", "tidy")
	if text, err := os.ReadFile(place.Plugins()); err != nil || !strings.Contains(string(text), second.Digest) {
		t.Errorf("enabling does not pin: %v\n%s", err, text)
	}
}
