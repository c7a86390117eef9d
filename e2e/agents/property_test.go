package agents

import (
	"math/rand"
	"strings"
	"testing"
	"time"

	"gastown/town/agent"
)

// property hands over 200 texts, each as soon as the agent takes one.
func property(t *testing.T, s agent.Session, m *model) {
	m.mu.Lock()
	m.thinks = 50 * time.Millisecond
	before := len(m.said)
	m.mu.Unlock()
	random := rand.New(rand.NewSource(1))
	var want []string
	count := map[agent.Result]int{}
	for len(want) < 200 {
		text := Text(random)
		for {
			got, err := s.HandOver(t.Context(), 0, text)
			if err != nil {
				t.Fatal(err)
			}
			count[got.Result]++
			if got.Result == agent.Queued {
				time.Sleep(100 * time.Millisecond)
				continue
			}
			if got.Result != agent.Confirmed {
				show(t, s, m)
				t.Fatalf("text %d, %.60q (%d bytes): %+v", len(want), text, len(text), got)
			}
			break
		}
		want = append(want, text)
	}
	idle(t, s, m)
	m.mu.Lock()
	defer m.mu.Unlock()
	t.Logf("%v", count)
	got := m.said[min(before, len(m.said)):]
	if len(got) != len(want) {
		t.Errorf("%d texts arrived of %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if strings.TrimSpace(got[i]) != strings.TrimSpace(agent.Message(agent.Clean(want[i]))) {
			t.Fatalf("text %d is %.200q, want %.200q", i, got[i], want[i])
		}
	}
}

// Text makes a text of 1 byte to 64 KB with what breaks other ways to type it.
func Text(random *rand.Rand) string {
	pieces := []string{"\n", "\n\n", "'", "\"", ";", "; rm -rf x", "!", "!!", "\t", "\\", "$(x)", "`x`", "\x1b[31m", "\x1b[201~", "\x03", "\r\n", "😀", "👩‍👩‍👧", "é", "表", "a", "word ", "#{x}", "%s", "-t", "{}", "[Pasted"}
	size := 1 + random.Intn(100)
	switch random.Intn(12) {
	case 0:
		return string(rune('a' + random.Intn(26)))
	case 1:
		size = 1 + random.Intn(20_000)
	case 2:
		return strings.Repeat("x", 10_000)
	case 3:
		size = agent.MaxText - 100
	}
	var b strings.Builder
	b.WriteString("t") // no command of the program's
	for left := size; left > 0; {
		piece := pieces[random.Intn(len(pieces))]
		left -= len(agent.Clean(piece))
		b.WriteString(piece)
	}
	return b.String() + "."
}
