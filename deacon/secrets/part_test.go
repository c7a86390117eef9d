package secrets

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"gastown/deacon/check"
	"gastown/deacon/control"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/plugin"
	"gastown/town/rig"
	"gastown/town/secrets"
	"gastown/town/secrets/vaulttest"
)

// host is a Town for the part alone.
type host struct {
	at       layout.Town
	config   *config.Config
	vars     map[string]string
	resolver *secrets.Resolver
	set      *plugin.Set
	log      logrus.FieldLogger
	reloads  chan bool
}

func (h *host) Layout() layout.Town        { return h.at }
func (h *host) Config() *config.Config     { return h.config }
func (h *host) Now() time.Time             { return time.Now() }
func (h *host) Log() logrus.FieldLogger    { return h.log }
func (h *host) Getenv(name string) string  { return h.vars[name] }
func (h *host) Secrets() *secrets.Resolver { return h.resolver }
func (h *host) PluginSet() *plugin.Set     { return h.set }
func (h *host) Reload() error              { h.reloads <- true; return nil }
func (h *host) RigSettings() ([]rig.Settings, error) {
	return []rig.Settings{{Name: "web", Pulls: rig.Pulls{TokenEnv: "WEB_TOKEN"}}}, nil
}

// asking is a plugin that takes any config.
type asking struct{ plugin.Base }

func (asking) Name() string                      { return "asking" }
func (asking) Init(map[string]interface{}) error { return nil }
func (asking) Execute(context.Context, interface{}) (interface{}, error) {
	return nil, nil
}

