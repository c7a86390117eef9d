package session

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gastown/town/slots"
)

// A short wait is not told, a long one is, and after stop nothing is.
func TestNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		n := startNotice(defaultPatience, func(text string) { said = append(said, text) })
		n.tell(waitText(slots.Wait{Limit: 2, Holders: []string{"bd a", "bd b"}, Ahead: 1}))
		time.Sleep(defaultPatience / 2)
		if len(said) != 0 {
			t.Errorf("%q", said)
		}
		time.Sleep(defaultPatience)
		synctest.Wait()
		n.tell(waitText(slots.Wait{Limit: 2, Holders: []string{"bd a"}}))
		// A wait that begins late is told late, and one that is over is not told.
		n.begin("first")
		n.end()
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
		n.timeUp()
		want := []string{"at most 2 work at once, now bd a and 1 more; 1 came before", "at most 2 work at once, now bd a", "second"}
		if !slices.Equal(said, want) {
			t.Errorf("%q", said)
		}
	})
}
