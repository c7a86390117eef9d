package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// page is a page in a browser.
type page struct {
	*testing.T
	ctx context.Context
	url string

	mu       sync.Mutex
	asked    []string // addresses
	troubles []string // of scripts, and what the page's policy refused
}

// browse starts a browser, which ends with the test.
func browse(t *testing.T) *page {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-dev-shm-usage", true))
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			options = append(options, chromedp.ExecPath(path))
			break
		}
	}
	browser, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, done := chromedp.NewContext(browser)
	t.Cleanup(done)
	p := &page{T: t, ctx: ctx}
	err := chromedp.Listen(ctx, func(event any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			p.asked = append(p.asked, e.Request.URL)
		case *runtime.EventExceptionThrown:
			p.troubles = append(p.troubles, e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			if e.Entry.Source == log.EntrySourceSecurity || e.Entry.Source == log.EntrySourceViolation || strings.Contains(e.Entry.Text, "Content Security Policy") {
				p.troubles = append(p.troubles, e.Entry.Text)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// open loads a part of the page anew.
func (p *page) open(part string) {
	p.Helper()
	for _, url := range []string{"about:blank", p.url + part} {
		if _, err := chromedp.Run(p.ctx, chromedp.Navigate(url)); err != nil {
			p.Fatal(err)
		}
	}
}

// do runs JavaScript in the page.
func (p *page) do(script string) {
	p.Helper()
	if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[chromedp.Void]("{"+helpers+script+"; null}")); err != nil {
		p.Fatalf("%s: %v", script, err)
	}
}

// helpers find elements by selector, and fill fields as a person does.
const helpers = `
const $ = (s) => document.querySelector(s) || (() => { throw new Error('not in the page: ' + s) })();
const click = (s) => $(s).click();
const fill = (s, v) => { const e = $(s); e.focus(); e.value = v;
  e.dispatchEvent(new Event('input', {bubbles: true})); e.dispatchEvent(new Event('change', {bubbles: true})); };
`

// value is that of a JavaScript expression in the page.
func value[T any](p *page, expression string) T {
	p.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return v
}

// await waits until a JavaScript expression is true in the page.
func (p *page) await(expression string) {
	p.Helper()
	deadline := time.Now().Add(patience)
	for {
		is, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if err == nil && is {
			return
		}
		if time.Now().After(deadline) {
			text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.body.innerText.slice(0, 2000)"))
			p.Fatalf("never true: %s (%v); the page says: %s", expression, err, text)
		}
		time.Sleep(50 * time.Millisecond) //nolint:sleep // the page tells nobody
	}
}

// size makes the browser's window so large, in pixels of the page.
func (p *page) size(width, height int64) {
	p.Helper()
	if _, err := chromedp.Run(p.ctx, chromedp.EmulateViewport(width, height)); err != nil {
		p.Fatal(err)
	}
	p.await(fmt.Sprintf("innerWidth === %d", width))
}

// colours says whether the person's system has dark colours.
func (p *page) colours(dark bool) {
	p.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	_, err := chromedp.Run(p.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
	if err != nil {
		p.Fatal(err)
	}
}

// onlyFrom checks that the browser asked one server only, and that no script failed.
func (p *page) onlyFrom(server string) {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked) == 0 {
		p.Error("no request was seen")
	}
	for _, url := range p.asked {
		if !strings.HasPrefix(url, server+"/") && url != "about:blank" {
			p.Errorf("the page asked %s", url)
		}
	}
	for _, trouble := range p.troubles {
		p.Errorf("the browser says: %s", trouble)
	}
}

// key presses keys.
func (p *page) key(keys string) {
	p.Helper()
	if _, err := chromedp.Run(p.ctx, chromedp.KeyEvent(keys)); err != nil {
		p.Fatal(err)
	}
}

// roles counts what a screen reader finds.
func (p *page) roles() map[string]int {
	p.Helper()
	counts := map[string]int{}
	_, err := chromedp.Run(p.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		tree, err := cdp.Call(ctx, t, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		if err != nil {
			return err
		}
		for _, n := range tree.Nodes {
			if n.Ignored || n.Role == nil {
				continue
			}
			var role string
			if json.Unmarshal(n.Role.Value, &role) == nil {
				counts[role]++
			}
		}
		return nil
	}))
	if err != nil {
		p.Fatal(err)
	}
	return counts
}
