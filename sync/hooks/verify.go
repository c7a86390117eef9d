package hooks

import (
	"bytes"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// The reasons for which a notification is refused. The sender learns only the HTTP
// status (see Status).
var (
	// ErrMalformed: it is not a notification, or not signed at all.
	ErrMalformed = errors.New("not a signed notification")
	// ErrSignature: it is signed with another secret, or was altered.
	ErrSignature = errors.New("the signature is wrong")
	// ErrStale: it was signed too long ago, in the future, or before the start
	// of the receiver.
	ErrStale = errors.New("signed at another time")
	// ErrReplayed: it was received before.
	ErrReplayed = errors.New("seen before")
	// ErrTooLarge: its body is larger than MaxBody.
	ErrTooLarge = errors.New("larger than allowed")
	// ErrFlood: too many arrive.
	ErrFlood = errors.New("too many")
)

// MaxBody is the largest body of a notification, in bytes.
const MaxBody = 4 << 10

const (
	// defaultWindow is how far the clocks of sender and receiver may differ,
	// and so how long a nonce is remembered.
	defaultWindow = 5 * time.Minute
	// defaultRate and defaultBurst bound how many are accepted, per second and at
	// once. A Town loses nothing by it: one pull takes everything.
	defaultRate  = 5
	defaultBurst = 20
	// guardRate and guardBurst bound how many are examined, signed or not.
	guardRate  = 200
	guardBurst = 200
	// maxNonces bounds how many nonces are remembered. Beyond it no notification is
	// accepted.
	maxNonces = 4096
)

// VerifierOptions say what a Verifier accepts. Only Secret is required.
type VerifierOptions struct {
	// Secret is called for each request, so that a new secret counts at once. When
	// it fails, the request is refused.
	Secret func() (Secret, error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Window is the greatest difference of clocks (default 5 minutes).
	Window time.Duration
	// Rate is how many are accepted per second (default 5), Burst how many at once
	// (default 20).
	Rate  float64
	Burst int
	// Newest is the file (0600) that records when the newest accepted request was
	// signed, so that no request is accepted again after a restart; "" for none.
	Newest string
}

// Verifier checks notifications. It is safe for concurrent use.
type Verifier struct {
	opts    VerifierOptions
	started time.Time
	before  newest // what was accepted before the start
	guard   *rate.Limiter
	accept  *rate.Limiter

	mu       sync.Mutex
	recorded newest               // what the file says
	seen     map[string]time.Time // nonce -> when its request becomes stale
}

// NewVerifier returns a Verifier that accepts what is signed from now on. It refuses
// older requests, because the nonces of requests before the start are not known.
func NewVerifier(opts VerifierOptions) *Verifier {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Window <= 0 {
		opts.Window = defaultWindow
	}
	if opts.Rate <= 0 {
		opts.Rate = defaultRate
	}
	if opts.Burst <= 0 {
		opts.Burst = defaultBurst
	}
	started := opts.Now().Truncate(time.Millisecond)
	before := loadNewest(opts.Newest, started.Add(opts.Window))
	return &Verifier{
		opts: opts, started: started, before: before, recorded: before, seen: map[string]time.Time{},
		guard: rate.NewLimiter(guardRate, guardBurst), accept: rate.NewLimiter(rate.Limit(opts.Rate), opts.Burst),
	}
}

// Verify accepts a request or says why not. It reads at most MaxBody bytes of the
// body, which can be read again afterwards. The server bounds the time that a sender
// may take for it (http.Server.ReadTimeout).
func (v *Verifier) Verify(r *http.Request) error {
	now := v.opts.Now()
	if !v.guard.AllowN(now, 1) {
		return fmt.Errorf("%w: more than %d requests a second", ErrFlood, guardRate)
	}
	c, given, err := parseClaim(r)
	if err != nil {
		return err
	}
	secret, err := v.opts.Secret()
	if err != nil {
		return err
	}
	if secret.text == "" {
		return ErrNoSecret
	}
	if !hmac.Equal([]byte(given), []byte(c.signature(secret))) {
		return ErrSignature
	}
	if d := now.Sub(c.at); d > v.opts.Window || d < -v.opts.Window || c.at.Before(v.started) {
		return fmt.Errorf("%w: the clocks differ by %s", ErrStale, d.Round(time.Second))
	}
	if v.before.forbids(secret, c.at) {
		return fmt.Errorf("%w: one signed then or later was accepted before the start", ErrStale)
	}
	return v.once(c, secret, now)
}

// once accepts a nonce that was not seen, and remembers it until its request is stale.
// It does not accept a request whose time could not be recorded for the time after a
// restart.
func (v *Verifier) once(c claim, s Secret, now time.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for nonce, until := range v.seen {
		if now.After(until) {
			delete(v.seen, nonce)
		}
	}
	if _, ok := v.seen[c.nonce]; ok {
		return ErrReplayed
	}
	if len(v.seen) >= maxNonces || !v.accept.AllowN(now, 1) {
		return fmt.Errorf("%w: more than %g notifications a second", ErrFlood, v.opts.Rate)
	}
	if err := v.note(s, c.at); err != nil {
		return err
	}
	v.seen[c.nonce] = c.at.Add(v.opts.Window)
	return nil
}

// parseClaim reads the claim of a request, which is not verified yet.
func parseClaim(r *http.Request) (c claim, signature string, err error) {
	if r.Method != http.MethodPost {
		return c, "", fmt.Errorf("%w: the method is not POST", ErrMalformed)
	}
	value := func(name string) string {
		if all := r.Header.Values(name); len(all) == 1 {
			return all[0]
		}
		return ""
	}
	at, err := strconv.ParseInt(value(headerTime), 10, 64)
	if err != nil || at < 0 {
		return c, "", fmt.Errorf("%w: no time", ErrMalformed)
	}
	nonce := value(headerNonce)
	if b, err := hex.DecodeString(nonce); err != nil || len(b) != nonceBytes || strings.ToLower(nonce) != nonce {
		return c, "", fmt.Errorf("%w: no nonce", ErrMalformed)
	}
	signature = value(headerSignature)
	if !strings.HasPrefix(signature, signatureVersion) || len(signature) != len(signatureVersion)+64 {
		return c, "", fmt.Errorf("%w: no signature", ErrMalformed)
	}
	if r.ContentLength > MaxBody {
		return c, "", ErrTooLarge
	}
	var body []byte
	if r.Body != nil {
		if body, err = io.ReadAll(io.LimitReader(r.Body, MaxBody+1)); err != nil {
			return c, "", fmt.Errorf("%w: its body ends early", ErrMalformed)
		}
	}
	if len(body) > MaxBody {
		return c, "", ErrTooLarge
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return claim{method: r.Method, path: r.URL.EscapedPath(), at: time.UnixMilli(at), nonce: nonce, body: body}, signature, nil
}

// Status is the HTTP status that answers a notification: 204 for nil. A sender without
// the secret learns only that it is refused.
func Status(err error) int {
	switch {
	case err == nil:
		return http.StatusNoContent
	case errors.Is(err, ErrFlood):
		return http.StatusTooManyRequests
	case errors.Is(err, ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusForbidden
}
