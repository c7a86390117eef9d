// Package settings reads a Town's configuration and deacon/schedule.yaml for the
// Deacon. It puts both in force together or not at all, and notices when one of the
// files has changed.
package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"gastown/deacon/schedule"
	"gastown/town/config"
	"gastown/town/layout"
)

// Settings are the two files, read at the same time. They are never changed, only
// replaced.
type Settings struct {
	Config   *config.Config
	Schedule schedule.File

	files stamps
}

// Read reads and checks both files. Afterwards every setting of the configuration
// has a value, including those that a variable of getenv overrides; getenv may be
// nil.
func Read(t layout.Town, getenv func(string) string) (*Settings, error) {
	// Taken before the files are read, so that a change made meanwhile is noticed
	// later.
	files, err := stampsOf(t)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(t.Config())
	if err != nil {
		return nil, err
	}
	cfg.In(getenv)
	for _, key := range config.Keys() {
		if _, _, err := cfg.Get(key.Name); err != nil {
			return nil, fmt.Errorf("read the settings of the Deacon: %w", err)
		}
	}
	file, err := schedule.Load(t.Schedule())
	if err != nil {
		return nil, err
	}
	return &Settings{Config: cfg, Schedule: file, files: files}, nil
}

// stamps distinguish states of the two files, the configuration and the schedule, and of
// those that parts read at a reload: the plugins, their secrets, and the rules.
type stamps [5]stamp

type stamp struct {
	modified time.Time
	size     int64
}

func stampsOf(t layout.Town) (out stamps, err error) {
	for i, path := range []string{t.Config(), t.Schedule(), t.Plugins(), t.Secrets(), t.Rules()} {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return out, err
		}
		out[i] = stamp{info.ModTime(), info.Size()}
	}
	return out, nil
}

// changedForRestart lists the settings that differ and take effect after a restart.
func changedForRestart(first, now *config.Config) (changed []string) {
	for _, key := range config.Keys() {
		was, _, _ := first.Get(key.Name)
		if is, _, _ := now.Get(key.Name); key.Restart && is != was {
			changed = append(changed, key.Name)
		}
	}
	return changed
}
