package channel

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/smtp"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/notify/email"

	"gastown/town"
	"gastown/town/alert"
	"gastown/town/plugin"
	"gastown/town/strict"
)

// maxCertificates is the largest ca_file that is read, in bytes.
const maxCertificates = 1 << 20

// How a connection to a mail server is encrypted.
const (
	startTLS = "starttls" // after it began in the clear; the default
	fullTLS  = "tls"      // from its first byte, as on port 465
	noTLS    = "none"     // never; only on this machine
)

// mailer sends email.
type mailer struct {
	address, host      string
	mode               string
	tls                *tls.Config
	from               string
	to                 []string
	username, password string
}

func (c *Channel) email(s settings, wrong *faults) receiver {
	if s.Password != "" {
		c.hidden["password"] = s.Password
	}
	host, port, err := net.SplitHostPort(s.SMTP)
	if err != nil || host == "" || port == "" {
		wrong.add("smtp", "%q is not a host and a port, such as smtp.example.com:587", town.Clip(s.SMTP, 80))
		return nil
	}
	m := &mailer{address: s.SMTP, host: host, mode: s.TLS, username: s.Username, password: s.Password, tls: &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}}
	if m.mode == "" {
		m.mode = map[string]string{"465": fullTLS}[port]
		m.mode = cmp.Or(m.mode, startTLS)
	}
	wrong.join(plugin.OneOf("tls", m.mode, startTLS, fullTLS, noTLS))
	switch {
	case m.mode == noTLS && !loopback(host):
		wrong.add("tls", "without TLS everybody on the way reads the mail and the password: write starttls or tls")
	case (s.Username == "") != (s.Password == ""):
		wrong.add("username", "a login is username and password: give both or none")
	}
	if s.From == "" {
		wrong.add("from", "it is missing: write the sender, such as gastown@example.com")
	} else {
		m.from = mailbox("from", s.From, wrong)
	}
	if len(s.To) == 0 || len(s.To) > 50 {
		wrong.add("to", "it has %d addresses; 1 to 50 are allowed", len(s.To))
	}
	for i, to := range s.To {
		m.to = append(m.to, mailbox(fmt.Sprintf("to.%d", i), to, wrong))
	}
	if s.CAFile != "" {
		pem, err := strict.ReadFile(s.CAFile, maxCertificates)
		m.tls.RootCAs = x509.NewCertPool()
		if err != nil || !m.tls.RootCAs.AppendCertsFromPEM(pem) {
			wrong.add("ca_file", "%s is not a readable file with certificates", town.Clip(s.CAFile, 200))
		}
	}
	return m
}

