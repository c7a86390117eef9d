package checks

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"gastown/deacon/check"
	"gastown/deacon/control"
)

// get asks a handler that answers with h.
func get(t *testing.T, h health, method, target string) (int, string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", h.serve)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

func TestHealthToTheByte(t *testing.T) {
	found := func(name, state string) control.Check { return control.Check{Name: name, State: state} }
	var h health
	for _, v := range []struct {
		all  []control.Check
		code int
		want string
	}{
		{nil, 200, `{"status":"healthy","components":{"dolt":"ok","tmux":"ok","plugins":"ok"}}`},
		{[]control.Check{found("disk", "healthy"), found("dolt", "healthy"), found("git", "healthy")}, 200,
			`{"status":"healthy","components":{"dolt":"ok","tmux":"ok","plugins":"ok"}}`},
		{[]control.Check{found("tmux", "warning")}, 200,
			`{"status":"warning","components":{"dolt":"ok","tmux":"warning","plugins":"ok"}}`},
		{[]control.Check{{Name: "disk", State: "critical", Next: "make room"}, found("dolt", "warning")}, 503,
			`{"status":"critical","components":{"dolt":"warning","tmux":"ok","plugins":"ok","disk":"critical"}}`},
	} {
		h = newHealth(v.all)
		if code, body := get(t, h, "GET", "/health"); code != v.code || body != v.want {
			t.Errorf("%d %s, want %d %s", code, body, v.code, v.want)
		}
	}
	h.version, h.uptime = "1.2.3", 90*time.Second
	code, body := get(t, h, "GET", "/health?verbose")
	var details struct {
		Status     string
		Version    string
		Uptime     float64 `json:"uptime_seconds"`
		Components map[string]component
	}
	if err := json.Unmarshal([]byte(body), &details); err != nil || code != 503 {
		t.Fatalf("%d %s %v", code, body, err)
	}
	if details.Status != "critical" || details.Version != "1.2.3" || details.Uptime != 90 || details.Components["disk"].Next != "make room" {
		t.Errorf("%+v", details)
	}
	if code, _ := get(t, h, "HEAD", "/health"); code != 503 {
		t.Errorf("HEAD: %d", code)
	}
	if code, _ := get(t, h, "POST", "/health"); code != 405 {
		t.Errorf("POST: %d", code)
	}
}

// The age of a state survives a restart; a check that was removed is not shown.
func TestBoard(t *testing.T) {
	var b board
	b.recall(nil)
	at := time.Unix(1000, 0)
	if now, before := b.put("disk", check.Result{State: check.Warning}, at); before != "" || !now.Since.Equal(at) {
		t.Errorf("%+v, %q", now, before)
	}
	if now, before := b.put("disk", check.Result{State: check.Warning}, at.Add(time.Hour)); before != "warning" || !now.Since.Equal(at) {
		t.Errorf("%+v, %q", now, before)
	}
	if now, _ := b.put("disk", check.Result{State: check.Healthy}, at.Add(2*time.Hour)); now.Since.Equal(at) {
		t.Errorf("%+v", now)
	}
	b.put("gone", check.Result{State: check.Critical}, at)
	if gone := b.retain([]check.Check{{Name: "disk"}}); len(gone) != 1 || gone[0] != "gone" {
		t.Errorf("%q are gone", gone)
	}
	if all := b.all(); len(all) != 1 || all[0].Name != "disk" {
		t.Errorf("%+v", all)
	}
}
