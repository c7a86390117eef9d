package hooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"gastown/town"
	"gastown/town/strict"
)

const (
	// maxTargets is how many Towns one repository notifies.
	maxTargets = 256
	// maxTargetsFile bounds their file in bytes.
	maxTargetsFile = 256 << 10
	// TargetsFile is the name of the file, in the directory of the repository.
	TargetsFile = "gt-notify.json"
)

// targetsFile is the file beside a shared repository's hooks.
type targetsFile struct {
	Version int           `json:"version"`
	Targets []targetEntry `json:"targets"`
}

type targetEntry struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

// LoadTargets reads the Towns that a shared repository notifies; none when there is
// no file. Only its owner may be able to read the file.
func LoadTargets(path string) ([]Target, error) {
	data, err := readPrivate(path, maxTargetsFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	bad := func(err error) error {
		return town.Fail("read "+path, "put it back from a copy, or install the notifications again", "%w", err)
	}
	var f targetsFile
	if err := strict.JSON(data, &f); err != nil {
		return nil, bad(err)
	}
	if f.Version != 1 || len(f.Targets) > maxTargets {
		return nil, bad(fmt.Errorf("version %d with %d Towns is not understood", f.Version, len(f.Targets)))
	}
	var all []Target
	for i, e := range f.Targets {
		u, err := CheckURL(e.URL)
		if err != nil {
			return nil, bad(err)
		}
		s, err := ParseSecret(e.Secret)
		if err != nil {
			return nil, bad(fmt.Errorf("target %d: %w", i+1, err))
		}
		all = append(all, Target{u, s})
	}
	return all, nil
}

// SaveTargets writes that file (0600), whole or not at all.
func SaveTargets(path string, targets []Target) error {
	if len(targets) > maxTargets {
		return town.Fail("write "+path, "take Towns that are gone out of that file", "%w: at most %d Towns can be notified", town.ErrRefused, maxTargets)
	}
	f := targetsFile{Version: 1, Targets: []targetEntry{}}
	for _, t := range targets {
		f.Targets = append(f.Targets, targetEntry{t.URL, t.Secret.Reveal()})
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return writePrivate(path, append(data, '\n'))
}

// AddTarget adds a Town, or replaces the secret of a Town that is in the list.
func AddTarget(all []Target, t Target) []Target {
	for i := range all {
		if all[i].URL == t.URL {
			all[i] = t
			return all
		}
	}
	return append(all, t)
}
