package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/deacon"
	"gastown/deacon/control"
	"gastown/sync/gitcmd"
	"gastown/sync/hooks"
	"gastown/tmux"
	"gastown/town"
	"gastown/town/limits"
)

const (
	// clockSkew is how far the clocks of the machine and of a file system may
	// differ.
	clockSkew = 2 * time.Second
	// minFree is the free space, in bytes, under which nothing safe can be
	// done; minInodes the same in files.
	minFree   = 64 << 20
	minInodes = 1000
	// diskWarning and diskCritical, in percent, are used when the configuration
	// cannot be read.
	diskWarning, diskCritical = 80, 95
)

// eldest is a day before the first version of this program. A clock that shows an
// earlier time is wrong.
var eldest = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// tools checks the programs that gt uses.
func (d *doctor) tools(ctx context.Context) (found []finding, err error) {
	if _, err := gitcmd.Version(ctx, host.Git(d.call)); err != nil {
		found = append(found, finding{Severity: problem, What: shell.Message(err), Next: shell.Advice(err),
			Why: "everything that is exchanged with other Towns goes through git"})
	}
	if _, err := tmux.Version(ctx, d.call.Env); err != nil {
		found = append(found, finding{Severity: warning, What: shell.Message(err), Why: "agents work in tmux sessions",
			Next: "install tmux " + tmux.MinVersion + " or newer"})
	}
	return append(found, d.limits()), nil
}

// limits says what keeps the sessions of agents within their limits.
func (d *doctor) limits() finding {
	by := (limits.Host{Env: d.call.Env}).Find()
	f := finding{Severity: note, What: "agents' sessions are limited by " + string(by.Kind) + ": "}
	if by.Kind == limits.Rlimits {
		f.What += "each process by itself, and not in cores"
		return f
	}
	f.What += "memory, processes"
	if by.CPU {
		f.What += ", cores"
	}
	return f
}

