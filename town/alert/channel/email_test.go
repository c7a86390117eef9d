package channel

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"gastown/town/alert"
	"gastown/town/plugin"
)

// box is a mail server that keeps what it gets.
type box struct {
	address, ca string
	mu          sync.Mutex
	mails       []string
	to          [][]string
	refuse      error
	refuseTo    map[string]*smtp.SMTPError
	room        int // for how many receivers of one mail there is room; 0 is all
}

type session struct {
	box  *box
	user string
	to   []string
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "gt" || password != "s3cretword" {
			return &smtp.SMTPError{Code: 535, Message: "no: " + password}
		}
		s.user = user
		return nil
	}), nil
}
func (s *session) Mail(string, *smtp.MailOptions) error { return s.box.refuse }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if refusal := s.box.refuseTo[to]; refusal != nil {
		return refusal
	}
	if s.box.room > 0 && len(s.to) == s.box.room {
		return &smtp.SMTPError{Code: 452, Message: "too many recipients"}
	}
	s.to = append(s.to, to)
	return nil
}
func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.mails, s.box.to = append(s.box.mails, s.user+"\n"+string(text)), append(s.box.to, s.to)
	return err
}
func (s *session) Reset()        { s.to = nil }
func (s *session) Logout() error { return nil }

// newBox starts a server with a certificate of its own; full says that TLS begins at once.
func newBox(t *testing.T, full bool) *box {
	t.Helper()
	https := httptest.NewUnstartedServer(nil)
	https.StartTLS() // only for its certificate, which is for 127.0.0.1
	defer https.Close()
	b := &box{ca: filepath.Join(t.TempDir(), "ca.pem")}
	if err := os.WriteFile(b.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: https.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{box: b}, nil }))
	s.TLSConfig = &tls.Config{Certificates: https.TLS.Certificates}
	s.ErrorLog = nothing{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.address = l.Addr().String()
	if full {
		l = tls.NewListener(l, s.TLSConfig)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { _ = s.Close(); serving.Wait() })
	return b
}

type nothing struct{}

func (nothing) Printf(string, ...any) {}
func (nothing) Println(...any)        {}

func (b *box) config(more map[string]interface{}) map[string]interface{} {
	c := map[string]interface{}{"smtp": b.address, "from": "Town <gt@example.com>", "to": []interface{}{"ann@example.com", "bob@example.com"},
		"username": "gt", "password": "s3cretword", "ca_file": b.ca}
	for k, v := range more {
		c[k] = v
	}
	return c
}

