package mirror_test

import (
	"net/http"
	"path"
	"slices"
	"testing"
	"time"

	"gastown/town"
	"gastown/town/tracker/mirror"
	"gastown/town/tracker/trackertest"
)

// An issue with a copy of a mark is not taken for the one that was made, whether it is found
// because an outcome is unknown or because rows were lost. At GitHub everybody can make one.
func TestCopiedMark(t *testing.T) {
	for _, app := range []bool{false, true} {
		each(t, func(t *testing.T, w *world) {
			w.server.Lock(func() { w.server.App = app })
			w.rest()
			w.lose(func(r *http.Request, _ int) bool { // the answer to the creation
				return r.Method == http.MethodPost && slices.Contains([]string{"issue", "issues", "tasks"}, path.Base(r.URL.Path))
			})
			w.bead("gt-1", "one")
			w.run(mirror.Request{})
			w.lose(nil)
			var text string
			var labels []string
			w.server.With(func(issues []*trackertest.Issue) { text, labels = issues[0].Text, issues[0].Labels })
			w.pass(time.Minute)
			w.server.Add("not one", text, labels...)
			w.pass(time.Hour)
			w.rest()
			check := func(when string) {
				t.Helper()
				w.server.With(func(issues []*trackertest.Issue) {
					if len(issues) != 2 || issues[0].Closed == false || issues[1].Closed || issues[1].Title != "not one" || len(issues[1].Comments) > 0 {
						t.Errorf("%s: %+v, %+v", when, issues[0], issues[1])
					}
				})
			}
			done := func(why string) {
				w.set("gt-1", false, func(b *town.Bead) {
					at := w.now
					b.Status, b.ClosedAt, b.CloseReason = town.StatusClosed, &at, why
				})
				w.rest()
			}
			done("done")
			check("an unknown outcome")
			w.Lock()
			clear(w.links)
			w.Unlock()
			w.pass(time.Hour)
			w.run(mirror.Request{All: true})
			w.rest()
			done("done again")
			check("lost rows")
		})
	}
}
