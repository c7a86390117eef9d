package host

import (
	"os"
	"path/filepath"
	"testing"

	"gastown/cmd/internal/shell"
	"gastown/town/config"
	"gastown/town/layout"
)

// Prices that cannot be read stop no work: budgets go by the last ones, also in another
// process, and by the built-in ones when there were none.
func TestUnreadablePrices(t *testing.T) {
	place := layout.Town{Root: t.TempDir()}
	for _, dir := range []string{filepath.Dir(place.Prices()), place.Deacon()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cfg := config.New("alpha")
	cfg.Settings = map[string]string{"budget.town": "10/day"}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(place.Prices(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	see := func(own, builtin, bad bool) {
		t.Helper()
		h := &Host{Layout: place, Config: cfg, call: &shell.Call{Name: "gt test", Invocation: &shell.Invocation{}}}
		b, err := h.budget()
		if err != nil || b.None() {
			t.Fatalf("%+v, %v", b, err)
		}
		if _, ok := b.Prices.Find("mine"); ok != own {
			t.Errorf("the price of the file counts: %v", ok)
		}
		if _, ok := b.Prices.Find("claude-sonnet-4-5"); ok != builtin {
			t.Errorf("the built-in price counts: %v", ok)
		}
		if _, err := h.Prices(); (err != nil) != bad {
			t.Errorf("prices that cannot be read are told: %v", err)
		}
	}
	write("prices: x")
	see(false, true, true)
	write("prices: [{model: mine, input: 1, output: 2}]")
	see(true, true, false)
	write("prices: x")
	see(true, true, true)
	if err := os.Chmod(place.Prices(), 0); err != nil {
		t.Fatal(err)
	}
	see(true, true, true)
	if err := os.Remove(place.Prices()); err != nil {
		t.Fatal(err)
	}
	see(false, true, false)
}
