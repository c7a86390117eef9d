package federate

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A remote stays at the address that the preview showed, whatever git's
// configuration says later. A new preview shows the new address.
func TestRemoteStaysWhereItWasShown(t *testing.T) {
	shown, elsewhere := bare(t), bare(t)
	cfg := filepath.Join(tempDir(t), "config")
	points := func(to, push string) {
		t.Helper()
		text := "[url \"" + to + "\"]\n\tinsteadOf = https://alias.invalid/town\n"
		if push != "" {
			text += "[url \"" + push + "\"]\n\tpushInsteadOf = https://alias.invalid/\n\tpushInsteadOf = " + filepath.Dir(to) + "/\n"
		}
		if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GIT_CONFIG_GLOBAL", cfg)
	points(shown, elsewhere)
	remote := Remote{Name: "origin", URL: "https://alias.invalid/town"}
	a := newTown(t, filepath.Join(tempDir(t), "a"), "alpha")
	if _, err := a.Init(t.Context(), remote, func(p Preview) error {
		if p.Address != shown || p.Remote != remote {
			t.Errorf("previewed %+v at %s", p.Remote, p.Address)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if refs(t, shown) == "" || refs(t, elsewhere) != "" {
		t.Fatalf("published %q there and %q elsewhere", refs(t, shown), refs(t, elsewhere))
	}
	tip := func() string {
		t.Helper()
		out, err := exec.Command("git", "-C", shown, "rev-parse", dataRef).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	before := tip()
	points(elsewhere, "")
	a.write("roles/mayor.md", role("mayor", "alpha"))
	a.push(remote.URL)
	if tip() == before || refs(t, elsewhere) != "" {
		t.Errorf("not published there, or %q elsewhere", refs(t, elsewhere))
	}
	b := newTown(t, filepath.Join(tempDir(t), "b"), "beta")
	if _, err := b.Join(t.Context(), Remote{Name: "origin", URL: shown}, func(p Preview) error {
		if p.Address != shown {
			t.Errorf("previewed at %s", p.Address)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	b.want("roles/mayor.md", role("mayor", "alpha"))
}
