package vault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/vault/api"

	"gastown/town"
	"gastown/town/strict"
)

const (
	// maxAnswer is the largest answer of Vault that is read, in bytes.
	maxAnswer = 4 << 20
	// maxCertificates is the largest file of certificates, in bytes.
	maxCertificates = 1 << 20
)

// newClient makes a client that takes nothing from the environment of the process: its
// own default configuration does.
func newClient(o Options) (*api.Client, error) {
	op := "use Vault at " + o.Address
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := strict.ReadFile(o.CAFile, maxCertificates)
		if err != nil {
			return nil, town.Fail(op, "gt config secrets.vault_ca_file names the file of certificates", "%w", err)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(pem) {
			return nil, town.Fail(op, "gt config secrets.vault_ca_file names the file of certificates", "%w: %s has no certificate", town.ErrUsage, o.CAFile)
		}
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust, ForceAttemptHTTP2: true, MaxIdleConns: 2, IdleConnTimeout: time.Minute,
		DialContext: (&net.Dialer{Timeout: o.Timeout}).DialContext, TLSHandshakeTimeout: o.Timeout, ResponseHeaderTimeout: o.Timeout,
		MaxResponseHeaderBytes: 64 << 10,
	}
	client, err := api.NewClient(&api.Config{
		Address: o.Address, Timeout: o.Timeout, MaxRetries: 0,
		HttpClient: &http.Client{
			Transport: bounded{transport},
			// The client follows one redirection itself, from a standby to the active node.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	})
	if err != nil {
		return nil, town.Fail(op, "look at the variables VAULT_*", "%w", err)
	}
	client.ClearToken()
	client.SetNamespace(o.Namespace) // "" is no header
	return client, nil
}

// bounded refuses requests that others could read, and bounds answers.
type bounded struct{ to http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !loopback(r.URL.Hostname()) {
		return nil, errors.New("it led to an address without TLS")
	}
	resp, err := b.to.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &limited{resp.Body, maxAnswer}
	return resp, nil
}

// limited is a body that fails when it is too large.
type limited struct {
	io.ReadCloser
	left int
}

func (l *limited) Read(p []byte) (n int, err error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	n, err = l.ReadCloser.Read(p)
	l.left -= n
	return n, err
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// How Vault failed. Errors of a Source wrap one of them where it is known.
var (
	// ErrSealed: Vault is sealed, so nobody can read anything.
	ErrSealed = errors.New("it is sealed")
	// ErrStandby: no node is active.
	ErrStandby = errors.New("it is a standby, and no node is active")
	// ErrDenied: Vault refuses; the credentials or their policy do not allow it.
	ErrDenied = errors.New("permission denied")
	// ErrUnreachable: there was no answer.
	ErrUnreachable = errors.New("it cannot be reached")
	// ErrAbsent: there is no such secret.
	ErrAbsent = errors.New("there is no such secret")
)

// fail words an error of the client, without what it said of credentials.
func (s *Source) fail(what string, err error) error {
	op := what + " at Vault " + s.opts.Address
	answer, ok := errors.AsType[*api.ResponseError](err)
	if !ok {
		switch {
		case errors.Is(err, context.Canceled):
			return fmt.Errorf("%s: %w", op, context.Canceled)
		case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
			return town.Fail(op, "see whether it runs and answers this machine", "%w: it did not answer within %s", ErrUnreachable, s.opts.Timeout)
		case errors.Is(err, api.ErrSecretNotFound):
			return town.Fail(op, "gt config secrets.vault_path MOUNT/PATH names another place", "%w: %s", ErrAbsent, s.opts.Path)
		}
		return town.Fail(op, "see whether it runs and answers this machine", "%w: %s", ErrUnreachable, s.plain(cause(err)))
	}
	said := ""
	if !answer.RawError {
		said = s.plain(strings.Join(answer.Errors, "; "))
	}
	switch {
	case answer.StatusCode == http.StatusForbidden, answer.StatusCode == http.StatusUnauthorized,
		answer.StatusCode == http.StatusBadRequest && what == loggingIn:
		return town.Fail(op, "give the Town's token or role a policy that lets it read "+s.opts.Path+", then: gt deacon reload", "%w (%d%s)", ErrDenied, answer.StatusCode, before(": ", said))
	case answer.StatusCode == http.StatusServiceUnavailable && strings.Contains(said, "sealed"):
		return town.Fail(op, "have somebody unseal it", "%w", ErrSealed)
	case strings.Contains(said, "not active"):
		return town.Fail(op, "see why Vault has no active node", "%w", ErrStandby)
	}
	return town.Fail(op, "see what Vault's own log says", "%w: it answered %d%s", errAnswer, answer.StatusCode, before(": ", said))
}

var errAnswer = errors.New("it does not serve the request")

func before(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}

// cause is what failed in a request, for people and without its URL.
func cause(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	_, name := errors.AsType[*net.DNSError](err)
	_, trust := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "no program listens there"
	case name:
		return "its name leads to no address"
	case trust:
		return "its certificate is not one that is trusted here"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection broke"
	}
	return err.Error()
}

// plain makes a text of Vault one short line without credentials.
func (s *Source) plain(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text = s.hidden.Redact(strings.Join(strings.Fields(town.Plain(text)), " "))
	return town.Clip(text, 200)
}
