package e2e

import (
	"context"
	"io/fs"
	"path/filepath"
	"time"

	"gastown/deacon"
	"gastown/deacon/control"
	"gastown/town/layout"
	"gastown/town/process"
)

// stopDeacons ends Deacons that a failed script left running below its directory.
func stopDeacons(work string) {
	_ = filepath.WalkDir(work, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "control.sock" {
			stopDeacon(filepath.Dir(filepath.Dir(filepath.Dir(path))))
		}
		return nil
	})
}

func stopDeacon(root string) {
	ctx, cancel := context.WithTimeout(context.Background(), awaitLimit)
	defer cancel()
	t := layout.Town{Root: root}
	was, _ := deacon.Look(t) // without a process there is nothing to wait for
	client := control.NewClient(t.ControlSocket())
	defer client.Close()
	if client.Stop(ctx) != nil {
		return // none is left
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		if p, err := deacon.Look(t); err != nil || !p.Held && !process.Alive(was.PID) {
			return
		}
		<-tick.C
	}
}
