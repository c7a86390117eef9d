package cli

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gastown/town/slots"
)

// Short waits are nobody's business, long ones are told, and afterwards there is
// silence.
func TestNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		n := &notice{after: defaultPatience, say: func(text string) { said = append(said, text) }}
		n.timer = time.AfterFunc(defaultPatience, n.due)
		n.tell(waitText(slots.Wait{Limit: 2, Holders: []string{"bd a", "bd b"}, Ahead: 1}))
		time.Sleep(defaultPatience / 2)
		if len(said) != 0 {
			t.Errorf("%q", said)
		}
		time.Sleep(defaultPatience)
		synctest.Wait()
		n.tell(waitText(slots.Wait{Limit: 2, Holders: []string{"bd a"}}))
		// What begins late is told late, and what is over is not told.
		n.begin("first")
		n.hush()
		time.Sleep(2 * defaultPatience)
		n.begin("second")
		time.Sleep(defaultPatience / 2)
		if synctest.Wait(); len(said) != 2 {
			t.Errorf("%q", said)
		}
		time.Sleep(defaultPatience)
		synctest.Wait()
		n.stop()
		n.tell(waitText(slots.Wait{Limit: 2}))
		n.due()
		want := []string{"at most 2 work at once, now bd a and 1 more; 1 came before", "at most 2 work at once, now bd a", "second"}
		if !slices.Equal(said, want) {
			t.Errorf("%q", said)
		}
	})
}
