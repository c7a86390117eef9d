package vault_test

import (
	"context"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/town"
	"gastown/town/secrets"
	"gastown/town/secrets/vault"
	"gastown/town/secrets/vaulttest"
)

// rig is a Vault and a source of it.
type rig struct {
	*vaulttest.Server
	t *testing.T
	o vault.Options
	*vault.Source
	said []string // all texts of errors
}

func open(t *testing.T, change func(*vault.Options)) *rig {
	t.Helper()
	v := vaulttest.New(t)
	v.Put("secret/gastown", map[string]any{"TOKEN": "swordfish-1", "NUMBER": 12345, "NESTED": map[string]any{"a": "b"}, "EMPTY": "", "not a name": "x"})
	return openAt(t, v, change)
}

func openAt(t *testing.T, v *vaulttest.Server, change func(*vault.Options)) *rig {
	t.Helper()
	r := &rig{Server: v, t: t}
	r.o = vault.Options{Address: v.URL, Now: v.Now, Timeout: time.Minute, Login: vault.Login{Getenv: func(name string) string {
		return map[string]string{"VAULT_TOKEN": vaulttest.RootToken}[name]
	}}}
	if change != nil {
		change(&r.o)
	}
	var err error
	if r.Source, err = vault.New(r.o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, text := range append(r.said, r.State().Problem, r.String()) {
			for _, secret := range v.Issued() {
				if len(secret) > 4 && strings.Contains(text, secret) {
					t.Errorf("%q tells %q", text, secret)
				}
			}
		}
	})
	return r
}

func approle(o *vault.Options) {
	o.Login = vault.Login{Method: vault.AppRole, Role: vaulttest.RoleID, Getenv: func(name string) string {
		return map[string]string{"GT_VAULT_SECRET_ID": vaulttest.SecretID}[name]
	}}
}

// has checks a secret; "" means that there is none.
func (r *rig) has(name, want string) {
	r.t.Helper()
	got, found, err := r.Lookup(r.t.Context(), name)
	if err != nil || got != want || found != (want != "") {
		r.t.Errorf("%s: %q, %v, %v; want %q", name, got, found, err, want)
	}
}

// fails checks that a secret cannot be had.
func (r *rig) fails(name string, is error, text string) {
	r.t.Helper()
	got, found, err := r.Lookup(r.t.Context(), name)
	if err == nil || got != "" || found || is != nil && !errors.Is(err, is) || !strings.Contains(err.Error(), text) {
		r.t.Errorf("%s: %q, %v; want %v, %q", name, got, err, is, text)
		return
	}
	r.said = append(r.said, err.Error(), town.Next(err))
}

// asked checks which requests were made since the last call.
func (r *rig) asked(want ...string) {
	r.t.Helper()
	if got := r.Requests(); !slices.Equal(got, want) {
		r.t.Errorf("asked %q, want %q", got, want)
	}
}

func TestReadsOnce(t *testing.T) {
	r := open(t, nil)
	r.has("TOKEN", "swordfish-1")
	r.has("NUMBER", "12345")
	r.has("NONE", "")
	r.has("EMPTY", "")
	r.fails("NESTED", nil, "not a text")
	r.asked("GET auth/token/lookup-self", "GET sys/internal/ui/mounts/secret/gastown", "GET secret/data/gastown")
	if s := r.State(); s.Problem != "" || !slices.Equal(s.Names, []string{"EMPTY", "NESTED", "NUMBER", "TOKEN"}) {
		t.Errorf("%+v", s)
	}
}

