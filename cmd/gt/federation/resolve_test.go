package federation

import (
	"testing"
)

func TestUnsettled(t *testing.T) {
	for text, bad := range map[string]bool{
		"plain": false, "a\n<<<<<<< ours\n": true, ">>>>>>> theirs\r\n": true, "||||||| base": true,
		"=======\n": false, "  <<<<<<< ours\n": false, "<<<<<<< oursx\n": false,
	} {
		if err := unsettled(text); (err != nil) != bad {
			t.Errorf("%q: %v", text, err)
		}
	}
}
