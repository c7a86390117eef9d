package agent

import (
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// randomText makes a text of 1 byte to 64 KB with what breaks other ways to type it.
func randomText(random *rand.Rand) string {
	pieces := []string{"\n", "\n\n", "'", "\"", ";", "; rm -rf x", "!", "!!", "\t", "\\", "$(x)", "`x`", "\x1b[31m", "\x1b[201~", "\x03", "\r\n", "😀",
		"👩‍👩‍👧", "é", "表", "a", "word ", "#{x}", "%s", "-t", "{}", "[Pasted", "\xff"}
	size := 1 + random.Intn(100)
	switch random.Intn(12) {
	case 0:
		return string(rune('a' + random.Intn(26)))
	case 1:
		size = 1 + random.Intn(20_000)
	case 2:
		return strings.Repeat("x", 10_000)
	case 3:
		size = MaxText - 100
	}
	var b strings.Builder
	for left := size; left > 0; {
		piece := pieces[random.Intn(len(pieces))]
		left -= len(Clean(piece))
		b.WriteString(piece)
	}
	return b.String() + "."
}

// Every text arrives once and whole, to an agent busy and idle, beside a person's
// half-typed line, and the result that is told is true.
func TestEveryTextArrivesOnce(t *testing.T) {
	texts := 200
	if testing.Short() {
		texts = 12
	}
	random := rand.New(rand.NewSource(time.Now().UnixNano()))
	r := runtime(t)
	r.slack = time.Minute
	until := filepath.Join(t.TempDir(), "until")
	s, record := scripted(t, r, fakeOptions{Until: until, Absorb: 20 * time.Millisecond})
	now, err := s.(*session).current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	// goOn has the agent be done with all it was given. It works until then: what it does
	// for a moment nobody may see on a machine that is busy.
	goOn := func() {
		t.Helper()
		if err := os.WriteFile(until, make([]byte, len(want)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range texts {
		typed := ""
		if random.Intn(2) == 0 {
			goOn() // before it is given more, and not after
		}
		if random.Intn(8) == 0 { // a person types, thinks, and sends it
			typed = "half a line of a person"
			if err := r.Server.Paste(t.Context(), now.Pane.ID, typed); err != nil {
				t.Fatal(err)
			}
			await(t, "the draft is seen", func() bool {
				look, err := s.Look(t.Context(), 0)
				return err == nil && strings.Contains(look.Draft, "half a line")
			})
		}
		text := randomText(random)
		for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			got, err := s.HandOver(t.Context(), 0, text)
			if err != nil || time.Now().After(end) {
				t.Fatalf("%+v, %v", got, err)
			}
			if got.Result == Queued {
				goOn()
				if typed != "" {
					await(t, "the person's line is sent", func() bool {
						if err := r.Server.Press(t.Context(), now.Pane.ID, "Enter"); err != nil {
							t.Fatal(err)
						}
						time.Sleep(100 * time.Millisecond) // an Enter that comes too soon is a part of the paste
						look, err := s.Look(t.Context(), 0)
						return err == nil && look.Draft == "" && look.State != Starting
					})
					want, typed = append(want, typed), ""
				}
				continue
			}
			if got.Result != Confirmed {
				look, _ := s.Look(t.Context(), 0)
				t.Fatalf("%.80q: %+v\n%s", text, got, strings.Join(look.Lines, "\n"))
			}
			if typed != "" {
				t.Fatal("a text was handed over beside a person's")
			}
			break
		}
		want = append(want, Message(Clean(text)))
	}
	all := received(t, record)
	if len(all) != len(want) {
		t.Fatalf("%d texts arrived of %d", len(all), len(want))
	}
	for i := range want {
		if strings.TrimRight(all[i], "\n ") != strings.TrimRight(want[i], "\n ") {
			t.Fatalf("text %d is %.300q, want %.300q", i, all[i], want[i])
		}
	}
}

// No text is a command of an agent's program.
func TestMessage(t *testing.T) {
	for text, want := range map[string]string{
		"!rm -rf x": "Message: !rm -rf x", " \n/quit": "Message:  \n/quit", "Exit": "Message: Exit", "exit now": "exit now", "a!": "a!", "": "", "é": "é", "- x": "- x",
		"tell @ann": "tell @ann ", "@ann said": "Message: @ann said", "a\n@b/c": "a\n@b/c ",
	} {
		if got := Message(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"a\r\nb\rc\n": "a\nb\nc\n", "\x1b[201~x": "␛[201~x", "\t\x00\x03\x7f\u009b": "\t␀␃␡\ufffd", "\xffé": "\ufffdé", "👩‍👩‍👧": "👩‍👩‍👧",
	} {
		if got := Clean(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// What a screen shows never reaches a person's terminal as a control sequence.
func TestHostileScreen(t *testing.T) {
	screen := "plain \x1b[2mdim\x1b[0m \x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1b[31;2mred\x1b[38;2;2;2;2m\x1b[0mx\n\x1b[\n\x1b\n\x9b31m\u009b\u202eabc\x00\x7f\xff\n\x1bPq\x1b\\end"
	got := lines(screen)
	if got[0].text != "plain dim linkredx" || got[0].bright != "plain     link   x" {
		t.Errorf("%+v", got[0])
	}
	for _, l := range got {
		if strings.ContainsAny(l.text, "\x1b\x00\x07\x7f\u009b\u202e") || strings.Contains(l.text, "\xff") {
			t.Errorf("%q", l.text)
		}
	}
}
