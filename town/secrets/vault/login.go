package vault

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"gastown/town"
	"gastown/town/secrets"
	"gastown/town/strict"
)

// The ways to log in.
const (
	Token      = "token"
	AppRole    = "approle"
	Kubernetes = "kubernetes"
)

// Methods are all ways to log in.
var Methods = []string{Token, AppRole, Kubernetes}

// Variables that hold credentials. No program that the Deacon starts gets them.
const (
	tokenVariable    = "GT_VAULT_TOKEN"
	usualVariable    = "VAULT_TOKEN" // as the program vault has it
	secretIDVariable = "GT_VAULT_SECRET_ID"
)

const (
	maxCredential  = 64 << 10 // bytes
	serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/token"
	loggingIn      = "log in"
	// shortest is the time that is not worth a renewal, when it was more before.
	shortest = 10 * time.Second
)

// Credentials are the variables of the environment that hold credentials for Vault.
var Credentials = []string{tokenVariable, usualVariable, secretIDVariable}

// Login says how to log in.
type Login struct {
	// Method is one of Methods; "" means token.
	Method string
	// Mount is where the method is enabled; "" means under its own name.
	Mount string
	// Role is the role's ID for AppRole, and the role's name for Kubernetes.
	Role string
	// File has the credential: the token, the secret ID, or the token of the service
	// account. "" means a variable, then ~/.vault-token for a token, and the usual file in
	// a pod. Files of tokens and secret IDs are for their owner only.
	File string
	// Getenv finds variables; may be nil.
	Getenv func(string) string
}

func (l Login) check(bad func(next, format string, args ...any) error) error {
	switch method := cmp.Or(l.Method, Token); {
	case !slices.Contains(Methods, method):
		return bad("gt config secrets.vault_login token", "%q is not a way to log in: %s", town.Clip(method, 40), strings.Join(Methods, ", "))
	case method != Token && l.Role == "":
		return bad("gt config secrets.vault_role ROLE", "the login by %s needs a role", method)
	}
	return nil
}

func (l Login) getenv(name string) string {
	if l.Getenv == nil {
		return ""
	}
	return strings.TrimSpace(l.Getenv(name))
}

// credential finds the token or the secret ID: "" when there is none.
func (l Login) credential(variables []string, file string) (string, error) {
	for _, name := range variables {
		if v := l.getenv(name); v != "" {
			return v, nil
		}
	}
	if file == "" {
		return "", nil
	}
	data, err := secrets.Private(file, maxCredential)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	defer clear(data)
	return strings.TrimSpace(string(data)), err
}

// enter gets a token. The caller has the turn.
func (s *Source) enter(ctx context.Context) (err error) {
	l := s.opts.Login
	switch cmp.Or(l.Method, Token) {
	case AppRole:
		var id string
		if id, err = l.credential([]string{secretIDVariable}, l.File); err != nil {
			return err
		}
		data := map[string]any{"role_id": l.Role}
		if id != "" { // a role may ask for none
			data["secret_id"] = id
		}
		s.hide(secretIDVariable, id)
		return s.logIn(ctx, AppRole, data)
	case Kubernetes:
		// Its file is one of the pod's, which others in the pod can read.
		jwt, err := strict.ReadFile(cmp.Or(l.File, serviceAccount), maxCredential)
		if err != nil {
			return town.Fail("log in at Vault by the account of the pod", "gt config secrets.vault_credential_file names the file of its token", "%w", err)
		}
		defer clear(jwt)
		text := strings.TrimSpace(string(jwt))
		s.hide("JWT", text)
		return s.logIn(ctx, Kubernetes, map[string]any{"role": l.Role, "jwt": text})
	}
	file := l.File
	if home := l.getenv("HOME"); file == "" && home != "" {
		file = filepath.Join(home, ".vault-token")
	}
	token, err := l.credential([]string{tokenVariable, usualVariable}, file)
	if err != nil {
		return err
	}
	if token == "" {
		return town.Fail("log in at Vault "+s.opts.Address, "set GT_VAULT_TOKEN, or: gt config secrets.vault_credential_file FILE", "there is no token")
	}
	s.use(token, lease{renewed: s.opts.Now()})
	s.login = false
	// A token need not be allowed to look at itself: then nobody renews it.
	self, err := s.client.Auth().Token().LookupSelfWithContext(ctx)
	if err != nil {
		if err = s.fail("look at the token", err); errors.Is(err, ErrDenied) {
			return nil // or it is not valid: the next request tells
		}
		return err
	}
	if self != nil {
		ttl, _ := self.TokenTTL()
		s.token.ttl = ttl
		s.token.renewable, _ = self.TokenIsRenewable()
	}
	return nil
}

// logIn gets a token by a method.
func (s *Source) logIn(ctx context.Context, method string, data map[string]any) error {
	s.client.ClearToken()
	path := "auth/" + strings.Trim(cmp.Or(s.opts.Login.Mount, method), "/") + "/login"
	answer, err := s.client.Logical().WriteWithContext(ctx, path, data)
	if err != nil {
		return s.fail(loggingIn, err)
	}
	if answer == nil || answer.Auth == nil || answer.Auth.ClientToken == "" {
		return town.Fail("log in at Vault "+s.opts.Address, "look at secrets.vault_login_path", "%w: its answer has no token", errAnswer)
	}
	a := answer.Auth
	s.use(a.ClientToken, lease{ttl: seconds(a.LeaseDuration), renewable: a.Renewable, again: true, renewed: s.opts.Now()})
	s.login = true
	return nil
}

// use takes a token. The credentials that another one got end with that.
func (s *Source) use(token string, l lease) {
	s.hide(tokenVariable, token)
	if token != s.last {
		s.leases = nil
	}
	s.client.SetToken(token)
	s.last, s.token = token, l
}

// hide has a credential left out of all texts.
func (s *Source) hide(name, credential string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hidden[name] = credential
}

// forgetToken drops the token.
func (s *Source) forgetToken() {
	s.client.ClearToken()
	s.token, s.login = lease{}, false
}

// entered reports whether there is a token that has not expired.
func (s *Source) entered() bool {
	end := s.token.expires()
	return s.client.Token() != "" && (end.IsZero() || s.opts.Now().Before(end))
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// text is a value of JSON as a secret.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

// lasts takes over what a renewal answered. short reports that the lease comes to its end
// for good, because it does not last any longer than before.
func (l *lease) lasts(answer *api.Secret, now time.Time) (short bool) {
	ttl, renewable := answer.LeaseDuration, answer.Renewable
	if answer.Auth != nil {
		ttl, renewable = answer.Auth.LeaseDuration, answer.Auth.Renewable
	}
	whole := l.ttl
	l.ttl, l.renewable, l.renewed = seconds(ttl), renewable, now
	return l.ttl <= whole/3 || l.ttl < shortest && l.ttl < whole
}
