package hooks

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"gastown/town"
)

const (
	// defaultAttempt bounds one request, defaultAttempts how many are made to
	// one Town. defaultPause is the mean of the first pause between two; later
	// ones double, and each is up to half longer or shorter at random.
	defaultAttempt  = 5 * time.Second
	defaultAttempts = 3
	defaultPause    = 500 * time.Millisecond
	// parallel is how many Towns are notified at the same time.
	parallel = 8
	// maxNoted is how many refs a notification names. The Town pulls all anyway.
	maxNoted = 16
	// reachable is the step after a Town could not be notified.
	reachable = "check that the Town's Deacon runs and has this secret: gt deacon status"
	// DefaultPath is where a Town's Deacon listens for notifications.
	DefaultPath = "/notify"
)

// Note is the body of a notification.
type Note struct {
	// Refs moved; they begin with one of RefPrefixes.
	Refs []string `json:"refs"`
}

// Target is a Town to notify, and the secret it knows.
type Target struct {
	URL    string
	Secret Secret
}

// CheckURL returns the normal form of the address of a Town's Deacon: http or https,
// a host, and a path, by default DefaultPath.
func CheckURL(raw string) (string, error) {
	op := "notify " + town.Clip(raw, 120)
	next := "use http://HOST:PORT, the address of the Town's Deacon"
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "", town.Fail("notify a Town", next, "%w: it is not a URL", town.ErrUsage)
	case u.User != nil:
		return "", town.Fail("notify "+u.Host, next, "%w: the URL of a notification holds no login", town.ErrUsage)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", town.Fail(op, next, "%w: it does not begin with http:// or https://", town.ErrUsage)
	case u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "":
		return "", town.Fail(op, next, "%w: it is not of the form http://HOST:PORT/PATH", town.ErrUsage)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = DefaultPath
	}
	return u.String(), nil
}

// Notifier tells Towns to pull. The zero value is usable.
type Notifier struct {
	// Client makes the requests; it must not follow redirects. Nil means the
	// client of this package.
	Client *http.Client
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Attempts are made to reach a Town (default 3), Pause lies between the
	// first two (default 0.5 s), and each takes at most Attempt (default 5 s).
	Attempts       int
	Pause, Attempt time.Duration
}

// Result is the outcome of notifying one Town.
type Result struct {
	URL string
	Err error
}

// SendAll notifies every Town, several at a time, and returns when all are done.
func (n *Notifier) SendAll(ctx context.Context, targets []Target, note Note) []Result {
	results := make([]Result, len(targets))
	room := make(chan struct{}, parallel)
	var all sync.WaitGroup
	for i, t := range targets {
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			results[i] = Result{t.URL, n.Send(ctx, t, note)}
		})
	}
	all.Wait()
	return results
}

// Send notifies one Town. When the Town cannot be reached, it tries again a few
// times; each attempt is signed anew. The error contains neither the secret nor the
// answer.
func (n *Notifier) Send(ctx context.Context, t Target, note Note) error {
	body, err := json.Marshal(note)
	if err != nil {
		return err
	}
	if len(body) > MaxBody {
		return ErrTooLarge
	}
	attempts, pauses := n.Attempts, backoff.NewExponentialBackOff()
	if attempts <= 0 {
		attempts = defaultAttempts
	}
	pauses.Multiplier = 2
	if pauses.InitialInterval = n.Pause; n.Pause <= 0 {
		pauses.InitialInterval = defaultPause
	}
	var failed error
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		again, err := n.attempt(ctx, t, body)
		if failed = err; err != nil && !again {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(uint(attempts)))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return town.Fail("notify "+t.URL, reachable, "%w: %w", ctx.Err(), failed)
	}
	return town.Fail("notify "+t.URL, reachable, "%w", failed)
}

// attempt makes one request and says whether another might succeed.
func (n *Notifier) attempt(ctx context.Context, t Target, body []byte) (again bool, err error) {
	limit := n.Attempt
	if limit <= 0 {
		limit = defaultAttempt
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	now := time.Now
	if n.Now != nil {
		now = n.Now
	}
	nonce := make([]byte, nonceBytes)
	rand.Read(nonce) // never fails
	r.Header.Set("Content-Type", "application/json")
	claim{method: r.Method, path: r.URL.EscapedPath(), at: now(), nonce: hex.EncodeToString(nonce), body: body}.sign(r, t.Secret)
	client := n.Client
	if client == nil {
		client = ownClient
	}
	answer, err := client.Do(r)
	if err != nil {
		var asked *url.Error
		if errors.As(err, &asked) {
			err = asked.Err
		}
		return true, err
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, MaxBody) // so that the connection can be closed in order
	switch code := answer.StatusCode; {
	case code/100 == 2:
		return false, nil
	case code == http.StatusTooManyRequests, code/100 == 5:
		return true, fmt.Errorf("it answers %d", code)
	case code == http.StatusForbidden:
		return false, errors.New("it refuses the notification (403): another secret, or its clock differs")
	default:
		return false, fmt.Errorf("it answers %d", code)
	}
}

// ownClient follows no redirects: it notifies the address that was configured.
var ownClient = &http.Client{
	Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
	CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	},
}
