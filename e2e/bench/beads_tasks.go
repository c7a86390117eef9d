package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"gastown/planes/ledger"
	"gastown/town"
)

// The names of the tasks.
const (
	taskCreate  = "create"
	taskShow    = "show 1"
	taskShows   = "show 10"
	taskList    = "list 100"
	taskUpdate  = "update 1"
	taskBatch   = "update 100 in a batch"
	taskClose   = "close"
	taskReady   = "ready"
	taskSearch  = "search"
	taskExport  = "export"
	taskFill    = "import into an empty ledger"
	taskRaw     = "show 1, not collected"
	taskVersion = "start-up alone"
)

// taskImport is the name of the task that imports n beads on top of all others.
func taskImport(n int) string { return fmt.Sprintf("import %d more", n) }

const (
	// batchSize is how many beads a batch changes, showSize how many beads one show
	// prints, listSize and pageSize how many rows a list and the other queries
	// print.
	batchSize, showSize, listSize, pageSize = 100, 10, 100, 50
	// defaultMore is how many beads are imported on top of the others.
	defaultMore = 5000
)

// clerk knows the beads of one side and how they were changed, so that no run
// repeats an earlier change.
type clerk struct {
	dir   string
	beads int
	open  []string
	done  map[string]int
	// operations has batches written as lines of operations, the public bd's
	// format, instead of JSON.
	operations bool
}

func (c *clerk) next(name string) int {
	c.done[name]++
	return c.done[name]
}

// some returns n ids from first on, spread over the ledger.
func (c *clerk) some(first, n int) []string {
	ids := make([]string, min(n, c.beads))
	for i := range ids {
		ids[i] = beadID((first + i*max(1, c.beads/len(ids))) % c.beads)
	}
	return ids
}

// changes are the n-th batch: each bead gets a title it never had.
func (c *clerk) changes(n int) map[string]string {
	changes := map[string]string{}
	for i, id := range c.some(0, batchSize) {
		changes[id] = fmt.Sprintf("Change %d of batch %d", i, n)
	}
	return changes
}

// batch writes the n-th batch to a file.
func (c *clerk) batch(n int) (path string, err error) {
	var b strings.Builder
	list := []map[string]string{}
	for id, title := range c.changes(n) {
		fmt.Fprintf(&b, "update %s title=%q\n", id, title)
		list = append(list, map[string]string{"id": id, "title": title})
	}
	data := []byte(b.String())
	if !c.operations {
		if data, err = json.Marshal(list); err != nil {
			return "", err
		}
	}
	path = filepath.Join(c.dir, "batch")
	return path, os.WriteFile(path, data, 0o600)
}

// task is one command of bd to measure.
type task struct {
	name string
	// line is the command line of the n-th run. before, if any, prepares that run
	// and is not timed.
	line   func(c *clerk, n int) ([]string, error)
	before func(c *clerk, n int) []string
	// direct runs the same queries through a ledger that is already open, without
	// starting a process, opening, or printing.
	direct func(ctx context.Context, s *ledger.Store, c *clerk, n int) error
}

// always is the line of a task that does not change between runs.
func always(list ...string) func(*clerk, int) ([]string, error) {
	return func(*clerk, int) ([]string, error) { return list, nil }
}

