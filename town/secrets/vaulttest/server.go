// Package vaulttest is a server for tests that answers as HashiCorp Vault's HTTP API
// documents it: logins, tokens with their lifetimes, KV engines of both versions,
// credentials with leases, and the states in which a Vault does not serve.
//
// Its clock is the test's, so lifetimes pass when the test says so.
package vaulttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// State is what a Vault does with requests.
type State string

// The states of a Vault.
const (
	Active State = ""
	// Sealed: every request is answered with 503.
	Sealed State = "sealed"
	// Standby: requests are sent on to the active node, Server.Leader.
	Standby State = "standby"
	// Leaderless: a standby that knows no active node.
	Leaderless State = "leaderless"
	// Hanging: requests are not answered, until the client gives up.
	Hanging State = "hanging"
)

// Credentials that the server knows.
const (
	RootToken    = "hvs.root-4GvY8LkqXw"
	RoleID       = "5f2c1f0e-role-id"
	SecretID     = "841771dc-secret-id-Zk3"
	PodRole      = "gastown"
	PodToken     = "eyJhbGciOiJSUzI1NiJ9.pod-token.c2ln"
	createdTime  = "2026-11-29T10:00:00.000000000Z"
	namespaceKey = "X-Vault-Namespace"
)

// Server is a Vault.
type Server struct {
	*httptest.Server
	// Leader is where a standby sends requests.
	Leader string

	mu        sync.Mutex
	now       time.Time
	state     State
	namespace string
	denied    []string // prefixes of paths that nobody may use
	failing   []string // prefixes of paths that are answered with 500
	tokens    map[string]*token
	leases    map[string]*lease
	kv        map[string]engine // by mount
	ttl, max  time.Duration     // of what is issued
	renewable bool
	serial    int
	issued    []string
	requests  []string
}

// engine is a KV engine.
type engine struct {
	version int
	secrets map[string]*secret
}

type secret struct {
	fields  map[string]any
	version int
	deleted bool
}

type token struct {
	made, renewed time.Time
	ttl, max      time.Duration // 0: never expires
	renewable     bool
}

type lease struct {
	made, renewed time.Time
	ttl, max      time.Duration
	token         string
}

// New starts a Vault with a KV engine of version 2 at secret, one of version 1 at kv, and
// an engine of database credentials at database. Tokens and credentials that it issues
// live for an hour, and at most for three.
func New(t testing.TB) *Server {
	s := empty()
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.end)
	return s
}

// NewTLS is New with TLS. The server's certificate is Server.Certificate.
func NewTLS(t testing.TB) *Server {
	s := empty()
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.end)
	return s
}

func empty() *Server {
	return &Server{
		now: time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC), ttl: time.Hour, max: 3 * time.Hour, renewable: true,
		tokens: map[string]*token{RootToken: {}}, leases: map[string]*lease{}, issued: []string{RootToken, SecretID, PodToken},
		kv: map[string]engine{"secret": {2, map[string]*secret{}}, "kv": {1, map[string]*secret{}}},
	}
}

func (s *Server) end() {
	s.CloseClientConnections() // one that hangs as well
	s.Close()
}

// Now is the server's time.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Pass lets time pass.
func (s *Server) Pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// Be changes the state.
func (s *Server) Be(state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
}

// Only has requests of other namespaces refused.
func (s *Server) Only(namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.namespace = namespace
}

// Lifetimes says how long tokens and credentials live that are issued from now on.
func (s *Server) Lifetimes(ttl, max time.Duration, renewable bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ttl, s.max, s.renewable = ttl, max, renewable
}

// Deny has paths with these prefixes refused, and all others served.
func (s *Server) Deny(prefixes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied = prefixes
}

// Fail has paths with these prefixes answered with 500, and all others served.
func (s *Server) Fail(prefixes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = prefixes
}

// Put writes a secret, such as secret/gastown or kv/gastown.
func (s *Server) Put(path string, fields map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mount, below, _ := strings.Cut(path, "/")
	old := s.kv[mount].secrets[below]
	now := &secret{fields: maps.Clone(fields), version: 1}
	if old != nil {
		now.version = old.version + 1
	}
	s.kv[mount].secrets[below] = now
	for _, v := range fields {
		if text, ok := v.(string); ok {
			s.issued = append(s.issued, text)
		}
	}
}

// Delete deletes the latest version of a secret.
func (s *Server) Delete(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mount, below, _ := strings.Cut(path, "/")
	if at := s.kv[mount].secrets[below]; at != nil {
		at.deleted = true
	}
}

// Revoke ends all tokens but the root's, and all leases.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.leases)
	maps.DeleteFunc(s.tokens, func(id string, _ *token) bool { return id != RootToken })
}

// Tokens is how many tokens live, without the root's, and Leases how many leases.
func (s *Server) Tokens() (tokens, leases int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	return len(s.tokens) - 1, len(s.leases)
}

// NewToken issues a token.
func (s *Server) NewToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newToken()
}

// Issued are all secrets and credentials that the server ever held or gave.
func (s *Server) Issued() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.issued)
}

// Requests are the requests since the last call, as METHOD PATH.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.requests
	s.requests = nil
	return all
}

func (s *Server) newToken() string {
	s.serial++
	id := fmt.Sprintf("hvs.token-%06d-Qm9v", s.serial)
	s.tokens[id] = &token{made: s.now, renewed: s.now, ttl: s.ttl, max: s.max, renewable: s.renewable}
	s.issued = append(s.issued, id)
	return id
}

// expire drops what has expired, and the leases of tokens that are gone.
func (s *Server) expire() {
	maps.DeleteFunc(s.tokens, func(_ string, t *token) bool { return t.ttl > 0 && !s.now.Before(t.renewed.Add(t.ttl)) })
	maps.DeleteFunc(s.leases, func(_ string, l *lease) bool {
		return s.tokens[l.token] == nil || !s.now.Before(l.renewed.Add(l.ttl))
	})
}

// left is how long something may live from now on that is renewed.
func (s *Server) left(made time.Time, ttl, max time.Duration) time.Duration {
	return min(ttl, made.Add(max).Sub(s.now))
}

func whole(d time.Duration) int { return int(d / time.Second) }

// answer writes JSON.
func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

// refuse answers with an error as Vault words it.
func refuse(w http.ResponseWriter, code int, errors ...string) {
	answer(w, code, map[string]any{"errors": append([]string{}, errors...)})
}

// body is the envelope of an answer.
func body(data any) map[string]any {
	return map[string]any{
		"request_id": "2d3dba3c-0000-4000-8000-000000000000", "lease_id": "", "renewable": false, "lease_duration": 0,
		"data": data, "wrap_info": nil, "warnings": nil, "auth": nil,
	}
}
