package tracker

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/town"
)

// Whatever a text quotes, the mark at its end is the one that is found.
func TestMarks(t *testing.T) {
	other := MarkOf("l", "gt-2", "")
	rapid.Check(t, func(t *rapid.T) {
		bead := rapid.StringMatching(`[a-z]{1,8}-[a-z0-9]{1,8}(\.[0-9]{1,3})?`).Draw(t, "bead")
		m := MarkOf(rapid.String().Draw(t, "ledger"), bead, rapid.String().Draw(t, "comment"))
		text := rapid.SampledFrom([]string{"", "x", "<!-- gt: " + string(other) + " -->", "Gas Town: " + string(other), "`" + string(other) + "`", "Gas Town: gt-"}).Draw(t, "text") + rapid.String().Draw(t, "more")
		for _, around := range [][2]string{{"<!-- gt: ", " -->"}, {"`", "`"}, {"Gas Town: ", ""}} {
			if _, got := CutMark(WithMark(text, around[0], m, around[1]), around[0], around[1]); got != m {
				t.Fatalf("%q: %q, want %q", text, got, m)
			}
		}
		if !IsMark(string(m)) || !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(m.ID("x")) {
			t.Fatalf("%q, %q", m, m.ID("x"))
		}
	})
	for _, word := range []string{"", "gt-", "gt-a-1", "gt-a-" + strings.Repeat("g", 20), "gt-a b-" + strings.Repeat("0", 20), "x" + string(other)} {
		if IsMark(word) {
			t.Errorf("%q is a mark", word)
		}
	}
	if MarkOf("a", "gt-1", "") == MarkOf("b", "gt-1", "") || other.ID("ENG") == other.ID("OPS") {
		t.Error("marks of two ledgers, or ids of two teams, are the same")
	}
}

// What a tracker tells of is bounded and plain, and its address is one of the web.
func TestChecked(t *testing.T) {
	i, ok := Issue{ID: "1\n2", Key: "\x1b]0;x\x07K", URL: "javascript:x", Title: "a\x1b[31mb\u202e \n c", Body: "x\r\ny\t \x00" + strings.Repeat("z", 2*MaxBody)}.Checked()
	if !ok || i.ID != "1 2" || i.Key != "K" || i.URL != "" || i.Title != "ab c" || !strings.HasPrefix(i.Body, "x\ny") || len(i.Body) > MaxBody+3 {
		t.Errorf("%+v", i)
	}
	if _, ok := (Issue{ID: "1", Title: " \x00"}).Checked(); ok {
		t.Error("an issue without a title can be used")
	}
	for _, bad := range []string{"https://ann:pw@x/1", "/x", "file:///etc/passwd", "https://x/" + strings.Repeat("y", 300)} {
		if webAddress(bad) != "" {
			t.Error(bad)
		}
	}
}

// Each answer is told as what it is, with the tracker's reason and without the secret.
func TestAnswers(t *testing.T) {
	const secret = "tok_12345678"
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	type answer struct {
		code               int
		header, value, say string
	}
	var given atomic.Pointer[answer]
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a redirect was followed, with %q", r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		next := given.Load()
		if next.code == 0 {
			panic(http.ErrAbortHandler)
		}
		if next.header != "" {
			w.Header().Set(next.header, next.value)
		}
		w.WriteHeader(next.code)
		fmt.Fprint(w, next.say)
	}))
	defer s.Close()
	c, err := NewClient(Options{Base: s.URL, Headers: map[string]string{"Authorization": secret}, Secrets: []string{secret}, Now: func() time.Time { return now },
		Reason: func(body []byte) string { return string(body) }})
	if err != nil {
		t.Fatal(err)
	}
	for name, one := range map[string]struct {
		answer
		kind  error
		whole bool
		after time.Duration
	}{
		"400":               {answer{400, "", "", "no: " + secret + "\x1b[31m"}, ErrRefused, false, 0},
		"401":               {answer{401, "", "", ""}, ErrDenied, false, 0},
		"403":               {answer{403, "", "", ""}, ErrRefused, false, 0},
		"404":               {answer{404, "", "", ""}, ErrGone, false, 0},
		"redirect":          {answer{307, "Location", elsewhere.URL, ""}, ErrRefused, false, 0},
		"429":               {answer{429, "", "", ""}, town.ErrBusy, true, 10 * time.Second},
		"429 with seconds":  {answer{429, "Retry-After", "90", ""}, town.ErrBusy, true, 90 * time.Second},
		"429 with a date":   {answer{429, "Retry-After", now.Add(time.Hour).Format(http.TimeFormat), ""}, town.ErrBusy, true, time.Hour},
		"429 with nonsense": {answer{429, "Retry-After", "1e300", ""}, town.ErrBusy, true, longest},
		"503 with seconds":  {answer{503, "Retry-After", "30", ""}, town.ErrBusy, true, 30 * time.Second},
		"500":               {answer{500, "", "", "<html>"}, town.ErrBusy, false, soon},
		"no JSON":           {answer{200, "", "", "<html>"}, town.ErrBusy, false, soon},
		"too long":          {answer{200, "", "", `"` + strings.Repeat("x", maxAnswer) + `"`}, town.ErrBusy, true, soon},
		"no answer":         {answer{}, town.ErrBusy, true, soon},
	} {
		given.Store(&one.answer)
		var out map[string]any
		err := c.Do(t.Context(), "make it", http.MethodPost, "/x", nil, nil, &out)
		if !errors.Is(err, one.kind) || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 600 {
			t.Errorf("%s: %v", name, err)
		}
		if later, ok := errors.AsType[*LaterError](err); ok != (one.after > 0) || ok && (later.Whole != one.whole || later.After != one.after) {
			t.Errorf("%s: %+v", name, later)
		}
	}
	for _, bad := range []string{"http://jira.example.com", "https://ann@jira.example.com", "https://x?y=1", "ftp://x", "jira"} {
		if CheckBase(bad) == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// An answer without end is an error, whoever reads it; one of exactly the bound is none.
func TestAnswersAreBounded(t *testing.T) {
	for size, fails := range map[int]bool{0: false, maxAnswer: false, maxAnswer + 1: true, maxAnswer << 2: true} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for left := size; left > 0; left -= 1 << 20 {
				_, _ = w.Write(make([]byte, min(left, 1<<20)))
			}
		}))
		answer, err := Safe(Safe(nil)).Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, answer.Body)
		if fails != (err != nil) || n != int64(min(size, maxAnswer)) {
			t.Errorf("of %d bytes %d were read, %v", size, n, err)
		}
		_ = answer.Body.Close()
		server.Close()
	}
}
