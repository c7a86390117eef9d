package check

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/planes/operational"
	"gastown/tmux"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/plugin/health"
)

// place is a Town with empty planes, whose settings a test chooses.
func place(t *testing.T, settings map[string]string) Town {
	t.Helper()
	where := layout.Town{Root: t.TempDir()}
	if err := os.MkdirAll(where.Data(layout.Operational), 0o700); err != nil {
		t.Fatal(err)
	}
	cfg := config.New("alpha")
	cfg.Settings = settings
	return Town{
		Layout: where, Config: cfg, Now: time.Now,
		Sessions:    func(context.Context) ([]tmux.Session, error) { return make([]tmux.Session, 3), nil },
		Operational: func(context.Context, func(*operational.Store) error) error { return nil },
	}
}

// What a plugin does not say is as the Town's settings say, and what it says wins.
func TestThresholds(t *testing.T) {
	for name, v := range map[string]struct {
		what     string
		settings map[string]string
		args     health.Args
		state    State
		says     string
	}{
		"disk, by the settings":      {health.Disk, map[string]string{"deacon.disk_warning": "100", "deacon.disk_critical": "100"}, health.Args{}, Healthy, "100 % warning"},
		"disk, by the plugin":        {health.Disk, map[string]string{"deacon.disk_warning": "100", "deacon.disk_critical": "100"}, health.Args{Warning: 1}, Warning, "1 % warning"},
		"disk, critical by it":       {health.Disk, map[string]string{"deacon.disk_warning": "100", "deacon.disk_critical": "100"}, health.Args{Warning: 1, Critical: 1}, Critical, "1 % critical"},
		"disk, no warning above":     {health.Disk, map[string]string{"deacon.disk_warning": "50", "deacon.disk_critical": "60"}, health.Args{Warning: 100}, Healthy, "100 % warning, 100 % critical"},
		"dolt, by the settings":      {health.Dolt, map[string]string{"deacon.latency_warning": "60000", "deacon.latency_critical": "90000"}, health.Args{}, Healthy, "1m0s warning, 1m30s critical"},
		"dolt, by the plugin":        {health.Dolt, nil, health.Args{WarningTime: time.Hour}, Healthy, "1h0m0s warning, 1h0m0s critical"},
		"tmux, by the settings":      {health.Tmux, map[string]string{"tmux.max_sessions": "2"}, health.Args{}, Warning, "2"},
		"tmux, by the plugin":        {health.Tmux, map[string]string{"tmux.max_sessions": "2"}, health.Args{Sessions: 4}, Healthy, "4"},
		"git, without repositories":  {health.Git, nil, health.Args{}, Healthy, ""},
		"disk, of another directory": {health.Disk, map[string]string{"deacon.disk_warning": "100", "deacon.disk_critical": "100"}, health.Args{Path: os.TempDir()}, Healthy, ""},
	} {
		f, err := place(t, v.settings).Look(t.Context(), v.what, v.args)
		if err != nil || f.State != string(v.state) || !strings.Contains(f.Threshold, v.says) || f.Figure == "" {
			t.Errorf("%s: %+v, %v; want %s and %q", name, f, err, v.state, v.says)
		}
	}
}

// What cannot be looked at is an error, which a health check turns into a critical finding.
func TestLookErrors(t *testing.T) {
	closed := errors.New("the plane is closed")
	p := place(t, nil)
	p.Operational = func(context.Context, func(*operational.Store) error) error { return closed }
	if f, err := p.Look(t.Context(), health.Dolt, health.Args{}); !errors.Is(err, closed) || f.State != "" {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := p.Look(t.Context(), "weather", health.Args{}); err == nil || !strings.Contains(err.Error(), `"weather"`) {
		t.Error(err)
	}
	if f, err := place(t, map[string]string{"deacon.disk_warning": "many"}).Look(t.Context(), health.Disk, health.Args{}); err == nil || f.State != "" {
		t.Errorf("a setting that cannot be read: %+v, %v", f, err)
	}
	if f, err := p.Look(t.Context(), health.Disk, health.Args{Path: filepath.Join(p.Layout.Root, "none")}); err == nil {
		t.Errorf("a directory that does not exist: %+v", f)
	}
}

// The Town's repositories are its own, when it is tracked, and those of its remotes.
func TestRepositories(t *testing.T) {
	p := place(t, nil)
	p.Config.Remotes = []config.Remote{{Name: "origin"}, {Name: "south"}}
	look := func() string {
		t.Helper()
		all, err := Repositories(p.Layout, p.Config)
		if err != nil {
			t.Fatal(err)
		}
		for i := range all {
			all[i], _ = filepath.Rel(p.Layout.Root, all[i])
		}
		return strings.Join(all, " ")
	}
	if got := look(); got != "" {
		t.Error(got)
	}
	south, err := filepath.Rel(p.Layout.Root, filepath.Join(p.Layout.Remote("south"), "objects.git"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{".git", south} {
		if err := os.MkdirAll(filepath.Join(p.Layout.Root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if got := look(); got != ". "+south {
		t.Errorf("%q", got)
	}
	if err := os.WriteFile(filepath.Join(p.Layout.Remote("south"), "..", "origin"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Repositories(p.Layout, p.Config); err == nil || !strings.Contains(err.Error(), "origin") {
		t.Errorf("a remote whose place cannot be looked at: %v", err)
	}
}
