package vault_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/town/secrets/vault"
	"gastown/town/secrets/vaulttest"
)

// until tends the source for a time, whenever it says that something is due. It returns
// how often secrets changed.
func (r *rig) until(d time.Duration) (changes, calls int) {
	r.t.Helper()
	end := r.Now().Add(d)
	for {
		changed, next := r.Tend(r.t.Context())
		if calls++; changed {
			changes++
		}
		if !next.After(r.Now()) || calls > 1000 {
			r.t.Fatalf("call %d: next is due at %s, now is %s", calls, next, r.Now())
		}
		if next.After(end) {
			r.Pass(end.Sub(r.Now()))
			return changes, calls
		}
		r.Pass(next.Sub(r.Now()))
	}
}

func count(all []string, one string) (n int) {
	for _, a := range all {
		if a == one {
			n++
		}
	}
	return n
}

// Over two days the token is renewed, replaced at the end of its life, and never missing.
func TestTokenIsRenewed(t *testing.T) {
	r := open(t, approle)
	r.until(48 * time.Hour)
	asked := r.Requests()
	logins, renewals := count(asked, "PUT auth/approle/login"), count(asked, "PUT auth/token/renew-self")
	// Renewed after two thirds of an hour; three hours are a token's life.
	if logins < 15 || logins > 24 || renewals < 48 || renewals > 100 {
		t.Errorf("%d logins, %d renewals", logins, renewals)
	}
	r.has("TOKEN", "swordfish-1")
	if s := r.State(); s.Problem != "" || !s.Ends.IsZero() {
		t.Errorf("%+v", s)
	}
	t.Logf("in 48 h: %d logins, %d renewals, %d requests", logins, renewals, len(asked))
}

// Tokens that cannot be renewed, and very short ones, are replaced in time.
func TestShortTokens(t *testing.T) {
	for _, ttl := range []time.Duration{3 * time.Second, 30 * time.Second} {
		for _, renewable := range []bool{false, true} {
			r := open(t, approle)
			r.Lifetimes(ttl, 10*ttl, renewable)
			r.until(20 * ttl)
			r.has("TOKEN", "swordfish-1")
			if s := r.State(); s.Problem != "" {
				t.Errorf("%s: %+v", ttl, s)
			}
			if n := count(r.Requests(), "GET secret/data/gastown"); n > 60 {
				t.Errorf("%s: read %d times", ttl, n)
			}
		}
	}
}

// A person's token is renewed; when that is over, the state says until when it lasts, and
// a token that is put in its place is used.
func TestPersonsToken(t *testing.T) {
	token := ""
	r := open(t, func(o *vault.Options) { o.Login.Getenv = func(string) string { return token } })
	token = r.NewToken()
	r.until(2 * time.Hour)
	if s := r.State(); s.Problem != "" {
		t.Errorf("%+v", s)
	}
	r.until(50 * time.Minute)
	s := r.State()
	if s.Problem != "" || s.Ends.IsZero() || s.Ends.Sub(r.Now()) > time.Hour {
		t.Errorf("%+v at %s", s, r.Now())
	}
	r.until(time.Hour)
	r.fails("TOKEN", vault.ErrDenied, "")
	token = r.NewToken()
	r.until(2 * time.Minute)
	r.has("TOKEN", "swordfish-1")
}

