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
	for _, a := range []Answer{{}, {Writes: true}, {Declined: true, Reason: "why"}, {Declined: true, Reason: strings.Repeat("x", maxReason)},
		{Files: []File{{Path: "a"}}}, {Writes: true, Files: []File{{Path: strings.Repeat("x", maxPath), Write: true}, {Path: "ü\n"}}},
	} {
		if got, err := readAnswer(bytes.NewReader(a.Encode())); err != nil || !reflect.DeepEqual(got, a) {
			t.Errorf("got %+v, %v, want %+v", got, err, a)
		}
	}
	for _, e := range []Ended{{}, {Code: 5}, {Code: 1, BrokenPipe: true}, {Alone: true}, {Written: true}} {
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

// A Deacon that names more files than there may be, or longer paths, is not believed.
func TestFilesRefused(t *testing.T) {
	for _, list := range []string{"\x00", "\x09", "\x01\x00\x00\x00", "\x01\x00\xff\xff", "\x02\x00\x00\x01x"} {
		if a, err := readAnswer(strings.NewReader("F\x00" + list)); err == nil {
			t.Errorf("%q: %+v", list, a)
		}
	}
	if Passable(make([]File, 1)) || Passable([]File{{Path: strings.Repeat("x", maxPath+1)}}) || !Passable(nil) {
		t.Error("what the other side refuses is sent")
	}
}

// A front opens what its user named, and nothing else that the other side would like.
func TestNamed(t *testing.T) {
	for _, c := range []struct {
		args  string
		path  string
		write bool
		want  bool
	}{
		{"import notes", "notes", false, true}, {"create --body-file notes", "notes", false, true}, {"create --body-file=notes", "notes", false, true},
		{"comment -fnotes", "notes", false, true}, {"create --metadata @notes", "notes", false, true}, {"create --metadata=@notes", "notes", false, true},
		{"create mynotes", "notes", false, false}, {"create a/notes", "notes", false, false}, {"create --notes", "notes", false, false},
		{"create x", "/etc/shadow", false, false}, {"create x", "", false, false},
		{"export -o out", "out", true, true}, {"export -oout", "out", true, true}, {"export --output out", "out", true, true}, {"export --output=out", "out", true, true},
		{"create out", "out", true, false}, {"create --title=out", "out", true, false}, {"create -t out", "out", true, false},
	} {
		if got := (File{Path: c.path, Write: c.write}).Named(strings.Fields(c.args)); got != c.want {
			t.Errorf("%q names %q to write (%v): %v", c.args, c.path, c.write, got)
		}
	}
}
