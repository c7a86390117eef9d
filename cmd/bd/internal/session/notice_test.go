package session

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gastown/town/slots"
)

// A short wait is not told. A long one is. After stop nothing is said.
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
		n.stop()
		n.tell(waitText(slots.Wait{Limit: 2}))
		n.timeUp()
		want := []string{"at most 2 work at once, now bd a and 1 more; 1 came before", "at most 2 work at once, now bd a"}
		if !slices.Equal(said, want) {
			t.Errorf("%q", said)
		}
	})
}
