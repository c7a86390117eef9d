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
	"os"
	"strings"
	"syscall"

	"gastown/town"
)

// maxAnswer is the largest answer that is read, in bytes.
const maxAnswer = 4 << 20

// ErrNoDeacon reports that nobody answers on the socket: no Deacon runs.
var ErrNoDeacon = errors.New("no Deacon runs in this Town")

// Client talks to the Deacon behind a socket. It is safe for concurrent use.
type Client struct {
	path string
	http *http.Client
}

// NewClient returns a client; it connects with each call, and keeps the
// connection for the next one.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &Client{path: socket, http: &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConns: 4}}}
}

// Close gives up idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status asks for the Deacon's state. Like every call it fails with ErrNoDeacon
// when there is none.
func (c *Client) Status(ctx context.Context) (out Status, err error) {
	err = c.call(ctx, "GET", "status", nil, &out)
	return out, err
}

// Stop asks the Deacon to end; it does so within a few seconds.
func (c *Client) Stop(ctx context.Context) error { return c.call(ctx, "POST", "stop", nil, nil) }

// Reload has the configuration and the schedule read anew. When one of them
// makes no sense the former ones stay in force and the error says why.
func (c *Client) Reload(ctx context.Context) error { return c.call(ctx, "POST", "reload", nil, nil) }

// Run runs a check or a job, waits for it and returns how it went.
func (c *Client) Run(ctx context.Context, name string) (out Ran, err error) {
	err = c.call(ctx, "POST", "run", runRequest{name}, &out)
	return out, err
}

// Sync has the federation synced now with a remote, or with all of them when
// it is "". With wait it returns how that went, else at once.
func (c *Client) Sync(ctx context.Context, remote string, wait bool) ([]Run, error) {
	var out Ran
	err := c.call(ctx, "POST", "federation", syncRequest{remote, wait}, &out)
	return out.Runs, err
}

// Heartbeat says that an agent is alive. It is kept in memory first and
// written with others every few seconds.
func (c *Client) Heartbeat(ctx context.Context, h Heartbeat) error {
	return c.call(ctx, "POST", "heartbeat", h, nil)
}

// Lend has the Deacon give up the planes, so that this process can open them
// itself. They are given back by release, or when this process ends.
func (c *Client) Lend(ctx context.Context) (release func() error, err error) {
	// The lease is the connection's, so its context must outlive ctx.
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
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://deacon/v1/"+what, body)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist) {
			return nil, town.Fail("ask the Deacon for "+what, "gt deacon start", "%w", ErrNoDeacon)
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

// refused turns an answer into the error it was.
func refused(what string, res *http.Response) error {
	var f failure
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil && res.StatusCode == http.StatusUnprocessableEntity {
		err = json.Unmarshal(data, &f)
	}
	if err != nil || f.Error == "" {
		return fmt.Errorf("ask the Deacon for %s: it answers %s", what, res.Status)
	}
	cause := error(remoteError{f.Error, wordFor[f.Kind]})
	if f.Next != "" {
		return told{&town.Error{Err: cause, Next: f.Next}}
	}
	return cause
}

// remoteError is an error of the Deacon's: its text and its kind.
type remoteError struct {
	text string
	kind error
}

func (e remoteError) Error() string { return strings.TrimSpace(e.text) }
func (e remoteError) Unwrap() error { return e.kind }

// told is an error of the Deacon's with its advice; the text says already what
// failed.
type told struct{ advice *town.Error }

func (e told) Error() string { return e.advice.Err.Error() }
func (e told) Unwrap() error { return e.advice }