// found is a Town with two plugins, one of them off, and a started part.
func found(t *testing.T, vars map[string]string) (*host, *Part) {
	t.Helper()
	log, _ := logtest.NewNullLogger()
	h := &host{at: layout.Town{Root: t.TempDir()}, vars: vars, resolver: secrets.New(), log: log, reloads: make(chan bool, 10)}
	h.config = config.New("harbour").In(h.Getenv)
	if err := os.MkdirAll(filepath.Dir(h.at.Plugins()), 0o700); err != nil {
		t.Fatal(err)
	}
	text := "plugins:\n" +
		"  - {name: on, type: asking, enabled: true, config: {a: \"${FIRST}\", b: [\"x${SECOND}y\"]}}\n" +
		"  - {name: off, type: asking, enabled: false, config: {a: \"${THIRD}\"}}\n"
	if err := os.WriteFile(h.at.Plugins(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	types := plugin.Types{{Name: "asking", New: func(string) plugin.Plugin { return asking{} }}}
	h.set = plugin.NewSet(plugin.Options{Path: h.at.Plugins(), Types: types, Secrets: h.resolver, Log: log, Now: time.Now})
	p := New(h)
	ctx, cancel := context.WithCancel(t.Context())
	if err := p.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := p.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	if err := h.set.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h, p
}

// told is a survey in short: NAME=SOURCE, NAME! when it is missing, NAME- when it is off, NAME? when it is optional.
func told(s control.Secrets) (all []string) {
	for _, u := range s.Uses {
		switch {
		case u.Found != "":
			all = append(all, u.Name+"="+u.Found)
		case u.Off:
			all = append(all, u.Name+"-")
		case u.Optional:
			all = append(all, u.Name+"?")
		default:
			all = append(all, u.Name+"!")
			if u.Reason == "" || u.Next == "" {
				all = append(all, "without a reason or a step")
			}
		}
	}
	return all
}

func TestSurvey(t *testing.T) {
	h, p := found(t, map[string]string{"FIRST": "one", "WEB_TOKEN": "two"})
	s := p.survey(t.Context())
	if got := told(s); !slices.Equal(got, []string{"FIRST=the environment", "SECOND!", "THIRD-", "WEB_TOKEN=the environment"}) || s.Missing != 1 {
		t.Errorf("%d missing: %q", s.Missing, got)
	}
	r := judge(s, h.Now())
	if r.State != check.Warning || r.Figure != "1 secret is missing" || !slices.Equal(r.Details, []string{"the plugin on lacks SECOND"}) {
		t.Errorf("%+v", r)
	}
	if st := h.set.States(); st[0].Ready {
		t.Error("the plugin is in force without its secret")
	}
	if err := os.MkdirAll(filepath.Dir(h.at.Secrets()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.at.Secrets(), []byte("SECOND=2nd\nDASHBOARD_TOKEN=d\nDB=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{"deacon.dashboard_token": "${DASHBOARD_TOKEN}", "dolt.password_env": "DB", "dolt.host": "db.example.com"} {
		if _, err := h.config.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.config.Set("backup.to", "disk=/mnt/disk s3://bucket/x?region=eu-central-1"); err != nil {
		t.Fatal(err)
	}
	if got := told(p.survey(t.Context())); !slices.Contains(got, "AWS_ACCESS_KEY_ID!") || !slices.Contains(got, "AWS_SECRET_ACCESS_KEY!") || !slices.Contains(got, "AWS_SESSION_TOKEN?") {
		t.Errorf("%q", got)
	}
	before := p.survey(t.Context()).Missing
	h.vars["AWS_SESSION_TOKEN"] = "three"
	if s := p.survey(t.Context()); !slices.Contains(told(s), "AWS_SESSION_TOKEN=the environment") || s.Missing != before {
		t.Errorf("%d missing, %d before: %q", s.Missing, before, told(s))
	}
	if _, err := h.config.Set("backup.to", ""); err != nil {
		t.Fatal(err)
	}
	s = p.survey(t.Context())
	file := h.at.Secrets()
	// A variable that is used by its name is nowhere but in the environment.
	if got := told(s); !slices.Equal(got, []string{"FIRST=the environment", "SECOND=" + file, "THIRD-", "DASHBOARD_TOKEN=" + file, "DB!", "WEB_TOKEN=the environment"}) {
		t.Errorf("%q", got)
	}
}

// A source that cannot be used is told of also where no secret is used.
func TestABrokenSourceThatNobodyUses(t *testing.T) {
	h, p := found(t, map[string]string{"WEB_TOKEN": "x"})
	if err := errors.Join(os.Remove(h.at.Plugins()), h.set.Load(t.Context()), os.MkdirAll(filepath.Dir(h.at.Secrets()), 0o700),
		os.WriteFile(h.at.Secrets(), []byte("A=planted\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if s := p.survey(t.Context()); s.Problem != "" || judge(s, h.Now()).State != check.Healthy {
		t.Errorf("%+v", s)
	}
	if err := os.Chmod(h.at.Secrets(), 0o644); err != nil {
		t.Fatal(err)
	}
	s := p.survey(t.Context())
	if s.Missing != 0 || !strings.Contains(s.Problem, "others can read it") || !strings.HasPrefix(s.Next, "chmod 600 ") {
		t.Errorf("%+v", s)
	}
	r := judge(s, h.Now())
	if r.State != check.Warning || r.Figure != "a source of secrets cannot be used" || len(r.Details) != 1 || strings.Contains(r.Details[0], "since") {
		t.Errorf("%+v", r)
	}
}

// The Deacon starts while Vault is sealed, says what it lacks, and goes on by itself.
func TestVault(t *testing.T) {
	v := vaulttest.New(t)
	v.Put("secret/gastown", map[string]any{"FIRST": "one-of-vault", "SECOND": "two-of-vault"})
	v.Be(vaulttest.Sealed)
	h, p := found(t, map[string]string{
		"GT_SECRETS_BACKEND": "vault", "GT_VAULT_ADDR": v.URL, "GT_VAULT_LOGIN": "approle", "GT_VAULT_ROLE": vaulttest.RoleID,
		"GT_VAULT_SECRET_ID": vaulttest.SecretID, "WEB_TOKEN": "x", "FIRST": "of the environment",
	})
	s := p.survey(t.Context())
	if got := told(s); !slices.Equal(got, []string{"FIRST!", "SECOND!", "THIRD-", "WEB_TOKEN=the environment"}) || !strings.Contains(s.Problem, "sealed") || s.Since.IsZero() {
		t.Errorf("%q, %q", got, s.Problem)
	}
	if r := judge(s, h.Now()); r.State != check.Warning || len(r.Details) != 3 || r.Figure != "2 secrets are missing" {
		t.Errorf("%+v", r)
	}
	v.Be(vaulttest.Active)
	<-h.reloads // it was read: the parts are told
	if err := h.set.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := h.set.States(); !st[0].Ready {
		t.Errorf("%+v", st[0])
	}
	if s = p.survey(t.Context()); s.Missing != 0 || judge(s, h.Now()).State != check.Healthy {
		t.Errorf("%+v", s)
	}
	// What changed at Vault is there after a reload.
	v.Put("secret/gastown", map[string]any{"FIRST": "rotated"})
	p.Reload(h.config, h.config)
	if got, err := h.resolver.Lookup(t.Context(), "FIRST"); err != nil || got != "rotated" {
		t.Errorf("%q, %v", got, err)
	}
	// Other settings: other sources. The former login is ended.
	h.vars["GT_SECRETS_BACKEND"] = "env"
	before := config.New("harbour").In(func(n string) string { return map[string]string{"GT_SECRETS_BACKEND": "vault"}[n] })
	p.Reload(before, h.config)
	if got, err := h.resolver.Lookup(t.Context(), "FIRST"); err != nil || got != "of the environment" {
		t.Errorf("%q, %v", got, err)
	}
	if tokens, _ := v.Tokens(); tokens != 0 {
		t.Errorf("%d tokens are left", tokens)
	}
	for _, u := range append(s.Uses, p.survey(t.Context()).Uses...) {
		for _, secret := range v.Issued() {
			if strings.Contains(u.Reason+u.Next+u.Found, secret) {
				t.Errorf("%+v tells %q", u, secret)
			}
		}
	}
}

func TestJudge(t *testing.T) {
	now := time.Now()
	one := []control.SecretUse{{Name: "A", Found: "there"}}
	for name, c := range map[string]struct {
		s      control.Secrets
		state  check.State
		figure string
	}{
		"none":      {control.Secrets{}, check.Healthy, "none is used"},
		"one":       {control.Secrets{Uses: one}, check.Healthy, "1 use"},
		"problem":   {control.Secrets{Uses: one, Problem: "x"}, check.Warning, "a source of secrets cannot be used"},
		"ends soon": {control.Secrets{Uses: one, Ends: now.Add(time.Hour)}, check.Warning, "the token for Vault ends at "},
		"ends late": {control.Secrets{Uses: one, Ends: now.Add(1000 * time.Hour)}, check.Healthy, "1 use"},
	} {
		if r := judge(c.s, now); r.State != c.state || !strings.HasPrefix(r.Figure, c.figure) || (r.Next == "") != (c.state == check.Healthy) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
