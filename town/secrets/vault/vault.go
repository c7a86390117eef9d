// Package vault is a source of secrets: a HashiCorp Vault, or a server with its API.
//
// One secret of a KV engine (version 1 or 2) holds the Town's secrets: its fields are
// their names. Credentials that Vault makes on demand, such as those of a database, are
// read from other paths and have leases.
//
// A Source logs in, reads everything at once and holds it. Tend renews the token and the
// leases when they are due, and reads again from time to time; Run calls it until its
// context ends. While Vault is sealed or cannot be reached, what was read last stays in
// force, and leases until they expire. When Vault refuses (403), or says that the secret
// is gone, it is forgotten.
//
// What is held is wiped when it is replaced or forgotten. That is as far as Go allows:
// Lookup returns a string, and the client of Vault decodes JSON into strings. Both stay in
// memory until the garbage collector reuses it.
//
// No error of this package, and nothing else it says, holds a secret, a token or another
// credential.
package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"gastown/town"
	"gastown/town/secrets"
)

const (
	// defaultTimeout is how long one request may take.
	defaultTimeout = 4 * time.Second
	// defaultEvery is how often a secret without a lease is read again.
	defaultEvery = 5 * time.Minute
	// firstPause and lastPause bound the pauses between attempts after a failure.
	firstPause, lastPause = time.Second, time.Minute
	// defaultPath is where the Town's secrets are.
	defaultPath = "secret/gastown"
)

// Options describe a Vault.
type Options struct {
	// Address is its URL. It begins with https:// unless it is on this machine.
	Address string
	// Namespace is the namespace of everything below; "" for the root.
	Namespace string
	// CAFile has the certificates, as PEM, that sign Vault's; "" for those of the system.
	CAFile string
	// Path is the secret with the Town's secrets, with the mount of its engine; "" means
	// secret/gastown.
	Path string
	// KV is the version of that engine, 1 or 2; 0 asks Vault.
	KV int
	// Leased are credentials that Vault makes on demand.
	Leased []Leased
	Login  Login
	// Timeout is how long one request may take; 0 means 4 s.
	Timeout time.Duration
	// Every is how often secrets without a lease are read again; 0 means 5 minutes.
	Every time.Duration
	// Tended says that Run is called. Lookup then asks nobody: it waits for the first
	// attempt of Run at most.
	Tended bool
	Now    func() time.Time
}

// Leased is a path whose fields are secrets with a lease: the field password of the
// prefix DB is the secret DB_PASSWORD.
type Leased struct{ Prefix, Path string }

// Source is one Vault. Its methods may be called from many goroutines.
type Source struct {
	opts   Options
	client *api.Client
	turn   chan struct{} // held while Vault is asked
	tried  chan struct{} // closed after the first attempt, and by Close

	// Guarded by turn.
	token  lease  // of the token, which client has
	login  bool   // the token is from a login of this source, which ends it
	last   string // the token that was used last
	mount  string
	kv     int
	leases []lease

	mu       sync.Mutex // guards what follows
	held     map[string]*value
	broken   map[string]error // by prefix: why its credentials are not held
	at       time.Time        // of the last success; zero when nothing is held
	problem  error
	since    time.Time // when the present run of failures began
	attempt  time.Time // when the last failed attempt was
	failures int
	// answering says that Vault served the last request for the Town's secrets.
	answering bool
	began     bool // an attempt has ended
	hidden    secrets.Values
	ends      time.Time
}

// value is a secret that is held.
type value struct {
	text    []byte
	wrong   string    // why it cannot be used
	prefix  string    // of the credentials that it is of; "" for the others
	expires time.Time // of its lease; zero when it has none
}

// lease is something to renew: the token, or credentials.
type lease struct {
	of        Leased
	id        string
	ttl       time.Duration // 0: it does not expire
	renewed   time.Time
	renewable bool
	again     bool // another one can take its place at any time
}

func (l lease) expires() time.Time {
	if l.ttl == 0 {
		return time.Time{}
	}
	return l.renewed.Add(l.ttl)
}

// due is when to renew: after two thirds of the time. It is zero when there is nothing to
// renew.
func (l lease) due() time.Time {
	if l.ttl == 0 || !l.renewable && !l.again {
		return time.Time{}
	}
	return l.renewed.Add(l.ttl * 2 / 3)
}

// New returns a source. It contacts nobody yet. Options that cannot be used are
// town.ErrUsage.
func New(o Options) (*Source, error) {
	o.Path = strings.Trim(cmp.Or(o.Path, defaultPath), "/")
	o.Timeout, o.Every = cmp.Or(o.Timeout, defaultTimeout), cmp.Or(o.Every, defaultEvery)
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	client, err := newClient(o)
	if err != nil {
		return nil, err
	}
	s := &Source{
		opts: o, client: client, turn: make(chan struct{}, 1), tried: make(chan struct{}),
		held: map[string]*value{}, hidden: secrets.Values{},
	}
	return s, nil
}

