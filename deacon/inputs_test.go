package deacon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"gastown/planes/operational"
)

// What stands for the inputs of jobs changes with each of them, whoever changes it, and is
// the same again and again while nothing does.
func TestInputs(t *testing.T) {
	p := found(t)
	r := p.mustStart()
	defer r.end()
	h := r.host
	still := func() string {
		t.Helper()
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if now := h.Inputs(); now != "" && now == h.Inputs() {
				return now
			}
		}
		t.Fatal("the inputs do not settle")
		return ""
	}
	before := still()
	for _, c := range []struct {
		what string
		do   func() error
	}{
		{"the operational plane", func() error {
			return h.Operational(t.Context(), func(s *operational.Store) error {
				_, err := s.Append(t.Context(), operational.Entry{At: time.Now(), Kind: "test.event"})
				return err
			})
		}},
		{"the ledger, by another client", func() error { made(t, p.ledger(), titled("one")); return nil }},
		{"the rigs", func() error { return os.WriteFile(p.layout.RigsConfig(), []byte("rigs: []\n"), 0o600) }},
		{"a clone", func() error { return os.MkdirAll(filepath.Join(p.layout.Rigs(), "web"), 0o700) }},
		{"what is in it", func() error { return os.Mkdir(filepath.Join(p.layout.Rigs(), "web", "repo.git"), 0o700) }},
		{"a reload", func() error { return h.settings.Reload() }},
	} {
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if now := h.Inputs(); now == before {
			t.Errorf("%s changed, and the inputs did not", c.what)
		}
		now := still()
		if now == before {
			t.Errorf("%s changed, and the inputs are what they were", c.what)
		}
		before = now
	}
}
