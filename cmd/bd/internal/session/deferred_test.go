package session

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestDeferredWriter(t *testing.T) {
	var to bytes.Buffer
	d := &deferredWriter{to: &to, limit: 4}
	for _, c := range []struct{ write, there string }{{"ab", ""}, {"cd", ""}, {"e", "abcde"}, {"fg", "abcdefg"}} {
		if n, err := d.Write([]byte(c.write)); n != len(c.write) || err != nil || to.String() != c.there {
			t.Errorf("after %q: %q, %d, %v", c.write, to.String(), n, err)
		}
	}
	broken := &deferredWriter{to: brokenPipe{}, limit: 4}
	if _, err := broken.Write([]byte("ab")); err != nil {
		t.Error(err)
	}
	if err := broken.flush(); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