// A mail goes encrypted, after a login, to everybody, as plain text.
func TestEmail(t *testing.T) {
	for mode, full := range map[string]bool{startTLS: false, fullTLS: true} {
		b := newBox(t, full)
		c := channelOf(t, b.config(map[string]interface{}{"tls": mode}))
		firing, resolved := messages()
		if answer := send(t, c, firing); !strings.HasPrefix(answer, "the mail server answered 250 ") {
			t.Errorf("%s: %q", mode, answer)
		}
		send(t, c, resolved)
		if len(b.mails) != 2 || len(b.to[0]) != 2 {
			t.Fatalf("%s: %d mails to %v", mode, len(b.mails), b.to)
		}
		user, text, _ := strings.Cut(b.mails[0], "\n")
		m, err := mail.ReadMessage(strings.NewReader(text))
		if err != nil || user != "gt" {
			t.Fatal(user, err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		body, berr := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil || berr != nil || subject != firing.Title || !bytes.Contains(body, []byte(strings.ReplaceAll(firing.Text, "\n", "\r\n"))) ||
			m.Header.Get("Content-Type") != "text/plain; charset=UTF-8" || m.Header.Get("From") != "gt@example.com" {
			t.Errorf("%s: %v, %v, %s", mode, err, berr, b.mails[0])
		}
		second, err := mail.ReadMessage(strings.NewReader(b.mails[1][3:]))
		if err != nil || second.Header.Get("References") != m.Header.Get("References") || second.Header.Get("Message-Id") == m.Header.Get("Message-Id") {
			t.Errorf("%s: they are no thread: %v", mode, b.mails)
		}
	}
}

// What a title holds stays in its header.
func TestMailHeaders(t *testing.T) {
	m := &mailer{from: "gt@example.com", to: []string{"ann@example.com"}}
	text := m.text(alert.Message{Title: "a\r\nBcc: eve@example.com\r\n\r\nx ü", Text: ".\r\n.", Key: "k\r\nX: y"})
	got, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil || got.Header.Get("Bcc") != "" || len(got.Header) != 10 {
		t.Errorf("%v\n%s", err, text)
	}
}

// Every way in which a mail server can fail is an error without a secret, in time.
func TestMailFailures(t *testing.T) {
	b := newBox(t, false)
	firing, _ := messages()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for what, c := range map[string]struct {
		more   map[string]interface{}
		refuse error
		want   string
		again  bool
	}{
		"password":    {map[string]interface{}{"password": "wr0ngw0rd"}, nil, "log in", false},
		"certificate": {map[string]interface{}{"ca_file": ""}, nil, "encrypt the connection", false},
		"full":        {nil, &smtp.SMTPError{Code: 452, Message: "the disk is full"}, "the disk is full", true},
		"refused":     {nil, &smtp.SMTPError{Code: 550, Message: "no such sender"}, "no such sender", false},
		"nobody":      {map[string]interface{}{"smtp": "127.0.0.1:1"}, nil, "connect to the mail server", true},
		"silent":      {map[string]interface{}{"smtp": silent.Addr().String()}, nil, "wait for the mail server", true},
	} {
		b.refuse = c.refuse
		within := time.Minute
		if what == "silent" {
			within = 3 * time.Second
		}
		ctx, cancel := context.WithTimeout(t.Context(), within)
		_, err := channelOf(t, b.config(c.more)).Execute(ctx, firing)
		cancel()
		_, later := errors.AsType[*plugin.Later](err)
		if err == nil || !strings.Contains(err.Error(), c.want) || later != c.again || strings.Contains(err.Error(), "s3cretword") || strings.Contains(err.Error(), "wr0ngw0rd") {
			t.Errorf("%s: %v (later %v)", what, err, later)
		}
	}
}

// A receiver that the server refuses does not keep the mail from the others. It is told, and
// nobody gets the mail twice.
func TestRefusedReceivers(t *testing.T) {
	no, later := &smtp.SMTPError{Code: 550, Message: "no such user"}, &smtp.SMTPError{Code: 450, Message: "not now"}
	for what, c := range map[string]struct {
		to     map[string]*smtp.SMTPError
		room   int
		mails  int
		got    string
		missed string
		again  bool
	}{
		"one":          {map[string]*smtp.SMTPError{"ann@example.com": no}, 0, 1, "bob@example.com", "ann@example.com: 550 ", false},
		"one for now":  {map[string]*smtp.SMTPError{"ann@example.com": later}, 0, 1, "bob@example.com", "ann@example.com: 450 ", false},
		"all":          {map[string]*smtp.SMTPError{"ann@example.com": no, "bob@example.com": no}, 0, 0, "", "no such user", false},
		"all, in part": {map[string]*smtp.SMTPError{"ann@example.com": no, "bob@example.com": later}, 0, 0, "", "not now", true},
		"little room":  {nil, 1, 2, "ann@example.com bob@example.com", "", false},
		"bye":          {map[string]*smtp.SMTPError{"bob@example.com": {Code: 421, Message: "bye"}}, 0, 0, "", "bye", true},
	} {
		t.Run(what, func(t *testing.T) {
			b := newBox(t, false)
			b.refuseTo, b.room = c.to, c.room
			firing, _ := messages()
			out, err := channelOf(t, b.config(nil)).Execute(t.Context(), firing)
			var got []string
			for _, to := range b.to {
				got = append(got, to...)
			}
			if len(b.mails) != c.mails || strings.Join(got, " ") != c.got {
				t.Errorf("%d mails to %q", len(b.mails), got)
			}
			part, _ := out.(plugin.Partial)
			said := part.Missed
			if err != nil {
				said = err.Error()
			}
			_, again := errors.AsType[*plugin.Later](err)
			if (err != nil) != (c.mails == 0) || again != c.again || !strings.Contains(said, c.missed) || (said == "") != (c.missed == "") {
				t.Errorf("%v, %v", out, err)
			}
		})
	}
}

// A header is as long as a line of a mail may be, however many receive it.
func TestManyReceivers(t *testing.T) {
	m := &mailer{from: "gt@example.com"}
	for i := range 50 {
		m.to = append(m.to, strings.Repeat("x", 40+i)+"@example.com")
	}
	text := m.text(alert.NewMessage("gt", "key", "Name", nil))
	for line := range strings.Lines(string(text)) {
		if len(line) > 998 {
			t.Errorf("a line has %d bytes", len(line))
		}
	}
	parsed, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if all, err := parsed.Header.AddressList("To"); err != nil || len(all) != 50 {
		t.Errorf("%d receivers, %v", len(all), err)
	}
}
