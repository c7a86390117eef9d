package spending

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gastown/town"
)

const much = 1 << 30

func usageOf(list []Message) (sum Usage) {
	for _, m := range list {
		sum = sum.Add(m.Usage)
	}
	return sum
}

// fixtures are transcripts that the real programs wrote, shortened, and what the model's
// server said that the answers in them used.
var fixtures = []struct {
	format   Format
	file     string
	messages int
	want     Usage
	model    string
}{
	// The second answer is in two lines, of which the later one says ten tokens more.
	{Claude, "claude.jsonl", 4, Usage{1001 + 1002 + 1003, 20003 + 20006 + 20009, 305 + 310 + 315, 47 + 54 + 10 + 61}, "stub"},
	{Codex, "codex.jsonl", 3, Usage{1001 + 1003 + 1004, 20003 + 20009 + 20012, 0, 47 + 61 + 68}, "stub"},
	{Codex, "codex-old.jsonl", 3, Usage{1001 + 1003 + 1004, 20003 + 20009 + 20012, 0, 47 + 61 + 68}, "stub"},
	{Gemini, "gemini/project/chats/session-1.jsonl", 3, Usage{1001 + 1002 + 1003, 20003 + 20006 + 20009, 0, 47 + 54 + 61}, "gemini-2.5-flash"},
	{OpenCode, "opencode.db", 9, Usage{9054, 180162, 0, 738}, "stub"},
}

func TestRead(t *testing.T) {
	for _, f := range fixtures {
		t.Run(f.file, func(t *testing.T) {
			got, err := Read(f.format, filepath.Join("testdata", f.file), Cursor{}, much)
			if err != nil {
				t.Fatal(err)
			}
			if used := usageOf(got.Messages); used != f.want || len(got.Messages) != f.messages || got.More || got.Anew {
				t.Errorf("%d messages used %+v, want %d and %+v; %+v", len(got.Messages), used, f.messages, f.want, got)
			}
			for _, m := range got.Messages {
				if m.Dir != "/town/rigs/web/polecats/nux" || m.Session == "" || m.Model != f.model || m.At.Year() != 2026 {
					t.Errorf("a message is %+v", m)
				}
			}
			again, err := Read(f.format, filepath.Join("testdata", f.file), got.Next, much)
			if err != nil || len(again.Messages) != 0 || again.Anew {
				t.Errorf("the same file once more: %+v, %v", again, err)
			}
			next, err := DecodeCursor(got.Next.Encode())
			if err != nil || next.Encode() != got.Next.Encode() {
				t.Errorf("%v: %s", err, got.Next.Encode())
			}
		})
	}
}

// A transcript is read in pieces of any size, torn anywhere, with the same result.
func TestReadPieces(t *testing.T) {
	for _, f := range fixtures {
		if f.format == OpenCode {
			continue
		}
		t.Run(f.file, func(t *testing.T) {
			whole, err := os.ReadFile(filepath.Join("testdata", f.file))
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range []int{97, 700, 1500} {
				path := copyOf(t, f.file)
				var c Cursor
				var sum Usage
				for n := step; ; n += step {
					if err := os.WriteFile(path, whole[:min(n, len(whole))], 0o600); err != nil {
						t.Fatal(err)
					}
					for more := true; more; {
						got, err := Read(f.format, path, c, 1)
						if err != nil || got.Anew {
							t.Fatal(err, got.Anew)
						}
						sum, c, more = sum.Add(usageOf(got.Messages)), got.Next, got.More
					}
					if n >= len(whole) {
						break
					}
				}
				if sum != f.want {
					t.Errorf("in steps of %d bytes: %+v, want %+v", step, sum, f.want)
				}
			}
		})
	}
}

// copyOf copies a fixture with the files that it needs into a directory of the test's.
func copyOf(t *testing.T, file string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, file)
}

