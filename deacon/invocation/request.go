package invocation

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// MaxRequest is the largest request, in bytes. It is above the limit that Linux by
// default sets for the arguments and environment of a process.
const MaxRequest = 8 << 20

// MaxStrings is the largest number of arguments and variables of a request.
const MaxStrings = 1 << 17

// magic begins every request; its last byte is the version of the protocol. older
// began those of the former version.
const (
	magic = "GTF\x02"
	older = "GTF\x01"
)

// HeaderSize is the length of a request's header in bytes: magic, and the length
// of what follows.
const HeaderSize = len(magic) + 4

// Streams is the number of descriptors that come with Go: standard input, output
// and error.
const Streams = 3

var (
	// ErrProtocol reports a peer that uses another version of the protocol, or
	// another protocol.
	ErrProtocol = errors.New("the other side does not speak this version of the command protocol")
	// ErrOlder reports a front that uses the former version of the protocol.
	ErrOlder = fmt.Errorf("%w: the front is of a former version", ErrProtocol)
	// ErrTooLarge reports arguments and environment above MaxRequest or MaxStrings.
	ErrTooLarge = errors.New("the arguments and the environment are too large to hand over")
)

// Request is the call of a front.
type Request struct {
	// Program is gt or bd.
	Program string
	// Engine identifies the engine that the front would run itself.
	Engine Identity
	// Self is the path by which the front was started; "" when unknown.
	Self string
	// Dir is the working directory, absolute.
	Dir string
	// Umask is the caller's.
	Umask int
	// Args are the arguments without the program's name, Env the variables as
	// NAME=value. Neither is ever logged.
	Args, Env []string
}

// Identity distinguishes builds of the engine by the file.
type Identity struct{ Device, Inode, Size, Modified uint64 }

// Identify returns the identity of the program at path.
func Identify(path string) (Identity, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return Identity{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return Identity{uint64(st.Dev), st.Ino, uint64(st.Size), uint64(st.Mtim.Nano())}, nil
}

// Encode is the request as it is sent. Arguments and variables cannot contain a NUL
// byte, so NUL ends each of them.
func (r Request) Encode() ([]byte, error) {
	if len(r.Args) > MaxStrings || len(r.Env) > MaxStrings {
		return nil, ErrTooLarge
	}
	var b bytes.Buffer
	b.WriteString(magic)
	b.Write(make([]byte, 4))
	for _, s := range r.fixed() {
		b.WriteString(s)
		b.WriteByte(0)
	}
	for _, list := range [][]string{r.Args, r.Env} {
		b.WriteString(strconv.Itoa(len(list)))
		b.WriteByte(0)
		for _, s := range list {
			b.WriteString(s)
			b.WriteByte(0)
		}
	}
	out := b.Bytes()
	if len(out)-HeaderSize > MaxRequest {
		return nil, ErrTooLarge
	}
	if n := bytes.Count(out[HeaderSize:], []byte{0}); n != len(r.fixed())+2+len(r.Args)+len(r.Env) {
		return nil, fmt.Errorf("%w: an argument holds a NUL byte", ErrProtocol)
	}
	binary.BigEndian.PutUint32(out[len(magic):], uint32(len(out)-HeaderSize))
	return out, nil
}

// fixed are the single values of a request, in the order they are sent.
func (r Request) fixed() []string {
	e := r.Engine
	return []string{
		r.Program, r.Self, r.Dir, strconv.Itoa(r.Umask),
		strings.Join([]string{number(e.Device), number(e.Inode), number(e.Size), number(e.Modified)}, " "),
	}
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// BodySize is the length of the body that a header announces. It fails with
// ErrProtocol, ErrOlder or ErrTooLarge.
func BodySize(header []byte) (int, error) {
	if string(header[:len(magic)]) == older {
		return 0, ErrOlder
	}
	if string(header[:len(magic)]) != magic {
		return 0, ErrProtocol
	}
	size := binary.BigEndian.Uint32(header[len(magic):])
	if size > MaxRequest {
		return 0, ErrTooLarge
	}
	return int(size), nil
}

// Decode reads the body of a request. For any input it neither panics nor uses more
// memory than a small multiple of the input's size.
func Decode(body []byte) (Request, error) {
	d := decoder{rest: string(body)}
	r := Request{Program: d.next(), Self: d.next(), Dir: d.next(), Umask: d.count(0o777)}
	for i, n := range strings.Split(d.next(), " ") {
		v, err := strconv.ParseUint(n, 10, 64)
		if err != nil || i > 3 {
			return Request{}, ErrProtocol
		}
		*[]*uint64{&r.Engine.Device, &r.Engine.Inode, &r.Engine.Size, &r.Engine.Modified}[i] = v
	}
	r.Args, r.Env = d.list(), d.list()
	if d.bad || d.rest != "" {
		return Request{}, ErrProtocol
	}
	return r, nil
}

// decoder takes strings from the front of a body. After the first error it returns
// nothing.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) next() string {
	s, rest, ok := strings.Cut(d.rest, "\x00")
	if !ok {
		d.bad, d.rest = true, ""
		return ""
	}
	d.rest = rest
	return s
}

func (d *decoder) count(most int) int {
	n, err := strconv.Atoi(d.next())
	if err != nil || n < 0 || n > most {
		d.bad = true
		return 0
	}
	return n
}

func (d *decoder) list() []string {
	n := d.count(MaxStrings)
	if d.bad || n > len(d.rest) { // each string takes at least a byte
		d.bad = true
		return nil
	}
	all := make([]string, n)
	for i := range all {
		all[i] = d.next()
	}
	return all
}
