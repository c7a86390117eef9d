package process

import (
	"context"
	"os/exec"
	"testing"
	"time"
)

// What a tree uses counts its children, also those that ended, and nobody else's.
func TestUsages(t *testing.T) {
	quiet, busy := 0, 0
	for _, one := range []struct {
		script string
		pid    *int
	}{{"sleep 300 & wait", &quiet}, {"(while :; do :; done) & setsid sleep 300 & wait", &busy}} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", one.script)
		g, err := Start(t.Context(), cmd, Options{Started: func(p int) { *one.pid = p }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			tree := Tree{Leader: *one.pid}
			_ = tree.End(context.Background(), 0)
			_ = g.Wait()
		})
	}
	var all map[int]Usage
	for end := time.Now().Add(awaited); ; time.Sleep(10 * time.Millisecond) {
		var err error
		if all, err = Usages(quiet, busy, 1<<30); err != nil {
			t.Fatal(err)
		}
		if all[busy].CPU > 50*time.Millisecond && all[busy].Running >= 3 && all[quiet].Running == 2 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v", all)
		}
	}
	if len(all) != 2 || all[quiet].CPU > all[busy].CPU {
		t.Errorf("%+v", all)
	}
}
