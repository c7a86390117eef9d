package clients

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	nginxHost     = "town.example.com"
	nginxPassword = "a password of Ann's"
)

// proxied is nginx in front of a Deacon, as docs/network.md says.
type proxied struct {
	*testing.T
	plain, secure string // addresses
	servers       *x509.CertPool
	clients       authority

	mu   sync.Mutex
	seen []*http.Request // what reached the Deacon
}

// nginxProgram finds nginx: an installed one, or the one that make clients unpacked.
func nginxProgram(t *testing.T) string {
	clients := os.Getenv(clientsEnv)
	if clients == "" {
		t.Skip("make clients runs this")
	}
	if path, err := exec.LookPath("nginx"); err == nil {
		return path
	}
	path := filepath.Join(filepath.Dir(clients), "nginx", "usr", "sbin", "nginx")
	if _, err := os.Stat(path); err != nil {
		t.Skip("there is no nginx: install it, or run make clients on Debian")
	}
	return path
}

// proxy runs nginx with the documented configuration in front of a Town's Deacon.
func proxy(t *testing.T, p *town) *proxied {
	nginxProgram(t)
	var status struct {
		HTTP string `json:"http"`
	}
	if err := json.Unmarshal([]byte(p.run("gt", "deacon", "status", "--json")), &status); err != nil || status.HTTP == "" {
		t.Fatal(status, err)
	}
	out := &proxied{T: t}
	// In between stands what notes how nginx passes requests on.
	to := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: status.HTTP})
	to.FlushInterval = -1
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out.mu.Lock()
		out.seen = append(out.seen, r.Clone(r.Context()))
		out.mu.Unlock()
		to.ServeHTTP(w, r)
	}))
	t.Cleanup(between.Close)
	out.serve(between.Listener.Addr().String())
	return out
}

// serve runs nginx with the documented configuration in front of a server. changes are pairs
// of a text of the configuration and another one in its place.
func (p *proxied) serve(upstream string, changes ...string) {
	t, program := p.T, nginxProgram(p.T)
	t.Helper()
	p.plain, p.secure, p.servers, p.clients = "127.0.0.1:"+freePort(t), "127.0.0.1:"+freePort(t), x509.NewCertPool(), newAuthority(t, "town-clients")
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	servers := newAuthority(t, "servers")
	p.servers.AddCert(servers.certificate)
	pair := servers.issue(t, nginxHost)
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	put("town.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})))
	put("town.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	put("clients-ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.clients.certificate.Raw})))
	hash := exec.CommandContext(t.Context(), "openssl", "passwd", "-6", "-stdin")
	hash.Stdin = strings.NewReader(nginxPassword + "\n")
	hashed, err := hash.Output()
	if err != nil {
		t.Fatal("openssl:", err)
	}
	put("users", "ann:"+string(hashed))

	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "network.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```nginx\n(.*?)```").FindStringSubmatch(string(doc))
	if block == nil {
		t.Fatal("docs/network.md has no configuration of nginx")
	}
	text := block[1]
	for pair := range slices.Chunk(append(changes, "listen 80;", "listen "+p.plain+";", "listen 443 ssl", "listen "+p.secure+" ssl",
		"server 127.0.0.1:8080;", "server "+upstream+";", "/etc/nginx/gastown/", dir+"/"), 2) {
		if !strings.Contains(text, pair[0]) {
			t.Fatalf("the configuration has no %q", pair[0])
		}
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	put("gastown.conf", text)
	var temporary strings.Builder
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temporary, "  %s_temp_path %s/%s;\n", name, dir, name)
	}
	put("nginx.conf", fmt.Sprintf("daemon off;\nmaster_process off;\npid %s/pid;\nevents {}\nhttp {\n  access_log off;\n%s  include %s/gastown.conf;\n}\n", dir, temporary.String(), dir))
	var said bytes.Buffer
	nginx := exec.CommandContext(t.Context(), program, "-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf"))
	nginx.Stdout, nginx.Stderr = &said, &said
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = nginx.Process.Kill(), nginx.Wait()
		if t.Failed() {
			t.Logf("nginx: %s", said.String())
		}
	})
	for _, address := range []string{p.plain, p.secure} {
		awaitPort(t, address[strings.LastIndex(address, ":")+1:])
	}
}

// client is one that trusts the server and shows a certificate, if any.
func (p *proxied) client(shown ...tls.Certificate) *http.Client {
	c := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.servers, ServerName: nginxHost, Certificates: shown}, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	p.Cleanup(c.CloseIdleConnections)
	return c
}

