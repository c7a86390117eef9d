package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/chromedp"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/deacon/control"
)

// The names of the dashboard's figures, of a Town with many polecats, and its limits.
const (
	dashboardBytes = "dashboard, first page in Chromium"
	dashboardTime  = "dashboard, first page in Chromium until it is loaded"
	dashboardPages = "dashboard, 20 open pages"

	dashboardMostBytes, dashboardMostTime, dashboardMostCPU = 200, 1000, 3
)

// openPages is how many pages are open.
const openPages = 20

// dashboard measures the Deacon's processor time with open pages beside that without, while
// an agent's heartbeats change the Town, each for a time, and the first page in Chromium where there is one.
func (h *host) dashboard(ctx context.Context, each time.Duration) (figures []deaconFigure, err error) {
	err = h.attended(ctx, func() error {
		status, err := h.client.Status(ctx)
		if err != nil {
			return err
		}
		_, port, err := net.SplitHostPort(status.HTTP)
		if err != nil {
			return fmt.Errorf("the Deacon answers nowhere: %w", err)
		}
		url := "http://localhost:" + port
		alone, err := h.busy(ctx, status.PID, each)
		if err != nil {
			return err
		}
		ctx, leave := context.WithCancel(ctx)
		var pages sync.WaitGroup
		defer pages.Wait()
		defer leave()
		for range openPages {
			pages.Go(func() { readPage(ctx, url) })
		}
		watched, err := h.busy(ctx, status.PID, each)
		if err != nil {
			return err
		}
		figures = append(figures, deaconFigure{
			Name: dashboardPages, Unit: "% of a core", Value: watched, Other: alone, Beside: "no page", Limit: dashboardMostCPU, Over: watched-alone > dashboardMostCPU,
		})
		more, err := firstPage(ctx, url)
		figures = append(figures, more...)
		return err
	})
	return figures, err
}

// busy is how much of a core a process uses while one agent sends a heartbeat each second.
func (h *host) busy(ctx context.Context, pid int, each time.Duration) (percent float64, err error) {
	before, err := processorTime(pid)
	began := time.Now()
	for ; err == nil && time.Since(began) < each; time.Sleep(time.Second) {
		err = h.client.Heartbeat(ctx, control.Heartbeat{Agent: trial.Polecat(0).String(), State: "working", Note: time.Now().String()})
	}
	if err != nil {
		return 0, err
	}
	after, err := processorTime(pid)
	return 100 * (after - before).Seconds() / time.Since(began).Seconds(), err
}

// processorTime is what a process has used so far. A tick is 10 ms on Linux.
func processorTime(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("what the kernel says about the Deacon is too short")
	}
	user, uerr := strconv.ParseInt(fields[11], 10, 64)
	system, serr := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(uerr, serr)
}

// readPage does what an open page does until ctx ends: it hears of changes, and draws charts.
func readPage(ctx context.Context, url string) {
	ask := func(path string) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil)
		if err != nil {
			return
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return
		}
		defer answer.Body.Close()
		for buffer := make([]byte, 64<<10); err == nil; {
			_, err = answer.Body.Read(buffer)
		}
	}
	var charts sync.WaitGroup
	defer charts.Wait()
	charts.Go(func() {
		for ctx.Err() == nil {
			ask("/dashboard/charts?range=hour")
			select {
			case <-time.After(15 * time.Second):
			case <-ctx.Done():
			}
		}
	})
	ask("/")
	for ctx.Err() == nil {
		ask("/dashboard/events")
	}
}

// firstPage loads the page in a browser that has nothing of it.
func firstPage(ctx context.Context, url string) ([]deaconFigure, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, nil
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.ExecPath(path), chromedp.Flag("disable-dev-shm-usage", true))
	browser, stop := chromedp.NewExecAllocator(ctx, options...)
	defer stop()
	page, done := chromedp.NewContext(browser)
	defer done()
	if _, err := chromedp.Run(page, chromedp.Navigate(url)); err != nil {
		return nil, err
	}
	const measured = `new Promise((done) => { const look = () => { const n = performance.getEntriesByType('navigation')[0];
  if (!n.loadEventEnd || document.querySelector('#live').dataset.state !== 'live') return setTimeout(look, 20);
  done([n.loadEventEnd, n.transferSize + performance.getEntriesByType('resource').filter((r) => r.initiatorType !== 'other').reduce((sum, r) => sum + r.transferSize, 0)]); }; look(); })`
	got, err := chromedp.Run(page, chromedp.Evaluate[[]float64](measured, chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, err
	}
	return []deaconFigure{
		{Name: dashboardBytes, Unit: "KB", Value: got[1] / 1024, Limit: dashboardMostBytes, Over: got[1]/1024 > dashboardMostBytes},
		{Name: dashboardTime, Unit: "ms", Value: got[0], Limit: dashboardMostTime, Over: got[0] > dashboardMostTime},
	}, nil
}
