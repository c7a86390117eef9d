package doctor

import (
	"net"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestListening(t *testing.T) {
	for _, network := range []string{"tcp4", "tcp6"} {
		before, err := listening(os.Getpid())
		if err != nil {
			t.Skip("no /proc:", err)
		}
		l, err := net.Listen(network, map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"}[network])
		if err != nil {
			t.Log(err) // a machine without IPv6
			continue
		}
		at := parsed(l.Addr().String())
		now, err := listening(os.Getpid())
		if err != nil || slices.Contains(before, at) || !slices.Contains(now, at) || len(now) != len(before)+1 {
			t.Errorf("%s: %v, then %v, %v", at, before, now, err)
		}
		_ = l.Close()
		if now, _ = listening(os.Getpid()); slices.Contains(now, at) {
			t.Errorf("%s is closed and still there", at)
		}
	}
}

func TestWhoReachesIt(t *testing.T) {
	for address, c := range map[string]struct {
		token    bool
		severity severity
		text     string
	}{
		"127.0.0.1:8080": {false, note, "programs of this machine reach it; nothing asks for a token"},
		"[::1]:8080":     {true, note, "the dashboard asks for a token"},
		"0.0.0.0:8080":   {false, warning, "every machine that reaches one of this machine's addresses"},
		"[::]:8080":      {true, warning, "/metrics and /api/v1 answer without a token"},
		"192.0.2.1:8080": {false, warning, "the dashboard answers this machine only"},
	} {
		f := ofHTTP(address, c.token)
		if f.Severity != c.severity || !strings.Contains(f.What, c.text) || (f.Next == "") != (c.severity == note) {
			t.Errorf("%s: %+v", address, f)
		}
	}
	for mode, want := range map[os.FileMode]severity{0o600: note, 0o660: note, 0o666: warning} {
		if f := ofSocket("/s", "x", mode|os.ModeSocket); f.Severity != want {
			t.Errorf("%o: %+v", mode, f)
		}
	}
}
