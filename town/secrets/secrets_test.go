package secrets

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"gastown/town"
)

func env(vars map[string]string) Source {
	return Environment(func(name string) string { return vars[name] })
}

func TestExpand(t *testing.T) {
	r := New(env(map[string]string{"A": "one", "B_2": "two ${A}", "EMPTY": ""}))
	for text, want := range map[string]string{
		"": "", "plain": "plain", "${A}": "one", "x${A}${B_2}y": "xonetwo ${A}y", "$A $$ {A}": "$A $$ {A}", "$${A}": "${A}", "$$${A}": "$${A}",
	} {
		values := Values{}
		if got, err := r.Expand(t.Context(), text, values); err != nil || got != want {
			t.Errorf("%q: %q, want %q (%v)", text, got, want, err)
		}
	}
	for _, text := range []string{"${", "${}", "${A", "${A-B}", "${1A}", "${ A}", "${A}${"} {
		if got, err := r.Expand(t.Context(), text, Values{}); !errors.Is(err, ErrMalformed) || got != "" {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, name := range []string{"NONE", "EMPTY"} {
		_, err := r.Expand(t.Context(), "${"+name+"}", Values{})
		if m, ok := errors.AsType[*Missing](err); !ok || m.Name != name || !strings.Contains(err.Error(), "the environment") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.env")
	r := New(env(map[string]string{"BOTH": "from the environment"}), File(path))
	if _, err := r.Lookup(t.Context(), "A"); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("without a file: %v", err)
	}
	write := func(text string, mode os.FileMode) {
		t.Helper()
		_ = os.Remove(path)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("# a comment\n\n A = b=c \nQ=\"x y\"\nS='z'\nHALF=\"a\nNOTHING=\nBOTH=file", 0o600)
	for name, want := range map[string]string{"A": "b=c", "Q": "x y", "S": "z", "HALF": `"a`, "NOTHING": "", "BOTH": "from the environment"} {
		if got, err := r.Lookup(t.Context(), name); err != nil || got != want {
			t.Errorf("%s: %q, want %q (%v)", name, got, want, err)
		}
	}
	const value = "hunter2hunter2"
	for text, want := range map[string]string{
		"A=1\n" + value + "\n": "line 2", "A B=" + value: "line 1", "=" + value: "line 1", "A=1\nA=" + value: "line 2: A is there twice", "A=\xff" + value: "UTF-8",
	} {
		write(text, 0o600)
		if _, err := r.Lookup(t.Context(), "A"); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), value) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	write("A="+value, 0o640)
	if _, err := r.Lookup(t.Context(), "A"); !errors.Is(err, town.ErrRefused) || !strings.Contains(town.Next(err), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
	write("A="+strings.Repeat("x", maxValue+1), 0o600)
	if _, err := r.Lookup(t.Context(), "A"); err == nil || len(err.Error()) > 500 {
		t.Errorf("a very long value: %v", err)
	}
}

type broken struct{}

func (broken) String() string              { return "the vault" }
func (broken) Check(context.Context) error { return errors.New("sealed") }
func (broken) Lookup(context.Context, string) (string, bool, error) {
	return "", false, errors.New("it is sealed")
}

// A check finds a file that cannot be used, whoever needs it.
func TestCheckOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.env")
	if err := File(path).Check(t.Context()); err != nil {
		t.Errorf("no file: %v", err)
	}
	for _, c := range []struct {
		text string
		mode os.FileMode
		says string
	}{{"A=planted\n", 0o600, ""}, {"A=planted\n", 0o640, "others can read it"}, {"planted\n", 0o600, "line 1"}} {
		if err := errors.Join(os.WriteFile(path, []byte(c.text), 0o600), os.Chmod(path, c.mode)); err != nil {
			t.Fatal(err)
		}
		err := File(path).Check(t.Context())
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || town.Next(err) == "" || strings.Contains(err.Error(), "planted")) {
			t.Errorf("%q with mode %o: %v", c.text, c.mode, err)
		}
	}
	if err := Environment(nil).Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// A source that cannot be asked is not one that has no secret.
func TestABrokenSource(t *testing.T) {
	_, err := New(broken{}, env(map[string]string{"A": "x"})).Expand(t.Context(), "${A}", Values{})
	if err == nil || !strings.Contains(err.Error(), "the vault") || !strings.Contains(err.Error(), "sealed") {
		t.Error(err)
	}
}

// A login as HTTP encodes it holds no piece of the password, whoever logs in.
func TestRedactLogin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		password := rapid.StringMatching(`[ -~]{6,40}`).Draw(t, "password")
		user := rapid.StringMatching(`[a-z]{0,12}`).Draw(t, "user") + ":"
		after := rapid.StringMatching(`(@[a-z]{1,9})?`).Draw(t, "after")
		v := Values{"PASSWORD": password}
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
			got := v.Redact("Authorization: Basic " + enc.EncodeToString([]byte(user+password+after)) + "\n")
			begin, rest, found := strings.Cut(got, "${PASSWORD}")
			begin, _ = strings.CutPrefix(begin, "Authorization: Basic ")
			// What is left in front is of the user, and what is left behind is not of the password.
			if !found || !strings.HasPrefix(enc.EncodeToString([]byte(user)), begin) || len(rest) > len(after)*4/3+4 || len(begin)*6 > len(user)*8 {
				t.Errorf("%q of %q is told as %q", password, user, got)
			}
		}
	})
	if got := (Values{"A": "short"}).Redact(base64.StdEncoding.EncodeToString([]byte("user:short"))); strings.Contains(got, "$") {
		t.Errorf("what is too short to tell from other text is replaced: %q", got)
	}
}

func TestRedact(t *testing.T) {
	const token = `p/a "s&s`
	v := Values{"TOKEN": token, "LONGER": token + "word", "SHORT": "GT"}
	for _, text := range []string{token, url.QueryEscape(token), url.PathEscape(token), `p/a \"s\u0026s`, base64.StdEncoding.EncodeToString([]byte(token))} {
		if got := v.Redact("Post https://x/" + text + "?: GT"); got != "Post https://x/${TOKEN}?: GT" {
			t.Errorf("%q is told as %q", text, got)
		}
	}
	v["KEY"] = "-----BEGIN KEY-----\nQUJDREVGRw0123456\n}\n"
	if got := v.Redact("not a key: QUJDREVGRw0123456 {}"); got != "not a key: ${KEY} {}" {
		t.Error(got)
	}
	if got := v.Redact(token + "word"); got != "${LONGER}" {
		t.Error(got)
	}
}

// A file of another user may have been written by that user, whatever its mode.
func TestFileOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	path := filepath.Join(t.TempDir(), "secrets.env")
	if err := os.WriteFile(path, []byte("A=planted"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if v, err := New(File(path)).Lookup(t.Context(), "A"); !errors.Is(err, town.ErrRefused) || v != "" || town.Next(err) == "" {
		t.Errorf("%q, %v", v, err)
	}
}

// What is no file is refused at once: a named pipe would hang its reader.
func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe} {
		if _, err := New(File(path)).Lookup(t.Context(), "A"); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