// check finds options that cannot be used.
func (o Options) check() error {
	bad := func(next, format string, args ...any) error {
		return town.Fail("use Vault", next, "%w: "+format, append([]any{town.ErrUsage}, args...)...)
	}
	u, err := url.Parse(o.Address)
	switch {
	case o.Address == "":
		return bad("set GT_VAULT_ADDR, or: gt config secrets.vault_addr https://vault.example.com", "its address is not known")
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http", u.User != nil, u.RawQuery != "":
		return bad("gt config secrets.vault_addr https://vault.example.com", "its address is not a URL that begins with https:// and a host")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return bad("gt config secrets.vault_addr https://"+u.Host, "its address begins with http://, so that everybody on the way could read the secrets")
	case !strings.Contains(o.Path, "/"):
		return bad("gt config secrets.vault_path secret/gastown", "the path %q has no mount: it begins with the place of the engine", town.Clip(o.Path, 80))
	}
	for _, l := range o.Leased {
		if !secrets.IsName(l.Prefix) || strings.Trim(l.Path, "/") == "" {
			return bad("for instance: gt config secrets.vault_leased DB=database/creds/gastown", "secrets.vault_leased is PREFIX=PATH, with commas between them")
		}
	}
	return o.Login.check(bad)
}

// String implements secrets.Source.
func (s *Source) String() string {
	return "Vault at " + s.opts.Address + ", " + s.opts.Path
}

// Lookup implements secrets.Source. If nothing was read yet, it reads, unless an attempt
// has failed just before; see also Options.Tended.
func (s *Source) Lookup(ctx context.Context, name string) (string, bool, error) {
	if err := s.ready(ctx); err != nil {
		return "", false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() {
		return "", false, cmp.Or(s.problem, errNothing)
	}
	v, ok := s.held[name]
	switch {
	case !ok:
		for prefix, err := range s.broken {
			if strings.HasPrefix(name, prefix+"_") {
				return "", false, err
			}
		}
		return "", false, nil
	case v.wrong != "":
		return "", false, errors.New(v.wrong)
	case !v.expires.IsZero() && !s.opts.Now().Before(v.expires):
		return "", false, cmp.Or(s.problem, fmt.Errorf("its lease ended at %s", v.expires.UTC().Format(time.RFC3339)))
	}
	return string(v.text), len(v.text) > 0, nil
}

// Check implements secrets.Source. It asks Vault as Lookup does.
func (s *Source) Check(ctx context.Context) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() {
		return cmp.Or(s.problem, errNothing)
	}
	return s.problem
}

var errNothing = errors.New("nothing was read from it yet")

// ready reads once, or waits until that was tried.
func (s *Source) ready(ctx context.Context) error {
	s.mu.Lock()
	read, failed, again := !s.at.IsZero(), s.failures > 0, s.opts.Now().Sub(s.attempt) >= firstPause
	s.mu.Unlock()
	switch {
	case read:
		return nil
	case s.opts.Tended:
		select {
		case <-s.tried:
			return nil // Lookup says what came of it
		case <-ctx.Done():
			return ctx.Err()
		}
	case failed && !again:
		return nil
	}
	_, err := s.Refresh(ctx)
	return err
}

// State says how a source does, for people.
type State struct {
	// Read is when everything was last read; zero when nothing is held.
	Read time.Time
	// Problem is why Vault cannot be used at present, and Next what to do; "" when it can.
	Problem, Next string
	// Since is when that began.
	Since time.Time
	// Names are the secrets that are held.
	Names []string
	// Ends is when the token expires that can neither be renewed nor be replaced by a
	// login; zero when there is no such time.
	Ends time.Time
}

// State says how it does. It asks nobody.
func (s *Source) State() (out State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out.Read, out.Ends = s.at, s.ends
	if s.problem != nil {
		out.Problem, out.Next, out.Since = s.problem.Error(), town.Next(s.problem), s.since
	}
	for name := range s.held {
		out.Names = append(out.Names, name)
	}
	slices.Sort(out.Names)
	return out
}

// Close ends the leases, and the token if a login of this source made it. What is held is
// wiped. A Lookup that waits for the first reading waits no longer.
func (s *Source) Close(ctx context.Context) error {
	s.mu.Lock()
	s.begin()
	s.mu.Unlock()
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.give()
	s.mu.Lock()
	s.replace(map[string]*value{})
	s.at = time.Time{}
	s.mu.Unlock()
	var failed error
	switch {
	case !s.entered():
	case s.login: // its leases end with it
		failed = s.client.Auth().Token().RevokeSelfWithContext(ctx, "")
	default:
		for _, l := range s.leases {
			if l.id != "" {
				failed = cmp.Or(failed, s.client.Sys().RevokeWithContext(ctx, l.id))
			}
		}
	}
	s.forgetToken()
	if failed != nil {
		return s.fail("log out", failed)
	}
	return nil
}

// begin notes that an attempt has ended. The caller has mu.
func (s *Source) begin() {
	if !s.began {
		s.began = true
		close(s.tried)
	}
}

// take waits for the turn to ask Vault.
func (s *Source) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Source) give() { <-s.turn }

// replace puts values in the place of those that are held, which are wiped. changed
// reports whether they differ. The caller has mu.
func (s *Source) replace(now map[string]*value) (changed bool) {
	changed = len(now) != len(s.held)
	for name, old := range s.held {
		v, ok := now[name]
		changed = changed || !ok || string(v.text) != string(old.text) || v.wrong != old.wrong
		clear(old.text)
	}
	s.held = now
	return changed
}
