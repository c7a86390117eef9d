package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"gastown/planes/operational"
)

// alertMessages and alertDelay are the names of figures: of how many messages manyAlerts
// alerts of alertNames names become, and how long after they were raised the last one
// came, less the wait for others of its name.
const (
	alertMessages = "messages of 100 alerts of 4 names"
	alertDelay    = "100 alerts, until told, less group_wait"
	manyAlerts    = 100
	alertNames    = 4
	alertWait     = time.Second
	// alertQuiet is how long nothing more must come.
	alertQuiet = 3 * time.Second
)

// alerts raises many alerts at once in a Town with a channel. A Deacon runs.
func (h *host) alerts(ctx context.Context, _ options) (_ []deaconFigure, err error) {
	var got atomic.Int64
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a message that was cut is none that came
		got.Add(1)
	}))
	defer hook.Close()
	text := fmt.Sprintf("plugins:\n  - name: hook\n    type: notification\n    enabled: true\n    config:\n      url: %s\n      group_wait: %s\n      group_interval: 1s\n", hook.URL, alertWait)
	if err := os.MkdirAll(filepath.Dir(h.at.Plugins()), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(h.at.Plugins(), []byte(text), 0o600); err != nil {
		return nil, err
	}
	if _, err := h.command(ctx, "deacon", "reload"); err != nil {
		return nil, err
	}
	s, err := h.operational(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close(), os.Remove(h.at.Plugins())) }()
	var all []operational.Alert
	for i := range manyAlerts {
		all = append(all, operational.Alert{Name: fmt.Sprint("Bench", i%alertNames), Severity: operational.SeverityError, Labels: map[string]string{"n": fmt.Sprint(i)}, Summary: "measured"})
	}
	began := time.Now()
	if _, err := s.SettleAlerts(ctx, operational.FromPlugin, all, began); err != nil {
		return nil, err
	}
	for end := began.Add(5 * time.Minute); got.Load() < alertNames; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return nil, fmt.Errorf("%d messages came of %d", got.Load(), alertNames)
		}
	}
	took := time.Since(began) - alertWait
	time.Sleep(alertQuiet)
	figures := []deaconFigure{
		{Name: alertMessages, Unit: "messages", Value: float64(got.Load())},
		{Name: alertDelay, Unit: "ms", Value: float64(took.Microseconds()) / 1000},
	}
	_, err = s.SettleAlerts(ctx, operational.FromPlugin, nil, time.Now())
	return figures, err
}
