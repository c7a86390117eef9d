package agents

import (
	"path/filepath"
	"testing"
	"time"

	"gastown/town/spending"
)

// written says where each program writes its transcripts, below the home directory.
var written = map[string]string{
	"claude": ".claude/projects/*/*.jsonl", "codex": ".codex/sessions/*/*/*/*.jsonl", "gemini": ".gemini/tmp/*/chats/*.jsonl",
	"opencode": ".local/share/opencode/opencode.db",
}

// transcripts are those that a program wrote, as far as they were read.
type transcripts struct {
	preset, home, project string
	cursors               map[string]spending.Cursor
	used                  spending.Usage
}

// matches reads what the program wrote since the last time, and waits until everything that
// was read is what the model said that the conversation used.
func (r *transcripts) matches(t *testing.T, m *model) {
	t.Helper()
	if r.cursors == nil {
		r.cursors = map[string]spending.Cursor{}
	}
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		m.mu.Lock()
		want := m.used
		m.mu.Unlock()
		paths, err := filepath.Glob(filepath.Join(r.home, written[r.preset]))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			got, err := spending.Read(spending.Format(r.preset), path, r.cursors[path], 1<<30)
			if err != nil {
				t.Log(err) // the program may have changed its database meanwhile
				continue
			}
			if got.Anew {
				t.Errorf("%s was read anew", path)
			}
			for _, one := range got.Messages {
				if one.Dir != r.project || one.Session == "" || one.ID == "" || one.At.IsZero() {
					t.Errorf("a message is %+v", one)
				}
				r.used = r.used.Add(one.Usage)
			}
			r.cursors[path] = got.Next
		}
		if r.used == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the transcripts say %+v, and the model said %+v", r.used, want)
		}
	}
}