// What replaced a transcript is read anew.
func TestReadAnew(t *testing.T) {
	whole, err := os.ReadFile("testdata/claude.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.jsonl")
	first := bytes.IndexByte(whole[bytes.IndexByte(whole, '\n')+1:], '\n')
	for name, content := range map[string][]byte{
		"shorter": whole[:first], "another": bytes.Replace(whole, []byte(`"normal"`), []byte(`"plan"  `), 1), "empty": nil,
	} {
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := Read(Claude, path, Cursor{}, much)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Read(Claude, path, before.Next, much)
		fresh, _ := Read(Claude, path, Cursor{}, much)
		if err != nil || !got.Anew || usageOf(got.Messages) != usageOf(fresh.Messages) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestHostile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	answer := func(usage string) string {
		return `{"type":"assistant","cwd":"/a","sessionId":"s","timestamp":"2026-01-02T03:04:05Z","message":{"id":"m","model":"x","usage":{` + usage + `}}}` + "\n"
	}
	for name, text := range map[string]string{
		"garbage": "\x00\xff{{{\n[]\nnull\n1\n\"x\"\n", "negative": answer(`"input_tokens":-5`), "huge": answer(`"output_tokens":9000000000000000000`),
		"other kinds": answer(`"input_tokens":"five"`), "fraction": answer(`"input_tokens":1.5`), "no usage": `{"type":"assistant","message":{"usage":null}}` + "\n",
		"long line": strings.Repeat("x", 3*maxLine) + "\n", "no end": strings.Repeat("x", 100), "deep": strings.Repeat("[", 100_000) + "\n",
	} {
		for _, format := range []Format{Claude, Codex, Gemini, OpenCode} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := Read(format, path, Cursor{}, much)
			if len(got.Messages) != 0 || (err != nil) != (format == OpenCode) {
				t.Errorf("%s as %s: %+v, %v", name, format, got.Messages, err)
			}
		}
	}
	text := strings.Repeat("x", maxLine+100) + "\n" + strings.Replace(answer(`"input_tokens":3,"new":{"a":1}`), `"m"`, `"`+strings.Repeat("m", 500)+`"`, 1)
	text = strings.Replace(text, `"model":"x"`, `"model":"x\u001b[31m"`, 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Read(Claude, path, Cursor{}, much)
	if err != nil || len(got.Messages) != 1 || got.Messages[0].Usage.Input != 3 || got.Messages[0].Model != Unknown || len(got.Messages[0].ID) > maxID {
		t.Errorf("%+v, %v", got.Messages, err)
	}
	pipe := filepath.Join(t.TempDir(), "opencode.db")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, format := range []Format{Claude, OpenCode, "other"} {
		for _, path := range []string{filepath.Dir(path), pipe} {
			if _, err := Read(format, path, Cursor{}, much); err == nil {
				t.Errorf("%s was read as %s", path, format)
			}
		}
	}
}

func TestCursorBounds(t *testing.T) {
	var c Cursor
	for i := range 10_000 {
		c.add(nil, Message{ID: fmt.Sprint(i, strings.Repeat("x", 1000)), Usage: Usage{Input: 1}})
	}
	for i := range maxOpenRows {
		c.Open = append(c.Open[:min(len(c.Open), maxOpenRows-1)], Open{ID: strings.Repeat("x", maxID), Row: int64(i)})
	}
	if n := len(c.Encode()); n > MaxState {
		t.Errorf("a cursor has %d bytes", n)
	}
	for _, text := range []string{"", "x", `{"offset":-1}`, strings.Repeat("x", MaxState+1)} {
		if _, err := DecodeCursor(text); err == nil {
			t.Errorf("%.20q was taken", text)
		}
	}
}

func TestPrices(t *testing.T) {
	all, err := ParsePrices([]byte("prices:\n  - {model: stub, input: 1, output: 2, cache_read: 0.1, cache_write: 3}\n  - {model: gpt-*, input: 7, output: 8}\n  - {model: gpt-5*, input: 9, output: 9}\n"))
	if err != nil {
		t.Fatal(err)
	}
	p, ok := all.Find("stub")
	if cost := p.Of(Usage{Input: 1e6, Output: 1e6, CacheRead: 1e6, CacheWrite: 1e6}); !ok || cost < 6.09 || cost > 6.11 {
		t.Errorf("it costs %v", cost)
	}
	for model, input := range map[string]float64{
		"gpt-5": 9, "gpt-4": 7, "openai/gpt-4": 7, "claude-opus-4-5-20251101": 5, "claude-opus-4-1-20250805": 15, "anthropic/claude-sonnet-4-5": 3,
		"gemini-2.5-flash": 0.3, "gemini-2.5-flash-lite": 0.1, "claude-opus-9": -1, "other": -1, "": -1, "openrouter/anthropic/claude-haiku-4-5": 1,
	} {
		p, ok := all.Find(model)
		if ok != (input >= 0) || ok && *p.Input != input {
			t.Errorf("%q: %+v, %v; want %v", model, p, ok, input)
		}
	}
	if _, err := ParsePrices(nil); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		"prices: [{model: x, input: 1, output: 1}, {model: x, input: 1, output: 1}]": "two prices",
		"prices:\n  - modle: x\n":                             "line 2",
		"prices: [{model: x, input: 1}]":                      "no price",
		"prices: [{model: x, input: -1, output: 1}]":          "between",
		"prices: [{model: x, input: .nan, output: 1}]":        "between",
		"prices: [{model: 'a*b', input: 1, output: 1}]":       "neither",
		"prices: [{model: \"a\\e[1m\", input: 1, output: 1}]": "neither",
		"prices: [{model: x, input: cheap, output: 1}]":       "line 1",
	} {
		if _, err := ParsePrices([]byte(text)); !errors.Is(err, town.ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for _, p := range builtinPrices {
		if err := p.check(); err != nil {
			t.Error(err)
		}
	}
}
