package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"gastown/town"
	"gastown/town/secrets"
)

// Refresh reads everything again. changed reports whether secrets are other ones than
// before. An error says why Vault cannot be used; what was read before then stays, unless
// Vault refuses or says that it is gone.
func (s *Source) Refresh(ctx context.Context) (changed bool, err error) {
	if err := s.take(ctx); err != nil {
		return false, err
	}
	defer s.give()
	if changed, err = s.refresh(ctx); err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.problem == nil {
			s.failures = 0
		}
	}
	return changed, err
}

// refresh is Refresh for a caller that has the turn.
func (s *Source) refresh(ctx context.Context) (changed bool, err error) {
	limited, cancel := context.WithTimeout(ctx, 2*s.opts.Timeout) // each request may be slow
	defer cancel()
	now, err := s.everything(limited)
	if err != nil && ctx.Err() != nil {
		return false, ctx.Err() // it says nothing of Vault
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin()
	s.ends = time.Time{}
	if !s.token.renewable && !s.token.again {
		s.ends = s.token.expires()
	}
	if s.answering = err == nil; err == nil {
		s.at = s.opts.Now()
		if why := s.lacking(); why != nil {
			s.failed(why)
		} else {
			s.problem = nil // whether that lasts, the renewals tell
		}
		return s.replace(now), nil
	}
	s.failed(err)
	if errors.Is(err, ErrDenied) || errors.Is(err, ErrAbsent) {
		changed = s.replace(map[string]*value{})
		s.at = time.Time{}
	}
	return changed, err
}

// lacking is why some credentials are not held; nil when all are. The caller has mu.
func (s *Source) lacking() error {
	for _, of := range s.opts.Leased {
		if why := s.broken[of.Prefix]; why != nil {
			return why
		}
	}
	return nil
}

// failed notes a failure. The caller has mu.
func (s *Source) failed(err error) {
	s.attempt = s.opts.Now()
	if s.failures == 0 {
		s.since = s.attempt
	}
	s.failures++
	s.problem = err
}

// everything reads all secrets. It logs in when there is no token, and once more when the
// one there is does not serve.
func (s *Source) everything(ctx context.Context) (map[string]*value, error) {
	fresh := !s.entered()
	if fresh {
		if err := s.enter(ctx); err != nil {
			return nil, err
		}
	}
	all, err := s.readAll(ctx)
	if errors.Is(err, ErrDenied) && !fresh {
		if err := s.enter(ctx); err != nil {
			return nil, err
		}
		all, err = s.readAll(ctx)
	}
	if errors.Is(err, ErrDenied) {
		s.forgetToken()
	}
	return all, err
}

// readAll reads all secrets with the token there is. Credentials whose lease goes on stay
// as they are. Those that cannot be had do not keep the other secrets away.
func (s *Source) readAll(ctx context.Context) (all map[string]*value, err error) {
	fields, err := s.readKV(ctx)
	if err != nil {
		return nil, err
	}
	all = map[string]*value{}
	for name, v := range fields {
		if secrets.IsName(name) {
			all[name] = held(v)
		}
	}
	var leases []lease
	broken := map[string]error{}
	for _, of := range s.opts.Leased {
		l, fields, err := s.leased(ctx, of)
		if err != nil {
			broken[of.Prefix] = err
			continue
		}
		leases = append(leases, l)
		maps.Copy(all, fields)
	}
	s.leases = leases
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = broken
	return all, nil
}

// leased are the credentials of a path: those that are held, or new ones.
func (s *Source) leased(ctx context.Context, of Leased) (lease, map[string]*value, error) {
	i := slices.IndexFunc(s.leases, func(l lease) bool { return l.of == of && (l.ttl == 0 || s.opts.Now().Before(l.expires())) })
	if i < 0 || s.leases[i].id == "" {
		return s.readLeased(ctx, of)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fields := map[string]*value{}
	for name, v := range s.held {
		if v.prefix == of.Prefix {
			again := *v
			again.text = bytes.Clone(v.text) // what is replaced is wiped
			fields[name] = &again
		}
	}
	return s.leases[i], fields, nil
}

func held(v any) *value {
	t, ok := text(v)
	if !ok {
		return &value{wrong: "its value is not a text"}
	}
	return &value{text: []byte(t)}
}

// readKV reads the secret with the Town's secrets.
func (s *Source) readKV(ctx context.Context) (map[string]any, error) {
	what := "read " + s.opts.Path
	if s.mount == "" {
		if err := s.findMount(ctx); err != nil {
			return nil, err
		}
	}
	below := strings.TrimPrefix(strings.TrimPrefix(s.opts.Path, s.mount), "/")
	var kv *api.KVSecret
	var err error
	if s.kv == 1 {
		kv, err = s.client.KVv1(s.mount).Get(ctx, below)
	} else {
		kv, err = s.client.KVv2(s.mount).Get(ctx, below)
	}
	switch {
	case err != nil:
		if s.opts.KV == 0 {
			s.mount = "" // the engine may be another one by now
		}
		if err = s.fail(what, err); errors.Is(err, ErrAbsent) && s.opts.KV != 0 {
			return nil, town.Fail(what+" at Vault "+s.opts.Address, "gt config secrets.vault_kv 0 asks Vault for the version", "%w, if the engine %s has version %d", ErrAbsent, s.mount, s.opts.KV)
		}
		return nil, err
	case kv.Data == nil && kv.Raw != nil && len(kv.Raw.Warnings) > 0:
		return nil, town.Fail(what+" at Vault "+s.opts.Address, "gt config secrets.vault_kv 0 asks Vault for the version", "%w: %s", ErrAbsent, s.plain(strings.Join(kv.Raw.Warnings, "; ")))
	case kv.Data == nil:
		return nil, town.Fail(what+" at Vault "+s.opts.Address, "vault kv undelete brings it back", "%w: its latest version was deleted", ErrAbsent)
	}
	return kv.Data, nil
}

// findMount finds the engine that has the path, and its version.
func (s *Source) findMount(ctx context.Context) error {
	s.mount, _, _ = strings.Cut(s.opts.Path, "/")
	if s.kv = s.opts.KV; s.kv != 0 {
		return nil
	}
	what := "find the engine of " + s.opts.Path
	answer, err := s.client.Logical().ReadWithContext(ctx, "sys/internal/ui/mounts/"+s.opts.Path)
	if err == nil && answer == nil {
		err = api.ErrSecretNotFound
	}
	if err != nil {
		s.mount = ""
		return s.fail(what, err)
	}
	mount, _ := answer.Data["path"].(string)
	mount = strings.Trim(mount, "/")
	if mount == "" || !strings.HasPrefix(s.opts.Path, mount+"/") {
		s.mount = ""
		return town.Fail(what+" at Vault "+s.opts.Address, "gt config secrets.vault_path MOUNT/PATH", "%w: its answer names no engine", errAnswer)
	}
	s.mount, s.kv = mount, 1
	if o, ok := answer.Data["options"].(map[string]any); ok && fmt.Sprint(o["version"]) == "2" {
		s.kv = 2
	}
	return nil
}

// readLeased reads credentials that Vault makes now.
func (s *Source) readLeased(ctx context.Context, of Leased) (lease, map[string]*value, error) {
	path := strings.Trim(of.Path, "/")
	answer, err := s.client.Logical().ReadWithContext(ctx, path)
	if err == nil && answer == nil {
		err = api.ErrSecretNotFound
	}
	if err != nil {
		if err = s.fail("read "+path, err); errors.Is(err, ErrAbsent) {
			err = town.Fail("read "+path+" at Vault "+s.opts.Address, "gt config secrets.vault_leased PREFIX=PATH names another", "%w", ErrAbsent)
		}
		return lease{}, nil, err
	}
	l := lease{of: of, id: answer.LeaseID, ttl: seconds(answer.LeaseDuration), renewable: answer.Renewable, again: true, renewed: s.opts.Now()}
	if l.id == "" {
		l.ttl = 0 // what it says then is only how often to look again
	}
	fields := map[string]*value{}
	for name, v := range answer.Data {
		if name = of.Prefix + "_" + strings.ToUpper(name); secrets.IsName(name) {
			fields[name] = held(v)
			fields[name].prefix, fields[name].expires = of.Prefix, l.expires()
		}
	}
	return l, fields, nil
}
