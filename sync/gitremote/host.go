package gitremote

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"
)

// skipTurns is for how long turns are not used after the host refused them, or
// they could not be fetched.
const skipTurns = 24 * time.Hour

// host is what was found out about the remote's host, and about turns there. It is a
// hint: what is lost of it is found out again.
type host struct {
	// Skip is until when turns are not used there.
	Skip time.Time `json:"skip_turns,omitzero"`
	// Apart: it cannot move several refs at once.
	Apart bool `json:"apart,omitempty"`
	// Left is the last turn of this Town, Ignored are those of others that cannot be
	// merged; by ref.
	Left    map[string]string `json:"left,omitempty"`
	Ignored map[string]string `json:"ignored,omitempty"`
}

func (m *Mirror) hostPath() string { return filepath.Join(m.opts.Dir, "host.json") }

// loadHost reads the file. One that is missing or damaged counts as empty.
func (m *Mirror) loadHost() error {
	m.host = host{}
	f, err := os.Open(m.hostPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, 1<<20)).Decode(&m.host); err != nil {
		m.log.WithField("file", m.hostPath()).Info("what is known of the host is damaged and is found out again")
		m.host = host{}
	}
	return nil
}

func (m *Mirror) saveHost() error { return saveHint(m.hostPath(), m.host) }

// turnsUsable reports whether turns are used at this remote. Only a first mirror of
// a known Town uses them, and there must be something to be faster with.
func (m *Mirror) turnsUsable() bool {
	return m.lead == nil && m.opts.Town != "" && m.head != "" && time.Now().After(m.host.Skip)
}

// withoutTurns notes that turns are not used at the remote for a while.
func (m *Mirror) withoutTurns() error {
	m.host.Skip = time.Now().Add(skipTurns)
	return m.saveHost()
}

// NoTurns reports that turns are not used at this remote.
func (m *Mirror) NoTurns() bool { return !m.turnsUsable() }
