package commands

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gastown/deacon/invocation"
)

// A peer that does not speak the protocol gets nothing, costs nothing, and leaves
// no descriptor behind.
func TestHostilePeers(t *testing.T) {
	b := newBench(t, verbs{"x": func(context.Context, Call) int { return 0 }}, Options{})
	good, err := invocation.Request{Args: []string{"x"}, Engine: engine}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	long := append([]byte{}, good...)
	binary.BigEndian.PutUint32(long[4:], 1<<31)
	cut := append([]byte{}, good...)
	binary.BigEndian.PutUint32(cut[4:], uint32(len(good)-invocation.HeaderSize-1))
	before := descriptorsOpen(t)
	ready := string(invocation.Answer{}.Encode())
	for name, c := range map[string]struct {
		request, start []byte // each with so many descriptors
		early, fds     int
		answer         string
	}{
		"nothing":          {},
		"no descriptors":   {request: good, start: []byte("G"), answer: ready},
		"two":              {request: good, start: []byte("G"), fds: 2, answer: ready},
		"eight":            {request: good, start: []byte("G"), fds: 8, answer: ready},
		"too early":        {request: good, early: 3, start: []byte("G"), answer: ready},
		"no Go":            {request: good, start: []byte("I"), fds: 3, answer: ready},
		"another protocol": {request: []byte("GET / HTTP/1.1\r\n\r\n"), early: 3},
		"too long":         {request: long, early: 3},
		"cut short":        {request: cut, early: 3},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: b.socket})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			sendWith(t, conn, c.request, c.early)
			answer := make([]byte, len(c.answer))
			if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != c.answer {
				t.Fatalf("the answer is %q, %v", answer, err)
			}
			sendWith(t, conn, c.start, c.fds)
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || os.IsTimeout(err) {
				t.Errorf("read %d bytes, %v", n, err)
			}
		})
	}
	if e := b.start("x").wait(); e.Code != 0 {
		t.Errorf("the next command: %+v", e)
	}
	deadline := time.Now().Add(patience)
	for descriptorsOpen(t) > before+8 { // the last front's own
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors are open, %d were", descriptorsOpen(t), before)
		}
		time.Sleep(time.Millisecond) //nolint:sleep // polls a condition with a deadline
	}
}

// sendWith sends data, and standard input so often.
func sendWith(t *testing.T, conn *net.UnixConn, data []byte, fds int) {
	t.Helper()
	if len(data) == 0 {
		return
	}
	var rights []byte
	if fds > 0 {
		rights = unix.UnixRights(make([]int, fds)...)
	}
	if _, _, err := conn.WriteMsgUnix(data, rights, nil); err != nil {
		t.Fatal(err)
	}
}

// A front of the former version sent the descriptors with its request. It is told to
// run its command itself.
func TestAnOlderFront(t *testing.T) {
	b := newBench(t, verbs{}, Options{Refused: func(why string) { t.Errorf("refused: %s", why) }})
	request, err := invocation.Request{Args: []string{"x"}, Engine: engine}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	request[3] = 1
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: b.socket})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sendWith(t, conn, request, invocation.Streams)
	answer, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, unix.ECONNRESET) || len(answer) == 0 || answer[0] != 'D' {
		t.Errorf("the answer is %q, %v", answer, err)
	}
}

// A Deacon that can have no more descriptors has the front run the command itself.
func TestNoRoomForDescriptors(t *testing.T) {
	b := newBench(t, verbs{"x": func(context.Context, Call) int { t.Error("it ran"); return 0 }}, Options{})
	f, a := b.front(invocation.Request{Args: []string{"x"}})
	if a.Declined {
		t.Fatal(a.Reason)
	}
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	none := was
	none.Cur = 1
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	err := f.begin()
	ended, waitErr := f.Wait()
	if err := errors.Join(unix.Setrlimit(unix.RLIMIT_NOFILE, &was), err, waitErr); err != nil || !ended.Alone {
		t.Errorf("%+v, %v", ended, err)
	}
}

func descriptorsOpen(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
