package cli

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"gastown/deacon/control"
	"gastown/deacon/guard"
	"gastown/planes/ledger"
	"gastown/town/layout"
)

// A Deacon that answers anything but what was asked changes nothing for bd: the
// ledger is asked then, for the answer and for its errors.
func TestADeaconThatIsNoHelp(t *testing.T) {
	p := newPlace(t)
	id := p.id("told by the ledger")
	socket := layout.Town{Root: p.dir}.ControlSocket()
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	var answer atomic.Value
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answer.Load().(func(http.ResponseWriter, *http.Request))(w, r)
	})}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	defer func() {
		_ = s.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	says := func(code int, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}
	}
	for what, fn := range map[string]func(http.ResponseWriter, *http.Request){
		"an older one":       says(404, "404 page not found"),
		"another protocol":   says(400, "malformed"),
		"over its limit":     says(429, "limited"),
		"broken":             says(500, ""),
		"an error":           says(422, `{"error":"no such bead","kind":"refused"}`),
		"nothing":            says(200, ""),
		"no JSON":            says(200, "<html>"),
		"other types":        says(200, `{"Details":7}`),
		"too few":            says(200, `{"Details":[],"Items":null,"Stats":null}`),
		"half an answer":     func(w http.ResponseWriter, _ *http.Request) { cut(w, `{"Details":[`) },
		"a line that is cut": func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
	} {
		answer.Store(fn)
		before := asked.Load()
		if out := p.must("show", id); !strings.Contains(out, "told by the ledger") {
			t.Errorf("%s: %s", what, out)
		}
		if out := p.must("stats"); !strings.Contains(out, "1 bead, 1 ready") {
			t.Errorf("%s: %s", what, out)
		}
		if code, _, said := p.run("show", id+"x"); code != 1 || !strings.Contains(said, "nearest: "+id) {
			t.Errorf("%s: exit %d: %s", what, code, said)
		}
		if asked.Load() == before {
			t.Errorf("%s: it was not asked", what)
		}
	}
	// Nobody is asked to write, for what has no bound, nor where that is switched off.
	before := asked.Load()
	p.must("update", id, "-p", "1")
	p.must("list", "-n", "0")
	p.must("list", "--deleted")
	if n := asked.Load() - before; n != 0 {
		t.Errorf("it was asked %d times for what is not its", n)
	}
}

// What the Deacon answers needs nothing else: the ledger is not opened, which
// could not be.
func TestWhatTheDeaconAnswersOpensNoLedger(t *testing.T) {
	p := newPlace(t)
	id := p.id("told by the Deacon")
	where := layout.Town{Root: p.dir}
	store := opened(t, where)
	if err := os.MkdirAll(where.Deacon(), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", where.ControlSocket())
	if err != nil {
		t.Fatal(err)
	}
	s := guard.Serve(l, control.Handler(control.Deacon{
		Read: func(ctx context.Context, q control.Query) (out control.Answer, err error) {
			if q.Read == control.ReadGet {
				out.Details, err = store.Get(ctx, q.IDs, q.Fields)
				return out, err
			}
			return out, store.List(ctx, q.Filter, ledger.Collect(&out.Items))
		},
	}), guard.Options{Owner: true})
	defer func() { _ = s.Close(context.Background()) }()
	for _, args := range [][]string{{"show", id}, {"list"}, {"search", "deacon"}, {"list", "--tree", "--parent", id}, {"label", "list", id}} {
		if code, _, said := p.run(append(args, "--wait", "5s")...); code != 0 {
			t.Errorf("bd %q: exit %d: %s", args, code, said)
		}
	}
	if code, _, said := p.run("list", "-n", "0", "--wait", "50ms"); code != 4 {
		t.Errorf("the ledger could be opened: exit %d: %s", code, said)
	}
}

// cut sends a beginning and hangs up.
func cut(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte(text))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
