package invocation

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestRequestRoundTrip(t *testing.T) {
	for _, r := range []Request{
		{},
		{Program: "gt", Self: "/bin/gt", Dir: "/a dir/with\nnewline", Umask: 0o22, Engine: Identity{1, 1 << 63, 3, 4}},
		{Program: "bd", Args: []string{"create", "", "-p", "tab\tand ünïcode"}, Env: []string{"A=", "B=1\n2", "=odd"}},
	} {
		data, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		size, err := BodySize(data[:HeaderSize])
		if err != nil || size != len(data)-HeaderSize {
			t.Fatalf("%d, %v", size, err)
		}
		got, err := Decode(data[HeaderSize:])
		if r.Args == nil {
			r.Args, r.Env = []string{}, []string{}
		}
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, r)
		}
	}
}

func TestRequestRefused(t *testing.T) {
	if _, err := (Request{Args: []string{"a\x00b"}}).Encode(); !errors.Is(err, ErrProtocol) {
		t.Errorf("NUL: %v", err)
	}
	if _, err := (Request{Args: []string{strings.Repeat("x", MaxRequest)}}).Encode(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("long: %v", err)
	}
	if _, err := (Request{Env: make([]string, MaxStrings+1)}).Encode(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("many: %v", err)
	}
	if _, err := BodySize([]byte("HTTP/1.1")); !errors.Is(err, ErrProtocol) {
		t.Errorf("header: %v", err)
	}
}

func TestMessagesRoundTrip(t *testing.T) {
	for _, a := range []Answer{{}, {Writes: true}, {Declined: true, Reason: "why"}, {Declined: true, Reason: strings.Repeat("x", maxReason)}} {
		if got, err := readAnswer(bytes.NewReader(a.Encode())); err != nil || got != a {
			t.Errorf("got %+v, %v, want %+v", got, err, a)
		}
	}
	for _, e := range []Ended{{}, {Code: 5}, {Code: 1, BrokenPipe: true}, {Alone: true}} {
		if got, err := readEnded(bytes.NewReader(e.Encode())); err != nil || got != e {
			t.Errorf("got %+v, %v, want %+v", got, err, e)
		}
	}
	if _, err := readEnded(strings.NewReader("D12")); !errors.Is(err, ErrProtocol) {
		t.Error(err)
	}
}

// Any input is decoded or refused, and a decoded request encodes to the same bytes.
func FuzzDecode(f *testing.F) {
	for _, r := range []Request{{}, {Program: "bd", Args: []string{"show", "x"}, Env: []string{"A=b"}, Dir: "/"}} {
		data, err := r.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[HeaderSize:])
	}
	f.Add([]byte("bd\x00\x00/\x000\x001 2 3 4\x00131072\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := Decode(body)
		if err != nil {
			return
		}
		if len(r.Args)+len(r.Env) > len(body) {
			t.Fatalf("%d strings of %d bytes", len(r.Args)+len(r.Env), len(body))
		}
		again, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(again[HeaderSize:]); err != nil || !reflect.DeepEqual(got, r) {
			t.Fatalf("%+v, %v", got, err)
		}
	})
}

// Another user's Deacon learns of no variable but those of the terminal.
func TestTold(t *testing.T) {
	env := []string{"TERM=dumb", "TOKEN=hunter2", "TZ=UTC", "TERMINAL=x", "odd"}
	for _, c := range []struct {
		owner, user int
		want        []string
	}{
		{1000, 1000, env}, {1000, 0, env}, {0, 0, env},
		{1000, 1001, []string{"TERM=dumb", "TZ=UTC"}}, {0, 1001, []string{"TERM=dumb", "TZ=UTC"}},
	} {
		if got := Told(c.owner, c.user, env); !reflect.DeepEqual(got, c.want) {
			t.Errorf("owner %d, user %d: %q", c.owner, c.user, got)
		}
	}
}