// tasks are measured in this order: those that only read come first.
var tasks = []task{
	{name: taskVersion, line: always("--version")},
	{name: taskShow, line: show(1), direct: get(1)},
	{name: taskShows, line: show(showSize), direct: get(showSize)},
	{name: taskList, line: always("list", "--json", "--limit", fmt.Sprint(listSize)),
		direct: listed(ledger.Filter{Limit: listSize + 1, Not: []town.Status{town.StatusClosed}})},
	{name: taskReady, line: always("ready", "--json", "--limit", fmt.Sprint(pageSize)),
		direct: func(ctx context.Context, s *ledger.Store, _ *clerk, _ int) error {
			var all []ledger.Item
			return s.Ready(ctx, ledger.Filter{Limit: pageSize + 1}, ledger.Collect(&all))
		}},
	{name: taskSearch, line: always("search", searched, "--json", "--limit", fmt.Sprint(pageSize)),
		direct: listed(ledger.Filter{Limit: pageSize + 1, Text: searched})},
	{name: taskExport,
		line: func(c *clerk, _ int) ([]string, error) {
			return []string{"export", "-o", filepath.Join(c.dir, "export.jsonl")}, nil
		},
		direct: func(ctx context.Context, s *ledger.Store, _ *clerk, _ int) error {
			return s.Export(ctx, ledger.Filter{}, func(b town.Bead) error { return ledger.WriteLine(io.Discard, b) })
		}},
	{name: taskCreate,
		line: func(_ *clerk, n int) ([]string, error) {
			return []string{"create", fmt.Sprintf("Found on the way, number %d", n), "-t", "bug", "-p", "1", "-d", newPen(n).text(400)}, nil
		},
		direct: func(ctx context.Context, s *ledger.Store, _ *clerk, n int) error {
			_, err := s.Create(ctx, []ledger.NewBead{{Bead: town.Bead{Title: fmt.Sprintf("Found on the way, number %d", n),
				Type: town.TypeTask, Priority: 1, Description: newPen(n).text(400)}}})
			return err
		}},
	{name: taskUpdate,
		line: func(c *clerk, n int) ([]string, error) {
			return []string{"update", c.some(1, 1)[0], "--title", fmt.Sprintf("Renamed, time %d", n)}, nil
		},
		direct: func(ctx context.Context, s *ledger.Store, c *clerk, n int) error {
			title := fmt.Sprintf("Renamed, time %d", n)
			_, err := s.Update(ctx, []ledger.Patch{{ID: c.some(1, 1)[0], Title: &title}})
			return err
		}},
	{name: taskBatch,
		line: func(c *clerk, n int) ([]string, error) {
			path, err := c.batch(n)
			if c.operations {
				return []string{"batch", "-f", path}, err
			}
			return []string{"update", "--batch", path}, err
		},
		direct: func(ctx context.Context, s *ledger.Store, c *clerk, n int) error {
			var list []ledger.Patch
			for id, title := range c.changes(n) {
				list = append(list, ledger.Patch{ID: id, Title: &title})
			}
			_, err := s.Update(ctx, list)
			return err
		}},
	{name: taskClose,
		line: func(c *clerk, n int) ([]string, error) {
			return []string{"close", c.closing(n), "--force", "--reason", "done"}, nil
		},
		before: (*clerk).before,
		direct: func(ctx context.Context, s *ledger.Store, c *clerk, n int) error {
			id := []string{c.closing(n)}
			if c.before(n) != nil {
				if _, _, err := s.ReopenBecause(ctx, id, ""); err != nil {
					return err
				}
			}
			_, err := s.CloseReady(ctx, id, ledger.Closing{Reason: "done", Force: true})
			return err
		}},
}

// closing is the bead that the n-th run closes, another one in each run until all
// were used.
func (c *clerk) closing(n int) string { return c.open[n%len(c.open)] }

// before reopens the bead of the n-th closing when all were closed already.
func (c *clerk) before(n int) []string {
	if n < len(c.open) {
		return nil
	}
	return []string{"reopen", c.closing(n)}
}

func show(ids int) func(*clerk, int) ([]string, error) {
	return func(c *clerk, n int) ([]string, error) {
		return append([]string{"show", "--json"}, c.some(n, ids)...), nil
	}
}

func get(ids int) func(context.Context, *ledger.Store, *clerk, int) error {
	return func(ctx context.Context, s *ledger.Store, c *clerk, n int) error {
		_, err := s.Get(ctx, c.some(n, ids), nil)
		return err
	}
}

func listed(f ledger.Filter) func(context.Context, *ledger.Store, *clerk, int) error {
	return func(ctx context.Context, s *ledger.Store, _ *clerk, _ int) error {
		var all []ledger.Item
		return s.List(ctx, f, ledger.Collect(&all))
	}
}
