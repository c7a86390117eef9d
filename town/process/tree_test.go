package process

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// A tree ends with all that left its group and session, and with those whose parents
// have ended, if they have the marker.
func TestEndTree(t *testing.T) {
	const marker = "TREE_OF=TestEndTree"
	cmd := exec.Command("setsid", "sh", "-c", `
		trap '' TERM HUP
		setsid sleep 1000 &
		(setsid sh -c 'sleep 1001 & sleep 1002' &)
		(sh -c 'setsid sleep 1003 &' &)
		echo ready; while :; do sleep 1000; done`)
	cmd.Env = []string{"PATH=/usr/bin:/bin", marker}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	tree := Tree{Leader: cmd.Process.Pid, Marker: marker}
	var members []int
	for end := time.Now().Add(awaited); len(members) < 6; time.Sleep(time.Millisecond) {
		if members, err = tree.Members(); err != nil || time.Now().After(end) {
			t.Fatalf("%v, %v", members, err)
		}
	}
	// A tree of a former process of that id has only what has the marker.
	former := Tree{Leader: cmd.Process.Pid, Ended: true, Marker: "TREE_OF=" + strings.Repeat("x", 9)}
	if got, err := former.Members(); err != nil || len(got) != 0 {
		t.Errorf("a former process: %v, %v", got, err)
	}
	// Those that only pass on to others come and go.
	for end := time.Now().Add(awaited); ; time.Sleep(time.Millisecond) {
		byMarker := Tree{Marker: marker}
		got, failed := byMarker.Members()
		members, err = tree.Members()
		if failed != nil || err != nil || time.Now().After(end) {
			t.Fatalf("by the marker: %v, want %v (%v, %v)", got, members, failed, err)
		}
		if slices.Equal(got, members) {
			break
		}
	}
	if err := tree.End(t.Context(), 50*time.Millisecond); err != nil {
		t.Error(err)
	}
	for _, pid := range members {
		gone(t, pid)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the leader ended by itself")
	}
}