// disk checks the free space where the Town is.
func (d *doctor) disk(context.Context) (found []finding, err error) {
	warn, critical := diskWarning, diskCritical
	if d.host != nil {
		warn, critical = d.percent("deacon.disk_warning", warn), d.percent("deacon.disk_critical", critical)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(d.layout.Root, &st); err != nil {
		return nil, fmt.Errorf("look at the disk of %s: %w", d.layout.Root, err)
	}
	free := int64(st.Bavail) * st.Bsize
	used := 100
	if all := st.Blocks - st.Bfree + st.Bavail; all > 0 {
		used = int((st.Blocks - st.Bfree) * 100 / all)
	}
	f := finding{What: fmt.Sprintf("the disk of %s is %d%% full, %s are free", d.layout.Root, used, term.Size(free)),
		Why: "when it is full nothing more is recorded; what is recorded stays whole", Next: "make room, or move the Town to another disk"}
	switch {
	case used >= critical || free < minFree:
		f.Severity = problem
	case used >= warn:
		f.Severity = warning
	case st.Files > 0 && st.Ffree < minInodes:
		f.Severity = problem
		f.What = fmt.Sprintf("the disk of %s has room for only %d more files", d.layout.Root, st.Ffree)
	default:
		return nil, nil
	}
	return []finding{f}, nil
}

// percent is a setting in percent, or otherwise if the setting is not valid.
func (d *doctor) percent(key string, otherwise int) int {
	value, _, err := d.host.Config.Get(key)
	if err != nil {
		return otherwise
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		return otherwise
	}
	return n
}

// clock checks that the machine's clock is plausible and agrees with that of the
// file system.
func (d *doctor) clock(context.Context) (found []finding, err error) {
	now := d.call.Now()
	if now.Before(eldest) {
		found = append(found, finding{Severity: problem, What: "the clock says " + now.UTC().Format(time.DateOnly),
			Why: "logins, certificates and schedules do not work at a wrong time", Next: "set the clock"})
	}
	f, err := os.CreateTemp(d.layout.Private(), ".index*") // leftovers recognises this name
	if err != nil {
		return found, nil // examined under permissions, layout and disk
	}
	before := time.Now()
	_, werr := f.WriteString("x")
	info, serr := f.Stat()
	if err := errors.Join(werr, f.Close(), os.Remove(f.Name())); err != nil || serr != nil {
		return found, errors.Join(err, serr)
	}
	if skew := info.ModTime().Sub(before).Abs(); skew > clockSkew+time.Since(before) {
		found = append(found, finding{Severity: warning,
			What: fmt.Sprintf("the file system's clock differs from the machine's by %s", skew.Round(time.Second)),
			Why:  "an edit made in the same moment as a sync may be noticed late", Next: "set the clock of the file server"})
	}
	return found, nil
}

// hooks examines the Git hooks of the repository that holds the Town. A Town needs
// no hooks.
func (d *doctor) hooks(ctx context.Context) (found []finding, err error) {
	p, err := gitcmd.Locate(ctx, d.layout.Root, host.Git(d.call))
	if err != nil || p.Top == "" {
		return nil, nil
	}
	dir, err := hooks.Find(p)
	if errors.Is(err, town.ErrRefused) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := dir.List()
	if err != nil {
		return nil, err
	}
	self, err := d.call.Executable()
	if err != nil {
		return nil, err
	}
	scripts, err := host.HookScripts(p, dir, d.layout, self)
	if err != nil { // the hooks serve another Town, or none
		return nil, nil
	}
	var wrong []string
	installed := 0
	for _, h := range all[:len(hooks.Watched)] {
		switch {
		case h.State == hooks.Edited:
			found = append(found, finding{Severity: warning, What: h.Path + " was edited after gt installed it",
				Why: "it counts as yours now: gt neither updates nor removes it", Next: "see that it still does what you want"})
		case h.State == hooks.Installed && h.Missing:
			wrong = append(wrong, h.Name+" starts "+h.Program+", which is not there")
		case h.State != hooks.Installed:
			wrong = append(wrong, h.Name+" is not installed")
			continue
		}
		installed++
	}
	if installed > 0 && len(wrong) > 0 {
		found = append(found, finding{Severity: problem, What: "Git hooks in " + dir.Path + ": " + strings.Join(wrong, ", "),
			Why: "edits that are committed are published late", Fix: "installs the hooks again, for " + self,
			repair: func(ctx context.Context) error { _, err := dir.Install(ctx, scripts); return err }})
	}
	return found, nil
}

// schedule checks the Deacon's settings and schedule, as the Deacon does at its
// start.
func (d *doctor) schedule(context.Context) ([]finding, error) {
	if err := deacon.CheckSettings(d.layout); err != nil {
		return []finding{{Severity: problem, What: shell.Message(err), Next: shell.Advice(err),
			Why: "the Deacon does not start with it; one that runs keeps its former schedule"}}, nil
	}
	return nil, nil
}

// deacon asks the Town's Deacon for its status.
func (d *doctor) deacon(ctx context.Context) ([]finding, error) {
	presence, err := deacon.Look(d.layout)
	if err != nil {
		return nil, err
	}
	var found []finding
	for _, pid := range deacon.Others(d.layout, presence.PID) {
		found = append(found, finding{Severity: problem,
			What: fmt.Sprintf("a second Deacon (pid %d) was started in this Town, and its directory or lock was moved or removed since", pid),
			Why:  "one of the two works on files that are not this Town's any more; such a Deacon ends by itself, unless it is stopped or hangs",
			Next: fmt.Sprintf("kill %d, and if it stays: kill -CONT %d", pid, pid)})
	}
	client, status, err := host.Reach(ctx, d.layout, "ask the Deacon for status")
	if errors.Is(err, control.ErrNoDeacon) {
		return append(found, finding{Severity: note, What: "no Deacon runs", Why: "nothing syncs or is checked by itself", Next: "gt deacon start"}), nil
	}
	if err != nil {
		return append(found, finding{Severity: problem, What: shell.Message(err), Why: "commands that need the Town's planes fail", Next: shell.Advice(err)}), nil
	}
	client.Close()
	if status.Problem != "" {
		found = append(found, finding{Severity: warning, What: "the Deacon refused its configuration: " + town.Clip(status.Problem, 500),
			Why: "it goes on with the former one", Next: "correct the file, then gt deacon status"})
	}
	for _, c := range status.Checks {
		if c.State == "critical" {
			found = append(found, finding{Severity: problem, What: fmt.Sprintf("the Deacon's check %s: %s", c.Name, c.Figure), Next: c.Next,
				Why: strings.Join(c.Details, "; ")})
		}
	}
	if d.call.Version() != status.Version {
		found = append(found, finding{Severity: warning, What: fmt.Sprintf("the Deacon is gt %s, this is gt %s", town.Clip(status.Version, 64), d.call.Version()),
			Why: "they may not understand each other", Next: "gt deacon restart"})
	}
	return found, nil
}
