package alert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/nflog/nflogpb"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/sirupsen/logrus"

	"gastown/planes/operational"
	"gastown/town/durable"
	"gastown/town/strict"
)

// maxTold is the largest file of what was told that is read, in bytes.
const maxTold = 64 << 20

// told is Alertmanager's log of what each channel was told last about each name. It is
// written to disk with every entry, so a restart, however it came, tells nothing again.
// An entry stays as long as the row of an alert does, and not only for two repeats: a
// Town may be off, or an alert silent, for longer.
type told struct {
	nflog *nflog.Log
	path  string
	warn  logrus.FieldLogger

	mu      sync.Mutex
	unsaved bool
	failed  string // the last failure that was logged
}

// openTold reads the file. It puts a file that cannot be used aside; then firing alerts
// are sent again.
func openTold(path string, log *slog.Logger, warn logrus.FieldLogger) (*told, error) {
	t := &told{path: path, warn: warn}
	open := func(data []byte) (err error) {
		t.nflog, err = nflog.New(nflog.Options{SnapshotReader: bytes.NewReader(data), Retention: operational.AlertsKept, Logger: log, Metrics: prometheus.NewRegistry()})
		return err
	}
	data, err := strict.ReadFile(path, maxTold)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t, open(nil)
	case err == nil:
		err = open(data)
	}
	if err == nil {
		return t, nil
	}
	aside := path + ".damaged"
	warn.WithError(err).WithField("file", aside).Warn("the record of sent alerts cannot be read; it is put aside, and firing alerts are sent again")
	if err := os.Rename(path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("put %s aside: %w", path, err)
	}
	return t, open(nil)
}

// Log implements notify.NotificationLog. An entry that cannot be written to disk counts
// all the same, and is written later.
func (t *told) Log(r *nflogpb.Receiver, key string, firing, resolved, muted []uint64, store *nflog.Store, _ time.Duration) error {
	err := t.nflog.Log(r, key, firing, resolved, muted, store, 0) // 0: for as long as the log keeps anything
	t.mu.Lock()
	t.unsaved = true
	t.mu.Unlock()
	t.save()
	return err
}

// Query implements notify.NotificationLog.
func (t *told) Query(params ...nflog.QueryParam) ([]*nflogpb.Entry, error) {
	return t.nflog.Query(params...)
}

// save writes the file if anything is not in it yet.
func (t *told) save() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.unsaved {
		return
	}
	var out bytes.Buffer
	_, err := t.nflog.GC()
	if err == nil {
		_, err = t.nflog.Snapshot(&out)
	}
	if err == nil {
		err = durable.Replace(t.path, out.Bytes(), 0o600)
	}
	switch {
	case err == nil:
		t.unsaved, t.failed = false, ""
	case err.Error() != t.failed:
		t.failed = err.Error()
		t.warn.WithError(err).Error("the record of sent alerts was not written; after a restart messages may be sent again")
	}
}

// fires reports whether a channel was told that the alert with these labels fires, and
// not that it ended.
func (t *told) fires(channel, name string, set model.LabelSet) bool {
	entries, err := t.Query(nflog.QGroupKey(groupKey(name)), nflog.QReceiver(&nflogpb.Receiver{GroupName: channel, Integration: integration}))
	return err == nil && len(entries) == 1 && len(entries[0].FiringAlerts) > 0 && slices.Contains(entries[0].FiringAlerts, hashOf(set))
}

// hashOf is how the log names an alert. Alertmanager does not export the function, but a
// stage of its pipeline leaves the hash in the context.
func hashOf(set model.LabelSet) uint64 {
	ctx := notify.WithRepeatInterval(notify.WithGroupKey(context.Background(), "hash"), time.Hour)
	stage := notify.NewDedupStage(always{}, empty{}, &nflogpb.Receiver{})
	ctx, _, _ = stage.Exec(ctx, slog.New(slog.DiscardHandler), amalert.New(model.Alert{Labels: set}, time.Time{}, false)) // an empty log has no errors
	if hashes, ok := notify.FiringAlerts(ctx); ok && len(hashes) == 1 {
		return hashes[0]
	}
	return 0
}

type (
	// always is a receiver that wants messages about ends.
	always struct{}
	// empty is a notification log without entries.
	empty struct{}
)

func (always) SendResolved() bool { return true }

func (empty) Query(...nflog.QueryParam) ([]*nflogpb.Entry, error) { return nil, nflog.ErrNotFound }

func (empty) Log(*nflogpb.Receiver, string, []uint64, []uint64, []uint64, *nflog.Store, time.Duration) error {
	return nil
}