// Credentials with leases are renewed, replaced at their end, and not made anew without
// need.
func TestLeases(t *testing.T) {
	r := open(t, func(o *vault.Options) {
		approle(o)
		o.Leased = []vault.Leased{{Prefix: "DB", Path: "database/creds/gastown"}}
	})
	r.until(time.Minute)
	first, _, err := r.Lookup(t.Context(), "DB_PASSWORD")
	if err != nil || !strings.Contains(first, "password") {
		t.Fatal(first, err)
	}
	r.has("DB_USERNAME", "v-token-gastown-000002")
	r.until(2 * time.Hour)
	if again, _, err := r.Lookup(t.Context(), "DB_PASSWORD"); err != nil || again != first {
		t.Errorf("%v: other credentials while the lease was renewed", err)
	}
	changes, _ := r.until(46 * time.Hour)
	asked := r.Requests()
	made := count(asked, "GET database/creds/gastown")
	if made < 15 || made > 40 || changes < 15 || changes > 40 {
		t.Errorf("made %d times, changed %d times", made, changes)
	}
	if _, leases := r.Tokens(); leases == 0 || leases > 2 {
		t.Errorf("%d leases live", leases)
	}
	// The credentials that are held work at any time.
	for range 200 {
		r.until(7 * time.Minute)
		if _, _, err := r.Lookup(t.Context(), "DB_PASSWORD"); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Source.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if tokens, leases := r.Tokens(); tokens > 1 || leases > 1 { // one token at the end of its life may be left
		t.Errorf("%d tokens and %d leases are left", tokens, leases)
	}
}

// Credentials that cannot be had do not keep other secrets away, and a lease that ends
// while Vault is away is not used any longer.
func TestLeasesFail(t *testing.T) {
	leased := func(o *vault.Options) { o.Leased = []vault.Leased{{Prefix: "DB", Path: "database/creds/gastown"}} }
	r := open(t, leased)
	r.Deny("database/")
	r.until(time.Second)
	r.has("TOKEN", "swordfish-1")
	r.has("OTHER", "")
	r.fails("DB_PASSWORD", vault.ErrDenied, "database/creds/gastown")
	if s := r.State(); s.Problem == "" {
		t.Error("no problem is told")
	}
	r.until(10 * time.Minute)
	r.Requests()
	r.until(time.Hour)
	if n := count(r.Requests(), "GET database/creds/gastown"); n > 65 {
		t.Errorf("asked %d times in an hour for what is refused", n)
	}
	r.Deny()
	r.until(2 * time.Minute)
	if s := r.State(); s.Problem != "" {
		t.Errorf("%+v", s)
	}
	if v, _, err := r.Lookup(t.Context(), "DB_PASSWORD"); err != nil || v == "" {
		t.Error(err)
	}
	r.Be(vaulttest.Sealed)
	r.until(50 * time.Minute)
	if _, _, err := r.Lookup(t.Context(), "DB_PASSWORD"); err != nil {
		t.Error(err)
	}
	r.until(12 * time.Minute)
	r.fails("DB_PASSWORD", vault.ErrSealed, "sealed")
	r.has("TOKEN", "swordfish-1")
}

// A person's token is renewed also while some credentials are refused.
func TestTokenIsRenewedWhileALeaseFails(t *testing.T) {
	token := ""
	r := open(t, func(o *vault.Options) {
		o.Login.Getenv = func(string) string { return token }
		o.Leased = []vault.Leased{{Prefix: "DB", Path: "database/creds/gastown"}}
	})
	token = r.NewToken()
	r.Deny("database/")
	r.until(2 * time.Hour)
	r.has("TOKEN", "swordfish-1")
	if n := count(r.Requests(), "PUT auth/token/renew-self"); n < 2 || n > 5 {
		t.Errorf("renewed %d times", n)
	}
}

// A renewal that fails is tried again ever more rarely.
func TestRenewalFails(t *testing.T) {
	r := open(t, approle)
	r.until(39 * time.Minute)
	r.Requests()
	r.Fail("auth/token/renew-self")
	r.until(15 * time.Minute)
	if n := count(r.Requests(), "PUT auth/token/renew-self"); n < 10 || n > 30 {
		t.Errorf("tried %d times in 14 minutes", n)
	}
	if s := r.State(); s.Problem == "" || r.Now().Sub(s.Since) < 13*time.Minute {
		t.Errorf("%+v at %s", s, r.Now())
	}
	r.has("TOKEN", "swordfish-1")
	r.Fail()
	r.until(2 * time.Minute)
	if s := r.State(); s.Problem != "" {
		t.Errorf("%+v", s)
	}
}

// A change at Vault is read within the interval. Attempts against a Vault that is away
// get rarer, up to one a minute.
func TestReadAgain(t *testing.T) {
	r := open(t, nil)
	r.until(time.Minute)
	r.Put("secret/gastown", map[string]any{"TOKEN": "swordfish-2"})
	if changes, _ := r.until(6 * time.Minute); changes != 1 {
		t.Errorf("%d changes", changes)
	}
	r.has("TOKEN", "swordfish-2")
	r.Be(vaulttest.Sealed)
	r.until(10 * time.Minute)
	r.Requests()
	r.until(time.Hour)
	if n := len(r.Requests()); n < 55 || n > 65 {
		t.Errorf("%d requests in an hour", n)
	}
	r.Be(vaulttest.Active)
	if changes, _ := r.until(2 * time.Minute); changes != 0 || r.State().Problem != "" {
		t.Errorf("%d changes, %+v", changes, r.State())
	}
}

// Nothing that is held stays in memory after it was replaced.
func TestWiped(t *testing.T) {
	r := open(t, nil)
	r.has("TOKEN", "swordfish-1")
	held := vault.Held(r.Source)
	r.Put("secret/gastown", map[string]any{"TOKEN": "swordfish-2"})
	if _, err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	later := vault.Held(r.Source)
	if err := r.Source.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, text := range slices.Concat(held, later) {
		if strings.Trim(string(text), "\x00") != "" {
			t.Errorf("%q is still there", text)
		}
	}
	if len(held) == 0 || len(later) == 0 {
		t.Error("nothing was held")
	}
	if _, _, err := r.Lookup(t.Context(), "TOKEN"); err != nil && errors.Is(err, vault.ErrDenied) {
		t.Error(err)
	}
}
