package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"gastown/town"
	"gastown/town/secrets"
)

// document is the file as the document of the Deacon prints it.
const document = `plugins:
  - name: slack-alerts
    type: notification
    enabled: true
    config:
      webhook_url: "${SLACK_WEBHOOK_URL}"
      channel: "#alerts"
      severity: ["error", "critical"]

  - name: jira-sync
    type: integration
    enabled: true
    config:
      base_url: "https://jira.example.com"
      project: "GT"
      username: "${JIRA_USERNAME}"
      api_token: "${JIRA_API_TOKEN}"

  - name: disk-space-check
    type: health-check
    enabled: true
    config:
      threshold_percent: 80
      check_interval: "5m"
`

// fake is a plugin whose config is taken as it comes and which does what a test says.
type fake struct {
	name    string
	config  map[string]interface{}
	do      func(ctx context.Context, input any) (any, error)
	init    func(config map[string]interface{}) error
	cleaned atomic.Bool
}

func (f *fake) Name() string { return f.name }
func (f *fake) Execute(ctx context.Context, input interface{}) (interface{}, error) {
	if f.do == nil {
		return f.config["answer"], nil
	}
	return f.do(ctx, input)
}
func (f *fake) Init(config map[string]interface{}) error {
	f.config = config
	if f.init != nil {
		return f.init(config)
	}
	return nil
}
func (f *fake) Cleanup() error { f.cleaned.Store(true); return nil }

// bench is a set with its file.
type bench struct {
	*Set
	t    *testing.T
	path string
	vars map[string]string
	logs *logtest.Hook
	made []*fake
	do   func(ctx context.Context, input any) (any, error)
	init func(config map[string]interface{}) error
}

func newBench(t *testing.T) *bench {
	log, hook := logtest.NewNullLogger()
	log.SetLevel(logrus.DebugLevel)
	dir := t.TempDir()
	b := &bench{t: t, path: filepath.Join(dir, "plugins.yaml"), vars: map[string]string{}, logs: hook}
	b.Set = NewSet(b.options(log))
	return b
}

func (b *bench) options(log logrus.FieldLogger) Options {
	create := func(name string) Plugin {
		f := &fake{name: name, do: b.do, init: b.init}
		b.made = append(b.made, f)
		return f
	}
	var types Types
	for _, name := range []string{HealthCheck, Notification, Integration} {
		types = append(types, Type{Name: name, New: create})
	}
	types = append(types, Type{Name: Exec, New: create, Plain: []string{"command"}})
	return Options{
		Path: b.path, Kept: filepath.Join(filepath.Dir(b.path), "kept.yaml"), Types: types, Log: log, Now: time.Now,
		Secrets: secrets.New(secrets.Environment(func(n string) string { return b.vars[n] })),
	}
}