// Each way to log in, with each version of the engine.
func TestLogins(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text+"\n"), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ".vault-token"), []byte(vaulttest.RootToken), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]vault.Login{
		"variable":   {Getenv: func(n string) string { return map[string]string{"GT_VAULT_TOKEN": vaulttest.RootToken}[n] }},
		"home":       {Getenv: func(n string) string { return map[string]string{"HOME": home}[n] }},
		"file":       {File: put("token", vaulttest.RootToken, 0o600)},
		"approle":    {Method: vault.AppRole, Role: vaulttest.RoleID, File: put("secret-id", vaulttest.SecretID, 0o600)},
		"kubernetes": {Method: vault.Kubernetes, Role: vaulttest.PodRole, File: put("jwt", vaulttest.PodToken, 0o644)},
	} {
		for _, kv := range []int{0, 1, 2} {
			r := open(t, func(o *vault.Options) { o.Login, o.KV = l, kv })
			if kv == 1 {
				r.Put("kv/gastown", map[string]any{"TOKEN": "swordfish-1"})
				r.o.Path = "kv/gastown"
				var err error
				if r.Source, err = vault.New(r.o); err != nil {
					t.Fatal(err)
				}
			}
			r.has("TOKEN", "swordfish-1")
			if t.Failed() {
				t.Fatal(name, kv)
			}
			if err := r.Source.Close(t.Context()); err != nil {
				t.Error(name, err)
			}
			if tokens, _ := r.Tokens(); tokens != 0 {
				t.Errorf("%s: %d tokens are left behind", name, tokens)
			}
		}
	}
	for name, v := range map[string]struct {
		login vault.Login
		is    error
		text  string
	}{
		"none":       {vault.Login{}, nil, "there is no token"},
		"wrong":      {vault.Login{File: put("wrong", "hvs.wrong", 0o600)}, vault.ErrDenied, "403"},
		"odd":        {vault.Login{File: put("odd", "a\x01b", 0o600)}, nil, "non-printable"},
		"readable":   {vault.Login{File: put("readable", vaulttest.RootToken, 0o640)}, town.ErrRefused, "0640"},
		"approle":    {vault.Login{Method: vault.AppRole, Role: vaulttest.RoleID}, vault.ErrDenied, "invalid role"},
		"mount":      {vault.Login{Method: vault.AppRole, Mount: "elsewhere", Role: vaulttest.RoleID}, vault.ErrDenied, "403"},
		"kubernetes": {vault.Login{Method: vault.Kubernetes, Role: "other", File: put("jwt2", vaulttest.PodToken, 0o644)}, vault.ErrDenied, "invalid role name"},
		"no pod":     {vault.Login{Method: vault.Kubernetes, Role: "x", File: filepath.Join(dir, "none")}, nil, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, func(o *vault.Options) { o.Login = v.login })
			r.fails("TOKEN", v.is, v.text)
		})
	}
}

