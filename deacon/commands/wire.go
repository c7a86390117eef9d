package commands

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"gastown/deacon/invocation"
)

// received is a request at the Deacon's end, with the caller's streams. Whoever
// has one closes it.
type received struct {
	invocation.Request
	Stdin, Stdout, Stderr *os.File
}

// close closes the streams. The caller's own are other descriptors.
func (r *received) close() {
	for _, f := range []*os.File{r.Stdin, r.Stdout, r.Stderr} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// firstRead is the size of the buffer that each connection has before it says
// anything, in bytes. Many requests fit in.
const firstRead = 4 << 10

// receive reads a request. It fails when the peer has not sent all of it within
// the given time. Descriptors that do not belong to a sound request are closed.
func receive(c *net.UnixConn, within time.Duration) (_ *received, err error) {
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	out := &received{}
	defer func() {
		if err != nil {
			out.close()
		}
	}()
	// The first read brings the descriptors, whatever of the data comes with it.
	first := make([]byte, firstRead)
	control := make([]byte, unix.CmsgSpace(invocation.Streams*4))
	n, nc, flags, _, err := c.ReadMsgUnix(first, control)
	files, rightsErr := descriptors(control[:nc])
	if len(files) == invocation.Streams {
		out.Stdin, out.Stdout, out.Stderr = files[0], files[1], files[2]
	}
	if err != nil || rightsErr != nil || len(files) != invocation.Streams || flags&unix.MSG_CTRUNC != 0 {
		if len(files) != invocation.Streams {
			closeAll(files)
		}
		if err == nil {
			err = errors.Join(invocation.ErrProtocol, rightsErr)
		}
		return nil, err
	}
	have := first[:n]
	for len(have) < invocation.HeaderSize {
		more := make([]byte, invocation.HeaderSize-len(have))
		n, err := c.Read(more)
		if err != nil {
			return nil, err
		}
		have = append(have, more[:n]...)
	}
	size, err := invocation.BodySize(have)
	if err != nil {
		return nil, err
	}
	body, err := readBody(c, have[invocation.HeaderSize:], size)
	if err != nil {
		return nil, err
	}
	if out.Request, err = invocation.Decode(body); err != nil {
		return nil, err
	}
	return out, c.SetDeadline(time.Time{})
}

// descriptors takes the files out of control messages.
func descriptors(control []byte) (files []*os.File, err error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m) // net asked for close-on-exec
		if err != nil {
			return files, err
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "caller"))
		}
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// reply sends the Deacon's answer to a request.
func reply(c *net.UnixConn, a invocation.Answer) error { return send(c, a.Encode()) }

// conclude tells the front how the command ended.
func conclude(c *net.UnixConn, e invocation.Ended) error { return send(c, e.Encode()) }

// sendTime bounds a send to a front that does not read.
const sendTime = 5 * time.Second

func send(c *net.UnixConn, data []byte) error {
	if err := c.SetWriteDeadline(time.Now().Add(sendTime)); err != nil {
		return err
	}
	_, err := c.Write(data)
	return err
}

// await reads the front's Go. It fails when the front goes away first, which
// means that the command must not run, or does not decide within the given time.
func await(c *net.UnixConn, within time.Duration) error {
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	var m [1]byte
	if _, err := c.Read(m[:]); err != nil {
		return err
	}
	if m[0] != invocation.KindGo {
		return invocation.ErrProtocol
	}
	return c.SetReadDeadline(time.Time{})
}

// watch calls interrupted for each Interrupt of the front, and use for what it says
// about its streams. It returns when the front is gone, or says anything else, or
// the connection is closed.
func watch(c *net.UnixConn, interrupted func(), use func(reads, writes bool)) {
	var m [1]byte
	for {
		if _, err := c.Read(m[:]); err != nil {
			return
		}
		switch m[0] {
		case invocation.KindInterrupt:
			interrupted()
		case invocation.KindPause:
			use(false, false)
		case invocation.KindBackground:
			use(false, true)
		case invocation.KindContinue:
			use(true, true)
		default:
			return
		}
	}
}

// readBody reads the rest of a body of which some has arrived.
func readBody(r io.Reader, have []byte, size int) ([]byte, error) {
	if len(have) > size {
		return nil, invocation.ErrProtocol
	}
	body := make([]byte, size)
	n := copy(body, have)
	_, err := io.ReadFull(r, body[n:])
	return body, err
}