func (b *bench) write(text string) {
	b.t.Helper()
	if err := os.WriteFile(b.path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) load(text string) error {
	b.t.Helper()
	b.write(text)
	return b.Load(b.t.Context())
}

func (b *bench) names(kind string) (all []string) {
	for _, i := range b.Plugins(kind) {
		all = append(all, i.Name())
	}
	return all
}

func TestTheDocumentsFile(t *testing.T) {
	b := newBench(t)
	b.vars = map[string]string{"SLACK_WEBHOOK_URL": "https://hooks.example/T0/secret", "JIRA_USERNAME": "ann", "JIRA_API_TOKEN": "token-of-ann"}
	if err := b.load(document); err != nil {
		t.Fatal(err)
	}
	if got := b.names(Notification); !slices.Equal(got, []string{"slack-alerts"}) {
		t.Error(got)
	}
	if len(b.made) != 3 || b.made[0].config["webhook_url"] != b.vars["SLACK_WEBHOOK_URL"] || b.made[1].config["api_token"] != "token-of-ann" ||
		b.made[2].config["threshold_percent"] != 80 || b.made[2].config["check_interval"] != "5m" {
		t.Errorf("%+v", b.made)
	}
	for _, s := range b.States() {
		if !s.Ready || s.Reason != "" {
			t.Errorf("%s: %+v", s.Entry.Name, s)
		}
		if u, ok := s.Entry.Config["webhook_url"]; ok && u != "${SLACK_WEBHOOK_URL}" {
			t.Errorf("a state shows the secret: %v", u)
		}
	}
}

// Every field misspelt, mistyped and missing, with its line and what to do.
func TestWhatIsWrongWithAFile(t *testing.T) {
	entry := "plugins:\n  - name: a\n    type: exec\n    enabled: true\n    timeout: 5s\n    at_once: 3\n    config:\n      command: [x]\n"
	if _, err := Parse([]byte(entry), Types{{Name: Exec}}); err != nil {
		t.Fatal(err)
	}
	with := func(old, now string) string {
		if !strings.Contains(entry, old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(entry, old, now, 1)
	}
	for _, v := range []struct{ text, want string }{
		{with("plugins:", "plugin:"), `line 1: there is no field "plugin": did you mean plugins?`},
		{with("name: a", "nam: a"), `line 2: there is no field "nam"`},
		{with("type: exec", "typ: exec"), `line 3: there is no field "typ"`},
		{with("enabled: true", "enable: true"), `line 4: there is no field "enable"`},
		{with("timeout: 5s", "time_out: 5s"), `line 5: there is no field "time_out"`},
		{with("at_once: 3", "atonce: 3"), `line 6: there is no field "atonce"`},
		{with("config:", "conf:"), `line 7: there is no field "conf"`},
		{"plugins: 7\n", "line 1: a value of the wrong kind"},
		{"plugins: {a: b}\n", "line 1: a value of the wrong kind"},
		{"plugins: [7]\n", "line 1: a value of the wrong kind"},
		{with("name: a", "name: [a]"), "line 2: a value of the wrong kind"},
		{with("name: a", "name: a b"), `line 2: usage: "a b" cannot name a plugin`},
		{with("name: a", "name: ../a"), "line 2: "},
		{with("name: a", `name: ""`), "line 2: "},
		{with("type: exec", "type: 9"), `line 3: type "9" is none of`},
		{with("type: exec", "type: exce"), "did you mean exec?"},
		{with("enabled: true", "enabled: 7"), "line 4: a value of the wrong kind"},
		{with("timeout: 5s", "timeout: 5"), `line 5: timeout "5" is not a duration from 1s to 10m0s`},
		{with("timeout: 5s", "timeout: 1h"), "line 5: "},
		{with("timeout: 5s", "timeout: [5s]"), "line 5: a value of the wrong kind"},
		{with("at_once: 3", "at_once: 0"), "line 6: at_once 0 is not a number from 1 to 32"},
		{with("at_once: 3", "at_once: many"), "line 6: a value of the wrong kind"},
		{with("config:\n      command: [x]", "config: 5"), "line 7: a value of the wrong kind"},
		{with("  - name: a\n    type", "  - type"), "line 2: a plugin has no name: add name"},
		{with("    type: exec\n", ""), "line 2: the plugin a has no type: add type"},
		{with("    enabled: true\n", ""), "line 2: the plugin a does not say whether it runs: add enabled"},
		{entry + entry[len("plugins:\n"):], "line 9: there are two plugins named a"},
		{entry + "more: 1\n", `line 9: there is no field "more"`},
		{with("[x]", `["${A}"]`), "line 8: no secret may stand in command"},
		{with("[x]", "x\n      other: ${A"), "line 9: a reference to a secret is written ${NAME}"},
		{"- a\n", "wrong kind"},
		{"plugins:\n\t- name: a\n", "line 2: "},
		{"x: 1\n", `line 1: there is no field "x"`},
		{"plugins: &a []\n", "anchors"},
		{entry + "---\n" + entry, "more than one YAML document"},
	} {
		b := newBench(t)
		err := b.load(v.text)
		if err == nil || !strings.Contains(err.Error(), v.want) || !strings.Contains(err.Error(), b.path) || town.Next(err) == "" || !errors.Is(err, town.ErrUsage) {
			t.Errorf("%s\n%v\nwant %s", v.text, err, v.want)
		}
	}
	for _, text := range []string{"", "# nothing\n", "plugins: []\n"} {
		if err := newBench(t).load(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A fault that Init finds has the line of the file, whatever its depth, and no secret.
func TestFaultsOfInit(t *testing.T) {
	b := newBench(t)
	b.vars["KEY"] = "a-secret-value"
	var strict struct {
		URL      string `yaml:"url"`
		Channels []struct {
			To string `yaml:"to"`
		} `yaml:"channels"`
	}
	b.init = func(config map[string]interface{}) error {
		return errors.Join(Decode(config, &strict), Faultf("url", "%v is no address", config["url"]))
	}
	err := b.load("plugins:\n  - name: a\n    type: exec\n    enabled: true\n    config:\n      url: ${KEY}\n      channels:\n        - to: b\n        - too: c\n          to: [d]\n")
	for _, want := range []string{"line 6: the plugin a: url: ${KEY} is no address", `line 9: the plugin a: channels.1.too: there is no field "too"`, "line 10: the plugin a: channels.1.to.0: a value of the wrong kind"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "a-secret-value") {
		t.Error("the error holds the secret")
	}
}

func TestAReloadChangesOnlyWhatChanged(t *testing.T) {
	entry := func(name, answer string, enabled string) string {
		return "  - {name: " + name + ", type: notification, enabled: " + enabled + ", config: {answer: \"" + answer + "\"}}\n"
	}
	b := newBench(t)
	b.vars["S"] = "first"
	if err := b.load("plugins:\n" + entry("a", "1", "true") + entry("b", "${S}", "true") + entry("c", "3", "false")); err != nil {
		t.Fatal(err)
	}
	if got := b.names(Notification); !slices.Equal(got, []string{"a", "b"}) || len(b.made) != 2 {
		t.Fatalf("%v, %d made: a disabled plugin is not made", got, len(b.made))
	}
	if err := b.Load(t.Context()); err != nil || len(b.made) != 2 {
		t.Errorf("nothing changed: %d made, %v", len(b.made), err)
	}
	b.vars["S"] = "second" // the file is the same
	if err := b.Load(t.Context()); err != nil || len(b.made) != 3 || b.made[2].config["answer"] != "second" {
		t.Errorf("a secret changed: %d made, %v", len(b.made), err)
	}
	// The file is wrong: all stays.
	if err := b.load("plugins:\n" + entry("a", "9", "true") + "  - {name: b}\n"); err == nil || b.Problem() == "" || len(b.made) != 3 {
		t.Errorf("%v, %q", err, b.Problem())
	}
	// A secret is missing: that plugin goes on as it was, and says why.
	delete(b.vars, "S")
	if err := b.load("plugins:\n" + entry("b", "x${S}", "true") + entry("d", "${NO_SUCH}", "true") + entry("c", "3", "true")); err != nil || b.Problem() != "" {
		t.Fatal(err)
	}
	if got := b.names(Notification); !slices.Equal(got, []string{"b", "c"}) {
		t.Error(got)
	}
	states := b.States()
	if r := states[0].Reason; !states[0].Ready || !strings.Contains(r, "the plugin b") || !strings.Contains(r, "secret S") || !strings.Contains(r, "goes on") {
		t.Errorf("%+v", states[0])
	}
	if r := states[1].Reason; states[1].Ready || !strings.Contains(r, "the plugin d") || !strings.Contains(r, "NO_SUCH") {
		t.Errorf("%+v", states[1])
	}
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
	for n, f := range b.made {
		if !f.cleaned.Load() {
			t.Errorf("%d (%s) was not cleaned up", n, f.name)
		}
	}
	if len(b.Plugins(Notification)) != 0 {
		t.Error("plugins after Close")
	}
}

// A start with a file that is wrong uses the one that was last in force, and says so.
func TestAStartKeepsTheLastGoodFile(t *testing.T) {
	b := newBench(t)
	if err := b.load("plugins:\n  - {name: a, type: notification, enabled: true}\n"); err != nil {
		t.Fatal(err)
	}
	b.write("plugins: nonsense\n")
	next := NewSet(b.opts)
	if err := next.Load(t.Context()); err == nil || !strings.Contains(next.Problem(), "line 1") || len(next.Plugins(Notification)) != 1 {
		t.Errorf("%v, %q, %d plugins", err, next.Problem(), len(next.Plugins(Notification)))
	}
	b.write("")
	if err := next.Load(t.Context()); err != nil || next.Problem() != "" || len(next.Plugins(Notification)) != 0 {
		t.Errorf("%v, %q", err, next.Problem())
	}
}

const one = "plugins:\n  - {name: a, type: notification, enabled: true, timeout: 1s, at_once: 2}\n"

// Whatever a plugin does is an error of its call, which names it and holds no secret.
func TestCalls(t *testing.T) {
	for name, v := range map[string]struct {
		do   func(ctx context.Context, input any) (any, error)
		want error
		text string
	}{
		"error": {func(context.Context, any) (any, error) { return 1, errors.New("no: https://x/the-secret\x1b[2J") }, nil, "no: https://x/${S}"},
		"split": {func(context.Context, any) (any, error) { return 1, errors.New("no: the-\x00secret") }, nil, "no: ${S}"},
		"panic": {func(context.Context, any) (any, error) { panic("the-secret") }, ErrPanic, "it panicked: ${S}"},
		"late":  {func(ctx context.Context, _ any) (any, error) { <-ctx.Done(); return nil, ctx.Err() }, ErrLate, "did not end in time (1s)"},
		"much":  {func(context.Context, any) (any, error) { return make([]byte, maxOutput+1), nil }, ErrOutput, "too much"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.vars["S"], b.do = "the-secret", v.do
			if err := b.load(strings.Replace(one, "timeout", "config: {a: \"${S}\"}, timeout", 1)); err != nil {
				t.Fatal(err)
			}
			i, _ := b.Plugin("a")
			out, err := i.Execute(t.Context(), nil)
			if out != nil || err == nil || v.want != nil && !errors.Is(err, v.want) || !strings.HasPrefix(err.Error(), "the plugin a: ") || !strings.Contains(err.Error(), v.text) {
				t.Errorf("%v, %v", out, err)
			}
			if d := i.Did(); d.Calls != 1 || d.Failed != 1 || d.Running != 0 || d.Stuck != 0 || d.Reason != err.Error() || d.Since.IsZero() {
				t.Errorf("%+v", d)
			}
			for _, e := range b.logs.AllEntries() {
				if text, _ := e.String(); strings.Contains(text, "the-secret") {
					t.Error("the log holds the secret")
				}
			}
			if strings.Contains(err.Error(), "the-secret") {
				t.Errorf("%q holds the secret", err.Error())
			}
			if strings.ContainsAny(err.Error(), "\x1b") {
				t.Errorf("%q holds an escape sequence", err.Error())
			}
		})
	}
}

// What a plugin returns as text or JSON has no secrets, and JSON stays JSON.
func TestOutputs(t *testing.T) {
	for _, v := range []struct{ output, want any }{
		{"it is 123456789", "it is ${S}"}, {[]byte("123456789"), []byte("${S}")}, {7, 7}, {nil, nil},
		{json.RawMessage(`{"a":"x123456789"}`), json.RawMessage(`{"a":"x${S}"}`)}, {json.RawMessage(`{"a":123456789}`), json.RawMessage(`"{\"a\":${S}}"`)},
		{json.RawMessage(`{"a":1}`), json.RawMessage(`{"a":1}`)},
	} {
		b := newBench(t)
		b.vars["S"], b.do = "123456789", func(context.Context, any) (any, error) { return v.output, nil }
		if err := b.load(strings.Replace(one, "timeout", "config: {a: \"${S}\"}, timeout", 1)); err != nil {
			t.Fatal(err)
		}
		i, _ := b.Plugin("a")
		if out, err := i.Execute(t.Context(), nil); err != nil || !reflect.DeepEqual(out, v.want) {
			t.Errorf("%s: %s, want %s (%v)", v.output, out, v.want, err)
		}
	}
}

// What a call missed is told without secrets, until a later call.
func TestPartial(t *testing.T) {
	b := newBench(t)
	var output any = Partial{"sent", "not to the-secret"}
	b.vars["S"], b.do = "the-secret", func(context.Context, any) (any, error) { return output, nil }
	if err := b.load(strings.Replace(one, "timeout", "config: {a: \"${S}\"}, timeout", 1)); err != nil {
		t.Fatal(err)
	}
	i, _ := b.Plugin("a")
	if out, err := i.Execute(t.Context(), nil); out != "sent" || err != nil || i.Did().Missed != "the plugin a: not to ${S}" || i.Did().Failed != 0 {
		t.Errorf("%v, %v, %+v", out, err, i.Did())
	}
	output = "sent"
	if out, err := i.Execute(t.Context(), nil); out != "sent" || err != nil || i.Did().Missed != "" {
		t.Errorf("%v, %v, %+v", out, err, i.Did())
	}
}

// When Load has returned, no call of a plugin begins that it disabled, whoever holds it.
func TestADisabledPluginIsNotCalled(t *testing.T) {
	b := newBench(t)
	if err := b.load(one); err != nil {
		t.Fatal(err)
	}
	i, _ := b.Plugin("a")
	called := atomic.Int64{}
	b.made[0].do = func(context.Context, any) (any, error) { called.Add(1); return nil, nil }
	if err := b.load(strings.Replace(one, "enabled: true", "enabled: false", 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Execute(t.Context(), nil); !errors.Is(err, ErrGone) || called.Load() != 0 {
		t.Errorf("%v, %d calls", err, called.Load())
	}
}

// A fault in the file holds back what it changes, but never that a plugin is disabled: not
// while plugins are in force and not at the next start.
func TestAFaultDoesNotKeepAPluginEnabled(t *testing.T) {
	two := one + "  - {name: b, type: notification, enabled: true}\n"
	off := strings.Replace(two, "enabled: true", "enabled: false", 1)
	for what, fault := range map[string]string{"a field": "  - {name: c, typ: exec, enabled: true}\n", "not YAML": "  - {name: c, type: [\n", "its configuration": "  - {name: bad, type: exec, enabled: true}\n"} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			if err := b.load(two); err != nil {
				t.Fatal(err)
			}
			b.init = func(map[string]interface{}) error {
				if b.made[len(b.made)-1].name == "bad" {
					return Faultf("", "it is bad")
				}
				return nil
			}
			i, _ := b.Plugin("a")
			if err := b.load(off + fault); err == nil || b.Problem() == "" {
				t.Errorf("no error: %v", err)
			}
			if got := b.names(Notification); !slices.Equal(got, []string{"b"}) {
				t.Errorf("in force: %q", got)
			}
			if _, err := i.Execute(t.Context(), nil); !errors.Is(err, ErrGone) {
				t.Error(err)
			}
			if st := b.States(); len(st) != 2 || st[0].Entry.Enabled || st[0].Ready || !st[1].Ready {
				t.Errorf("%+v", st)
			}
			next := NewSet(b.opts)
			if err := next.Load(t.Context()); err == nil || len(next.Plugins(Notification)) != 1 || next.Plugins(Notification)[0].Name() != "b" {
				t.Errorf("after a restart: %v, %v", err, next.Plugins(Notification))
			}
			if err := b.load(two); err != nil || len(b.names(Notification)) != 2 {
				t.Errorf("after it is corrected: %v, %q", err, b.names(Notification))
			}
		})
	}
}

// A plugin that does not end takes its own places and no others.
func TestAPluginThatHangs(t *testing.T) {
	b := newBench(t)
	release := make(chan struct{})
	var calm atomic.Bool
	b.do = func(context.Context, any) (any, error) {
		if !calm.Load() {
			<-release
		}
		return "done", nil
	}
	b.opts.Calls = 2
	b.places = make(chan struct{}, 2)
	if err := b.load(one + "  - {name: b, type: notification, enabled: true, timeout: 1m}\n"); err != nil {
		t.Fatal(err)
	}
	i, _ := b.Plugin("a")
	errs := make(chan error)
	for range 2 {
		go func() { _, err := i.Execute(t.Context(), nil); errs <- err }()
	}
	for range 2 {
		if err := <-errs; !errors.Is(err, ErrStuck) {
			t.Error(err)
		}
	}
	if _, err := i.Execute(t.Context(), nil); !errors.Is(err, ErrStuck) || i.Did().Stuck != 2 {
		t.Errorf("%v, %+v", err, i.Did())
	}
	calm.Store(true)
	other, _ := b.Plugin("b")
	if out, err := other.Execute(t.Context(), nil); out != "done" || err != nil {
		t.Errorf("another plugin: %v, %v", out, err)
	}
	close(release)
	for deadline := time.Now().Add(time.Minute); i.Did().Running > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("its calls do not end: %+v", i.Did())
		}
	}
	if out, err := i.Execute(t.Context(), nil); out != "done" || err != nil {
		t.Errorf("after it ended: %v, %v", out, err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if d := i.Did(); d.Running != 0 || d.Stuck != 0 {
		t.Errorf("%+v", d)
	}
	if _, err := i.Execute(t.Context(), nil); !errors.Is(err, ErrGone) {
		t.Errorf("after Close: %v", err)
	}
}