// ask sends a request and returns status and body. user is "" for none.
func (p *proxied) ask(c *http.Client, method, path, user, password string, body io.Reader) (*http.Response, string) {
	p.Helper()
	r, err := http.NewRequestWithContext(p.T.Context(), method, "https://"+p.secure+path, body)
	if err != nil {
		p.Fatal(err)
	}
	r.Host = nginxHost
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	resp, err := c.Do(r)
	if err != nil {
		p.Fatal(method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.Fatal(method, path, err)
	}
	return resp, string(text)
}

// The documented configuration lets in whoever it should, and passes on what it should.
func TestNginx(t *testing.T) {
	nginxProgram(t)
	town := settle(t)
	p := proxy(t, town)
	stranger, friend := p.client(), p.client(p.clients.issue(t, "ann"))
	foreign := p.client(newAuthority(t, "town-clients").issue(t, "ann"))

	// Who gets in.
	for name, c := range map[string]struct {
		client         *http.Client
		user, password string
		want           int
	}{
		"nobody":                   {stranger, "", "", http.StatusUnauthorized},
		"wrong password":           {stranger, "ann", "guess", http.StatusUnauthorized},
		"password":                 {stranger, "ann", nginxPassword, http.StatusOK},
		"certificate":              {friend, "", "", http.StatusOK},
		"certificate of another":   {foreign, "", "", http.StatusBadRequest},
		"the same with a password": {foreign, "ann", nginxPassword, http.StatusBadRequest},
	} {
		for path, has := range map[string]string{"/": "/dashboard/assets/", "/health": `"status"`, "/metrics": "gt_deacon_info", "/api/v1/query?query=1": `"success"`} {
			resp, text := p.ask(c.client, "GET", path, c.user, c.password, nil)
			if resp.StatusCode != c.want && !(path == "/health" && c.want == 200 && resp.StatusCode == 503) || strings.Contains(text, has) != (c.want == 200) {
				t.Errorf("%s, %s: %d: %.200s", name, path, resp.StatusCode, text)
			}
			if resp.Header.Get("Strict-Transport-Security") == "" {
				t.Errorf("%s, %s: no Strict-Transport-Security", name, path)
			}
		}
	}

	// What does not get to the Deacon.
	for path, want := range map[string]int{"/v1/status": 404, "/debug/pprof/": 404, "/dashboard/../v1/status": 404, "/metrics/": 404} {
		if resp, text := p.ask(friend, "GET", path, "", "", nil); resp.StatusCode != want {
			t.Errorf("%s: %d: %.100s", path, resp.StatusCode, text)
		}
	}
	if resp, _ := p.ask(stranger, "POST", "/notify", "", "", strings.NewReader(strings.Repeat("x", 65<<10))); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: %d", resp.StatusCode)
	}
	// A hook needs no password; the Deacon refuses what is not signed.
	if resp, text := p.ask(stranger, "POST", "/notify", "", "", strings.NewReader("{}")); resp.StatusCode < 400 || resp.Header.Get("WWW-Authenticate") != "" || strings.Contains(text, "nginx") {
		t.Errorf("/notify: %d: %s", resp.StatusCode, text)
	}
	p.mu.Lock()
	if len(p.seen) == 0 {
		t.Error("nothing was passed on")
	}
	for _, r := range p.seen {
		if r.Host != "localhost" || r.Header.Get("Authorization") != "" || strings.HasPrefix(r.URL.Path, "/v1/") || strings.HasPrefix(r.URL.Path, "/debug") {
			t.Errorf("passed on: %s %s, host %s, %v", r.Method, r.URL, r.Host, r.Header)
		}
	}
	p.mu.Unlock()

	// Without TLS there is nothing.
	resp, err := p.client().Get("http://" + p.plain + "/metrics?x=1")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusPermanentRedirect || to != "https://127.0.0.1/metrics?x=1" {
		t.Errorf("without TLS: %d to %s", resp.StatusCode, to)
	}
	p.follow(town, friend)
}

// follow checks that events arrive when they happen, although they are small and the
// answer does not end.
func (p *proxied) follow(town *town, c *http.Client) {
	p.Helper()
	r, err := http.NewRequestWithContext(p.T.Context(), "GET", "https://"+p.secure+"/dashboard/events", nil)
	if err != nil {
		p.Fatal(err)
	}
	r.Host = nginxHost
	resp, err := c.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || !strings.HasPrefix(kind, "text/event-stream") {
		p.Fatal(resp.StatusCode, kind)
	}
	lines := make(chan string, 10000)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			lines <- s.Text()
		}
	}()
	await := func(what string) {
		p.Helper()
		late := time.After(patience)
		for {
			select {
			case line, open := <-lines:
				if strings.Contains(line, what) {
					return
				}
				if !open {
					p.Fatal("the events ended")
				}
			case <-late:
				p.Fatalf("no event tells of %q", what)
			}
		}
	}
	await("event: hello")
	await("event: view")
	await("data:")
	town.run("bd", "update", "bd-first", "--claim")
	await("event:") // of what changed
}

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) authority {
	a := authority{}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.certificate = sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, &a.key.PublicKey, a.key)
	return a
}

// issue signs a certificate for a server or a client.
func (a authority) issue(t *testing.T, name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.certificate, &key.PublicKey, a.key)
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
}

func sign(t *testing.T, c, by *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) *x509.Certificate {
	c.SerialNumber, _ = rand.Int(rand.Reader, big.NewInt(1<<62))
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if by == nil {
		by = c
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, by, public, key)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