// send implements receiver. It ends when ctx does, whatever the server does.
func (m *mailer) send(ctx context.Context, msg alert.Message) (string, error) {
	conn, err := dial(ctx, "tcp", m.address)
	if err != nil {
		return "", soon("connect to the mail server", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	answer, err := m.talk(conn, msg)
	if _, sent := errors.AsType[*missedError](err); err != nil && !sent && ctx.Err() != nil {
		err = soon("wait for the mail server", ctx.Err())
	}
	return answer, err
}

// talk is the whole conversation. Its error is a *missedError when some receivers have the
// mail and others do not.
func (m *mailer) talk(conn net.Conn, msg alert.Message) (string, error) {
	if m.mode == fullTLS {
		conn = tls.Client(conn, m.tls)
	}
	c, err := smtp.NewClient(conn, m.host)
	if err != nil {
		return "", soon("greet the mail server", err)
	}
	defer c.Close()
	if m.mode == startTLS {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return "", errors.New("the mail server does not offer STARTTLS; with tls: tls the connection is encrypted from the start")
		}
		if err := c.StartTLS(m.tls); err != nil {
			return "", soon("encrypt the connection", err)
		}
	}
	if m.username != "" {
		if err := m.login(c); err != nil {
			return "", soon("log in to the mail server", err)
		}
	}
	answer, err := m.deliver(c, m.text(msg))
	if _, sent := errors.AsType[*missedError](err); err == nil || sent {
		_ = c.Quit() // the mail is accepted
		answer = "the mail server answered " + answer
	}
	return answer, err
}

// deliver sends the mail to all receivers that the server takes. Those for whom there was no
// room get it in another transaction.
func (m *mailer) deliver(c *smtp.Client, text []byte) (answer string, err error) {
	var missed []error
	rest, sent := m.to, 0
	for len(rest) > 0 {
		at, said, err := m.transaction(c, rest, text)
		if err != nil && sent == 0 {
			return "", err
		}
		missed = append(missed, at.refused...)
		if err != nil || at.sent == 0 {
			missed = append(missed, at.later...)
			if sent == 0 {
				return "", errors.Join(missed...)
			}
			if err != nil {
				missed = append(missed, err)
			}
			break
		}
		answer, rest, sent = said, at.rest, sent+at.sent
	}
	if len(missed) > 0 {
		return answer, &missedError{missed}
	}
	return answer, nil
}

// taken says what a server did with the receivers of one mail.
type taken struct {
	sent           int
	rest           []string // those of later
	later, refused []error
}

// transaction sends one mail to those receivers that the server takes.
func (m *mailer) transaction(c *smtp.Client, to []string, text []byte) (at taken, answer string, err error) {
	if err := c.Mail(m.from); err != nil {
		return at, "", soon("name the sender", err)
	}
	for _, one := range to {
		err := c.Rcpt(one)
		refusal, answered := errors.AsType[*textproto.Error](err)
		switch {
		case err == nil:
			at.sent++
		case !answered, refusal.Code == codeBye: // the server is gone
			return at, "", soon("name the receiver "+one, err)
		case refusal.Code >= 500:
			at.refused = append(at.refused, soon("name the receiver "+one, err))
		default:
			at.later, at.rest = append(at.later, soon("name the receiver "+one, err)), append(at.rest, one)
		}
	}
	if at.sent == 0 {
		return at, "", nil
	}
	if answer, err = data(c.Text, text); err != nil {
		return at, "", soon("send the mail", err)
	}
	return at, answer, nil
}

// codeBye is what a server answers that ends the conversation.
const codeBye = 421

// missedError says which receivers of a mail did not get it while others did.
type missedError struct{ missed []error }

func (e *missedError) Error() string { return errors.Join(e.missed...).Error() }

// login chooses how to log in from what the server offers.
func (m *mailer) login(c *smtp.Client) error {
	ok, offers := c.Extension("AUTH")
	words := strings.Fields(strings.ToUpper(offers))
	switch {
	case ok && slices.Contains(words, "PLAIN"):
		return c.Auth(smtp.PlainAuth("", m.username, m.password, m.host))
	case ok && slices.Contains(words, "LOGIN"):
		return c.Auth(email.LoginAuth(m.username, m.password))
	}
	return fmt.Errorf("it offers neither PLAIN nor LOGIN, only %q", town.Clip(offers, 80))
}

// data sends the mail and returns what the server answered.
func data(c *textproto.Conn, mail []byte) (string, error) {
	id, err := c.Cmd("DATA")
	if err != nil {
		return "", err
	}
	c.StartResponse(id)
	defer c.EndResponse(id)
	if _, _, err := c.ReadResponse(354); err != nil {
		return "", err
	}
	w := c.DotWriter()
	if _, err := w.Write(mail); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	code, text, err := c.ReadResponse(250)
	return fmt.Sprintf("%d %s", code, text), err
}

// text is the mail: plain text, so nothing in it is markup.
func (m *mailer) text(msg alert.Message) []byte {
	var out bytes.Buffer
	now := time.Now()
	id := town.DigestOf(msg.Key, msg.Status, now.Format(time.RFC3339Nano))
	domain := m.from[strings.LastIndexByte(m.from, '@')+1:]
	for _, h := range [][2]string{
		{"From", m.from}, {"To", strings.Join(m.to, ",\r\n ")}, {"Subject", mime.QEncoding.Encode("utf-8", msg.Title)},
		{"Date", now.Format(time.RFC1123Z)}, {"Message-Id", "<" + string(id)[:32] + "@" + domain + ">"},
		// All mails about one name are one thread.
		{"References", "<" + string(town.DigestOf("thread", msg.Key))[:32] + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"}, {"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=UTF-8"}, {"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&out, "%s: %s\r\n", h[0], h[1])
	}
	out.WriteString("\r\n")
	w := quotedprintable.NewWriter(&out)
	_, _ = w.Write([]byte(msg.Title + "\n\n" + msg.Text + "\n")) // into memory
	_ = w.Close()
	return out.Bytes()
}

// soon words an error, which may be over soon unless the server says that it is not.
func soon(what string, err error) error {
	worded := fmt.Errorf("%s: %w", what, err)
	if e, ok := errors.AsType[*textproto.Error](err); ok && e.Code >= 500 {
		return worded
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return worded
	}
	return &plugin.Later{Err: worded}
}
