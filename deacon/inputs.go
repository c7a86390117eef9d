package deacon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"gastown/planes/doltdb"
	"gastown/town/config"
	"gastown/town/feed"
	"gastown/town/layout"
)

// settled is how long ago a file must have changed before equal stamps mean equal content.
const settled = 2 * time.Second

// Inputs identifies the state of what the jobs about work read: the settings in force, the files of
// config/, which rigs are cloned, the operational plane and the ledger. While it returns the
// same, none of them changes, whoever writes. It is "" when only a look can tell: something
// was written a moment ago, or a plane is on another machine. It opens nothing.
func (h *host) Inputs() string {
	out := strings.Builder{}
	fmt.Fprint(&out, h.reloads.Load())
	for _, plane := range []string{layout.Operational, layout.Ledger} {
		sign, settled, ok := h.signs[plane]()
		if !ok || !settled {
			return ""
		}
		out.WriteString("\n" + sign)
	}
	now := time.Now()
	for _, dir := range []string{filepath.Dir(h.opts.Layout.Config()), h.opts.Layout.Rigs()} {
		entries, err := os.ReadDir(dir)
		if err != nil && !os.IsNotExist(err) {
			return ""
		}
		for _, e := range entries {
			var st syscall.Stat_t
			if err := syscall.Stat(filepath.Join(dir, e.Name()), &st); err != nil {
				return ""
			}
			if now.Sub(time.Unix(st.Ctim.Unix())) < settled {
				return ""
			}
			fmt.Fprintf(&out, "\n%q %d %d %d %d %d", e.Name(), st.Ino, st.Size, st.Ctim.Sec, st.Ctim.Nsec, st.Mode)
		}
	}
	return out.String()
}

// sign is a cheap hint of whether a plane may have changed. It is asked every second, so where
// the plane is follows from the settings only once for each that come into force.
func (h *host) sign(plane string) feed.Sign {
	type place struct {
		by   *config.Config
		opts doltdb.Options
	}
	var known atomic.Pointer[place]
	return func() (string, bool, bool) {
		cfg := h.Config()
		at := known.Load()
		if at == nil || at.by != cfg {
			at = &place{cfg, h.opts.Database(cfg, plane)}
			known.Store(at)
		}
		return doltdb.Sign(at.opts)
	}
}
