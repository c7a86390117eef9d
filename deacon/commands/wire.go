package commands

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"gastown/deacon/invocation"
)

// received is a request at the Deacon's end. After begin it has the caller's streams.
// Whoever has one closes it.
type received struct {
	invocation.Request
	Stdin, Stdout, Stderr *os.File
	// Files are those that the answer asked for, in its order.
	Files []*os.File
}

// close closes the streams. The caller's own are other descriptors.
func (r *received) close() {
	for _, f := range r.streams() {
		if f != nil {
			_ = f.Close()
		}
	}
	closeAll(r.Files)
}

func (r *received) streams() []*os.File { return []*os.File{r.Stdin, r.Stdout, r.Stderr} }

// special are the file systems whose files do what is written to them, some with the rights
// of who writes.
var special = []int64{unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.DEBUGFS_MAGIC,
	unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC, unix.BPF_FS_MAGIC, unix.EFIVARFS_MAGIC}

// plain reports whether none of the streams is on a special file system, and all files are
// regular ones. The Deacon writes with its owner's rights, so another user may not have it
// write there.
func (r *received) plain() bool {
	return !slices.ContainsFunc(r.streams(), func(f *os.File) bool { return ordinary(f) != nil }) &&
		!slices.ContainsFunc(r.Files, func(f *os.File) bool { return regular(f) != nil })
}

// firstRead is the size of the buffer that each connection has before it says
// anything, in bytes. Many requests fit in.
const firstRead = 4 << 10

// receive reads a request. It fails when the peer has not sent all of it within
// the given time.
func receive(c *net.UnixConn, within time.Duration) (_ *received, err error) {
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	out := &received{}
	// Descriptors that come with it are dropped by the kernel, since nobody asks for them.
	first := make([]byte, firstRead)
	n, err := io.ReadAtLeast(c, first, invocation.HeaderSize)
	if err != nil {
		return nil, err
	}
	have := first[:n]
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

// errDescriptors reports that this process can have no more descriptors, so that it
// did not get those of the streams.
var errDescriptors = errors.New("the Deacon has no descriptors left")

// begin reads the front's Go, and the streams and files that come with it. It fails when the
// front goes away first, which means that the command must not run, or does not
// decide within the given time.
func (r *received) begin(c *net.UnixConn, files int, within time.Duration) error {
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	var m [1]byte
	want := invocation.Streams + files
	control := make([]byte, unix.CmsgSpace(want*4))
	n, nc, flags, _, err := c.ReadMsgUnix(m[:], control)
	got, rightsErr := descriptors(control[:nc])
	switch {
	case err == nil && n == 0:
		err = io.EOF
	case err == nil && len(got) < want && flags&unix.MSG_CTRUNC != 0:
		err = errDescriptors
	case err == nil && (rightsErr != nil || len(got) != want || m[0] != invocation.KindGo):
		err = errors.Join(invocation.ErrProtocol, rightsErr)
	}
	if err != nil {
		closeAll(got)
		return err
	}
	r.Stdin, r.Stdout, r.Stderr, r.Files = got[0], got[1], got[2], got[invocation.Streams:]
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
