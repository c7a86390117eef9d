package backup

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"gastown/town"
	"gastown/town/secrets"
)

// The secrets that S3 takes, by the names of the field. The session token belongs to
// temporary credentials only.
const (
	SecretKeyID   = "AWS_ACCESS_KEY_ID"
	SecretKey     = "AWS_SECRET_ACCESS_KEY"
	SecretSession = "AWS_SESSION_TOKEN"
)

const (
	// s3Attempts is how often a request is made that a failure of the server or of the
	// network ended, and s3Pause the longest pause between two.
	s3Attempts = 4
	s3Pause    = 5 * time.Second
	// s3Dial is how long a connection may take, and s3Idle how long nothing may move on one.
	s3Dial = 10 * time.Second
	s3Idle = 2 * time.Minute
	// maxAnswer bounds answers that are not the content of a file, in bytes.
	maxAnswer = 8 << 20
	// maxS3Text bounds what is shown of a server's errors, in bytes.
	maxS3Text = 300
)

// connect returns a client. It reads the credentials once.
func (s *S3) connect(ctx context.Context) (*s3.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		return s.client, nil
	}
	if s.Secrets == nil {
		return nil, s.fail("use the backups", "gt secrets check", "there are no secrets")
	}
	found, err := s.Secrets(ctx, []string{SecretKeyID, SecretKey, SecretSession})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{SecretKeyID, SecretKey} {
		if found[name] == "" {
			return nil, s.fail("use the backups", "gt secrets check", "%w", &secrets.Missing{Name: name, Looked: []string{"the sources of secrets"}})
		}
	}
	s.redact = secrets.Values(found).Redact
	as := aws.Credentials{AccessKeyID: found[SecretKeyID], SecretAccessKey: found[SecretKey], SessionToken: found[SecretSession], Source: "secrets"}
	options := s3.Options{
		Region: s.Region, HTTPClient: s3HTTP(cmp.Or(s.Idle, s3Idle)),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return as, nil }),
		Retryer:     retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = s3Attempts, cmp.Or(s.Pause, s3Pause) }),
		// Put names its own checksum, and fetch checks what arrives against the point.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	if s.Endpoint != "" {
		options.BaseEndpoint, options.UsePathStyle = &s.Endpoint, true
	}
	s.client = s3.New(options)
	return s.client, nil
}

// s3HTTP is a client that follows no redirection, because the next server would get what was
// meant for this one. Nothing may move on a connection for as long as idle.
func s3HTTP(idle time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: s3Dial}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: boundedAnswers{&http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: s3Dial, ExpectContinueTimeout: time.Second,
			MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := dialer.DialContext(ctx, network, address)
				if err != nil {
					return nil, err
				}
				return idleConn{c, idle}, nil
			},
		}},
	}
}

// idleConn fails when nothing moves for some time.
type idleConn struct {
	net.Conn
	idle time.Duration
}

func (c idleConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write also moves the deadline of the read that waits for the answer.
func (c idleConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// boundedAnswers cuts answers that the SDK reads into memory. The content of a file goes to
// the disk.
type boundedAnswers struct{ http.RoundTripper }

func (b boundedAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	out, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	if r.Method != http.MethodGet || q.Has("list-type") || q.Has("uploads") || out.StatusCode >= http.StatusMultipleChoices {
		out.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(out.Body, maxAnswer), out.Body}
	}
	return out, nil
}

// fail is an error about the place.
func (s *S3) fail(op, next, format string, args ...any) error {
	return town.Fail(op+" at "+s.String(), next, format, args...)
}

// failed says what failed and what helps; nil for no error. The server's own words are
// hostile, and may repeat what it was sent.
func (s *S3) failed(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	text, next := err.Error(), "see that the server runs, and that gt config backup.to names it"
	var (
		answer smithy.APIError
		sent   *url.Error
	)
	switch {
	case errors.As(err, &answer):
		text = answer.ErrorCode() + ": " + answer.ErrorMessage()
		next = s3Advice(answer.ErrorCode())
	case errors.As(err, &sent):
		text = sent.Err.Error()
	}
	return s.fail(op, next, "%s", town.Clip(town.Visible(s.redact(strings.Join(strings.Fields(text), " "))), maxS3Text))
}

// s3Advice is what helps against an answer.
func s3Advice(code string) string {
	switch code {
	case "NoSuchBucket":
		return "make the bucket, or name another: gt config backup.to"
	case "InvalidAccessKeyId", "XAdminUserNotFound", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken":
		return "gt secrets check shows where " + SecretKeyID + " and " + SecretKey + " come from; correct them there"
	case "AccessDenied", "Forbidden":
		return "permit the key to list the bucket, and to get, put and delete objects in it"
	case "PermanentRedirect", "MovedPermanently", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return "name the region of the bucket: region=REGION in gt config backup.to"
	case "RequestTimeTooSkewed":
		return "correct the clock of this machine"
	}
	return "look into the log of the server"
}
