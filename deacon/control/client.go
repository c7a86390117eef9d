package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gastown/deacon/guard"
	"gastown/town"
)

// maxAnswer is the largest answer that is read, in bytes.
const maxAnswer = 4 << 20

// ErrSilent reports a Deacon that did not answer while its caller waited. It wraps
// town.ErrBusy.
var ErrSilent = fmt.Errorf("%w: the Deacon does not answer", town.ErrBusy)

// ErrNoDeacon reports that no process answers on the socket: no Deacon runs.
var ErrNoDeacon = errors.New("no Deacon runs in this Town")

// Client talks to the Deacon behind a socket. It is safe for concurrent use.
type Client struct {
	// Waiting is called, from another goroutine, with the reason when a request has
	// to wait. May be nil. Set it before the client is used.
	Waiting func(what string)

	path string
	http *http.Client
}

// NewClient returns a client. It connects with the first call, and uses the
// connection again for the next ones.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &Client{path: socket, http: &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConns: 4}}}
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status asks for the Deacon's state. Like every call it fails with ErrNoDeacon
// when there is none.
func (c *Client) Status(ctx context.Context) (out Status, err error) {
	err = c.call(ctx, "GET", "status", nil, &out)
	return out, err
}

// Stop asks the Deacon to stop, which it does within a few seconds.
func (c *Client) Stop(ctx context.Context) error { return c.call(ctx, "POST", "stop", nil, nil) }

// Reload makes the Deacon read the configuration and the schedule again. When one
// of them is malformed, the former ones stay in force and the error says why.
func (c *Client) Reload(ctx context.Context) error { return c.call(ctx, "POST", "reload", nil, nil) }

// Run runs a check or a job, waits for it and returns its outcome.
func (c *Client) Run(ctx context.Context, name string) (out Ran, err error) {
	err = c.call(ctx, "POST", "run", runRequest{name}, &out)
	return out, err
}

// Sync makes the Deacon sync the federation now with one remote, or with all of
// them when remote is "". With wait it returns the outcome, otherwise at once.
func (c *Client) Sync(ctx context.Context, remote string, wait bool) ([]Run, error) {
	var out Ran
	err := c.call(ctx, "POST", "federation", SyncRequest{remote, wait}, &out)
	return out.Runs, err
}

// Heartbeat reports that an agent is alive. The Deacon writes heartbeats together
// every few seconds. A heartbeat over the limit is sent again until ctx ends, or
// for ten seconds if ctx has no deadline.
func (c *Client) Heartbeat(ctx context.Context, h Heartbeat) error {
	ctx, cancel := patient(ctx)
	defer cancel()
	for {
		err := c.call(ctx, "POST", "heartbeat", h, nil)
		var over *limited
		if !errors.As(err, &over) {
			return err
		}
		select {
		case <-time.After(over.again):
		case <-ctx.Done():
			return err
		}
	}
}

// Agents lists the agents with a recent heartbeat.
func (c *Client) Agents(ctx context.Context) (all []Agent, err error) {
	err = c.call(ctx, "GET", "agents", nil, &all)
	return all, err
}

// Cache warms, refreshes or clears caches of the Deacon, and returns what was done.
func (c *Client) Cache(ctx context.Context, r CacheRequest) (done []CacheDone, err error) {
	err = c.call(ctx, "POST", "cache", r, &done)
	return done, err
}

// CacheStats returns the statistics of the Deacon's caches.
func (c *Client) CacheStats(ctx context.Context) (out CacheStats, err error) {
	err = c.call(ctx, "GET", "cache", nil, &out)
	return out, err
}

// Lend has the Deacon lend the planes, so that this process can open them itself.
// The lease ends with release, or with this process.
func (c *Client) Lend(ctx context.Context) (release func() error, err error) {
	// The lease lasts as long as the connection, so its context must outlive ctx.
	lease, end := context.WithCancel(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, end)()
	res, err := c.send(lease, "POST", "lend", nil)
	if err != nil {
		end()
		return nil, err
	}
	return func() error { end(); return res.Body.Close() }, nil
}

// call sends a request and reads its answer.
func (c *Client) call(ctx context.Context, method, what string, in, out any) error {
	res, err := c.send(ctx, method, what, in)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body := io.LimitReader(res.Body, maxAnswer)
	if out != nil {
		err = json.NewDecoder(body).Decode(out)
	}
	_, _ = io.Copy(io.Discard, body) // so that the connection can be used again
	if err != nil {
		return fmt.Errorf("ask the Deacon for %s: %w", what, err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, method, what string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		data, err := encode(in)
		if err != nil {
			return nil, err
		}
		if len(data) > maxRequest {
			return nil, fmt.Errorf("ask the Deacon for %s: %w: a request of %d bytes, the limit is %d", what, town.ErrUsage, len(data), maxRequest)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(c.trace(ctx), method, "http://deacon"+prefix+what, body)
	if err != nil {
		return nil, err
	}
	wait := defaultPatience
	if end, ends := ctx.Deadline(); ends {
		wait = time.Until(end)
	}
	req.Header.Set(guard.PatienceHeader, strconv.FormatInt(max(0, wait.Milliseconds()), 10))
	res, err := c.http.Do(req)
	if err != nil {
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist) {
			return nil, town.Fail("ask the Deacon for "+what, "gt deacon start", "%w", ErrNoDeacon)
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, town.Fail("ask the Deacon for "+what, "gt deacon status tells what is wrong with it", "%w on %s", ErrSilent, c.path)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, town.Fail("ask the Deacon for "+what, "gt deacon status", "it is at %s and does not answer: %w", c.path, err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	return nil, refused(what, res)
}

// trace calls Waiting with what a request waits for.
func (c *Client) trace(ctx context.Context) context.Context {
	if c.Waiting == nil {
		return ctx
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(_ int, header textproto.MIMEHeader) error {
			if text := header.Get(guard.WaitingHeader); text != "" {
				c.Waiting(text)
			}
			return nil
		},
	})
}

// refused turns an answer into the Deacon's error.
func refused(what string, res *http.Response) error {
	if res.StatusCode == http.StatusTooManyRequests {
		return overLimit(what, res)
	}
	var f failure
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil && res.StatusCode == http.StatusUnprocessableEntity {
		err = json.Unmarshal(data, &f)
	}
	if err != nil || f.Error == "" {
		return fmt.Errorf("ask the Deacon for %s: it answers %s", what, res.Status)
	}
	cause := error(remoteError{f.Error, kinds[f.Kind]})
	if f.Next != "" {
		return advised{&town.Error{Err: cause, Next: f.Next}}
	}
	return cause
}

// remoteError is an error that the Deacon returned: its text and its kind.
type remoteError struct {
	text string
	kind error
}

func (e remoteError) Error() string { return strings.TrimSpace(e.text) }
func (e remoteError) Unwrap() error { return e.kind }

// advised is an error of the Deacon with its advice. The text already says what
// failed.
type advised struct{ advice *town.Error }

func (e advised) Error() string { return e.advice.Err.Error() }
func (e advised) Unwrap() error { return e.advice }
