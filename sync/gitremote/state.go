package gitremote

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"gastown/sync/gitcmd"
	"gastown/town"
)

const stateVersion = 1

// stateTemp is added to the name of a state file not yet complete.
const stateTemp = ".next"

// state describes the commit that the tracking ref names, so that a publish need
// not read it again, and a publish whose answer was lost. It is a cache: when it
// does not match the ref, it is rebuilt from the ref.
type state struct {
	Version  int     `json:"version"`
	Head     string  `json:"head"`
	Manifest string  `json:"manifest"` // blob id
	Tables   []table `json:"tables"`
	History  history `json:"history"`
	// Attempt is the last commit that git push was to send; "" once the outcome is
	// known.
	Attempt string `json:"attempt,omitempty"`
	// KeepHistory: the remote forbids rewinding, so the history is not cut.
	KeepHistory bool `json:"keep_history,omitempty"`
}

func (m *Mirror) statePath() string { return filepath.Join(m.opts.Dir, "state.json") }

// loadState reads the state file. A file that is missing, damaged or of another
// version counts as empty, because everything in it can be found out again.
func (m *Mirror) loadState() error {
	m.state = state{Version: stateVersion}
	f, err := os.Open(m.statePath())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	var s state
	if err := json.NewDecoder(io.LimitReader(f, 4*maxRootTree)).Decode(&s); err != nil || s.Version != stateVersion || !s.plausible() {
		m.log.WithField("file", m.statePath()).Info("state file is not usable, reading the object cache instead")
		return nil
	}
	m.state = s
	return nil
}

// plausible checks the values that go into git's input.
func (s state) plausible() bool {
	for _, t := range s.Tables {
		if !gitcmd.IsID(t.ID) || !tableFile(t.File) || t.Size < 0 {
			return false
		}
	}
	return (s.Attempt == "" || gitcmd.IsID(s.Attempt)) && (s.Head == "" || gitcmd.IsID(s.Head) && gitcmd.IsID(s.Manifest))
}

func (m *Mirror) saveState() error { return saveHint(m.statePath(), m.state) }

// saveHint replaces a file beside the mirror atomically. It does not flush it to the
// disk: what a loss of power takes from it is found out again from the remote.
func saveHint(path string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return err
	}
	err = os.WriteFile(path+stateTemp, append(b, '\n'), 0o600)
	if err == nil {
		err = os.Rename(path+stateTemp, path)
	}
	if err != nil {
		return town.Fail("write "+path, "check its permissions and the free space", "%w", diskErr(err))
	}
	return nil
}

// fresh reports whether the state describes the tracking ref.
func (m *Mirror) fresh() bool { return m.state.Head == m.head }

// tableFile reports whether a file name in the mirror is that of a table file.
func tableFile(name string) bool {
	n := len(name) - len(archiveSuffix)
	if n > 0 && name[n:] == archiveSuffix {
		name = name[:n]
	}
	return hashPattern.MatchString(name)
}
