package town

import (
	"errors"
	"strings"
	"testing"
)

func TestConversationsAreOneWord(t *testing.T) {
	for _, id := range []string{"5f0c6a1e-7c5b-4f2e-9f1d-6f0f6d4a2b11", "ses_4Xk2", "T-1.2", "7", strings.Repeat("x", 128)} {
		if err := (Conversation{ID: id, Preset: "claude"}).Check(); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{"", "-", "--dangerously-skip-permissions", ".", "../x", "a b", "a\nb", "a;b", "a/b", "$(x)", "é", "a\x00", strings.Repeat("x", 129)} {
		if err := (Conversation{ID: id}).Check(); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := (Conversation{ID: "a", Preset: "x y"}).Check(); !errors.Is(err, ErrUsage) {
		t.Errorf("a preset: %v", err)
	}
}