// While Vault cannot be used, what was read stays; at the start nothing is there, and one
// request tells why.
func TestStates(t *testing.T) {
	for state, v := range map[vaulttest.State]struct {
		is   error
		text string
	}{
		vaulttest.Sealed:     {vault.ErrSealed, "sealed"},
		vaulttest.Leaderless: {vault.ErrStandby, "standby"},
		vaulttest.Hanging:    {vault.ErrUnreachable, "within 2s"},
	} {
		t.Run(string(state), func(t *testing.T) {
			r := open(t, func(o *vault.Options) {
				if state == vaulttest.Hanging {
					o.Timeout = 2 * time.Second
				}
			})
			r.Be(state)
			r.fails("TOKEN", v.is, v.text)
			r.Requests()
			r.fails("TOKEN", v.is, v.text)
			if err := r.Check(t.Context()); !errors.Is(err, v.is) || town.Next(err) == "" {
				t.Errorf("a check says %v", err)
			}
			r.asked() // not at once again
			r.Be(vaulttest.Active)
			r.Pass(time.Second)
			if err := r.Check(t.Context()); err != nil {
				t.Error(err)
			}
			r.has("TOKEN", "swordfish-1")
			r.Be(state)
			r.Pass(time.Hour)
			if changed, err := r.Refresh(t.Context()); !errors.Is(err, v.is) || changed {
				t.Errorf("%v, %v", changed, err)
			}
			r.has("TOKEN", "swordfish-1")
			if err := r.Check(t.Context()); !errors.Is(err, v.is) {
				t.Errorf("a check says %v of what cannot be read again", err)
			}
			if s := r.State(); s.Problem == "" || s.Next == "" || !s.Since.Equal(r.Now()) {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	r := open(t, nil)
	r.Server.Close()
	r.fails("TOKEN", vault.ErrUnreachable, "no program listens")
}

func TestStandbySendsOn(t *testing.T) {
	r := open(t, nil)
	standby := vaulttest.New(t)
	standby.Leader = r.URL
	standby.Be(vaulttest.Standby)
	s := openAt(t, standby, nil)
	s.has("TOKEN", "swordfish-1")
	standby.Leader = "http://192.0.2.1:8200" // the token would go there in the clear
	s = openAt(t, standby, nil)
	s.fails("TOKEN", vault.ErrUnreachable, "without TLS")
}

func TestTLS(t *testing.T) {
	v := vaulttest.NewTLS(t)
	v.Put("secret/gastown", map[string]any{"TOKEN": "swordfish-1"})
	openAt(t, v, nil).fails("TOKEN", vault.ErrUnreachable, "certificate")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: v.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	openAt(t, v, func(o *vault.Options) { o.CAFile = ca }).has("TOKEN", "swordfish-1")
}

func TestNamespace(t *testing.T) {
	r := open(t, func(o *vault.Options) { o.Namespace = "team/ships" })
	r.fails("TOKEN", vault.ErrDenied, "permission denied")
	r.Only("team/ships")
	r.Pass(time.Second)
	r.has("TOKEN", "swordfish-1")
}

// A refusal is an answer: nothing that was read before is used any more.
func TestDenied(t *testing.T) {
	for name, deny := range map[string]func(*rig){
		"policy":  func(r *rig) { r.Deny("secret/") },
		"deleted": func(r *rig) { r.Delete("secret/gastown") },
	} {
		r := open(t, approle)
		r.has("TOKEN", "swordfish-1")
		deny(r)
		changed, err := r.Refresh(t.Context())
		if !changed || err == nil {
			t.Errorf("%s: %v, %v", name, changed, err)
		}
		r.fails("TOKEN", nil, "")
	}
}

// A token that somebody revoked is replaced by a login.
func TestRevoked(t *testing.T) {
	r := open(t, approle)
	r.has("TOKEN", "swordfish-1")
	r.Revoke()
	r.Put("secret/gastown", map[string]any{"TOKEN": "swordfish-2"})
	if changed, err := r.Refresh(t.Context()); err != nil || !changed {
		t.Error(changed, err)
	}
	r.has("TOKEN", "swordfish-2")
}

func TestWrongPath(t *testing.T) {
	open(t, func(o *vault.Options) { o.Path = "secret/other" }).fails("TOKEN", vault.ErrAbsent, "secret/other")
	open(t, func(o *vault.Options) { o.Path = "nowhere/gastown" }).fails("TOKEN", vault.ErrDenied, "preflight")
	open(t, func(o *vault.Options) { o.KV = 1 }).fails("TOKEN", vault.ErrAbsent, "versioned K/V")
	r := open(t, func(o *vault.Options) { o.Path, o.KV = "kv/gastown", 2 })
	r.Put("kv/gastown", map[string]any{"TOKEN": "x"})
	r.fails("TOKEN", vault.ErrAbsent, "has version 2")
}

func TestOptions(t *testing.T) {
	for text, change := range map[string]func(*vault.Options){
		"not known":    func(o *vault.Options) { o.Address = "" },
		"http://":      func(o *vault.Options) { o.Address = "http://vault.example.com" },
		"not a URL":    func(o *vault.Options) { o.Address = "vault.example.com:8200" },
		"no mount":     func(o *vault.Options) { o.Path = "gastown" },
		"PREFIX=PATH":  func(o *vault.Options) { o.Leased = []vault.Leased{{Prefix: "", Path: "x"}} },
		"not a way":    func(o *vault.Options) { o.Login.Method = "password" },
		"needs a role": func(o *vault.Options) { o.Login.Method = vault.AppRole },
		"no such file": func(o *vault.Options) { o.CAFile = "/none" },
		"has no certificate": func(o *vault.Options) {
			o.CAFile = filepath.Join(t.TempDir(), "x")
			_ = os.WriteFile(o.CAFile, []byte("x"), 0o600)
		},
	} {
		o := vault.Options{Address: "https://vault.example.com"}
		change(&o)
		if _, err := vault.New(o); err == nil || !strings.Contains(err.Error(), text) || town.Next(err) == "" {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A Resolver does not go on to other sources while Vault cannot be asked: what they have
// may be a former value.
func TestNoOtherSourceMeanwhile(t *testing.T) {
	r := open(t, nil)
	env := secrets.Environment(func(name string) string { return map[string]string{"TOKEN": "former", "MINE": "mine"}[name] })
	all := secrets.New(r.Source, env)
	r.Be(vaulttest.Sealed)
	for _, name := range []string{"TOKEN", "MINE"} {
		if v, err := all.Lookup(t.Context(), name); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("%s: %q, %v", name, v, err)
		}
	}
	r.Be(vaulttest.Active)
	r.Pass(time.Second)
	for name, want := range map[string]string{"TOKEN": "swordfish-1", "MINE": "mine"} {
		if v, err := all.Lookup(t.Context(), name); err != nil || v != want {
			t.Errorf("%s: %q, %v", name, v, err)
		}
	}
	if where, err := all.Where(t.Context(), "TOKEN"); err != nil || !strings.Contains(where, "secret/gastown") {
		t.Errorf("%q, %v", where, err)
	}
}

// A Lookup of a tended source asks nobody; it waits for the first attempt.
func TestTended(t *testing.T) {
	r := open(t, func(o *vault.Options) { o.Tended = true })
	soon, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := r.Lookup(soon, "TOKEN"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	r.asked()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan bool)
	go func() { defer close(ended); r.Run(ctx, func() { t.Error("the first reading is no change") }) }()
	r.has("TOKEN", "swordfish-1")
	cancel()
	<-ended
}

// Whoever waits for the first reading learns when the source is closed before there was one,
// as by a change of the settings while Vault hangs.
func TestCloseEndsTheWait(t *testing.T) {
	r := open(t, func(o *vault.Options) { o.Tended = true })
	looked := make(chan error)
	go func() {
		_, _, err := r.Lookup(t.Context(), "TOKEN")
		looked <- err
	}()
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-looked; err == nil || errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
