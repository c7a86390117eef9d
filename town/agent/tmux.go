package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gastown/tmux"
	"gastown/town"
	"gastown/town/group"
	"gastown/town/launch"
	"gastown/town/limits"
	"gastown/town/lockfile"
)

const (
	// defaultGrace is how long a program that was asked to end has.
	defaultGrace = 3 * time.Second
	// lockWait is how long one process waits for another that hands text to the same
	// session or starts one.
	lockWait = 20 * time.Second
)

// The tags of a session.
const (
	tagAgent  = "agent"
	tagRun    = "run"
	tagPreset = "preset"
	tagBegun  = "begun"
	tagOnce   = "once" // the digest of the text of HandOverOnce
)

// Tmux runs sessions on the Town's tmux server.
type Tmux struct {
	// Server is the Town's.
	Server tmux.Server
	// Dir is a private directory of gt's for files of sessions.
	Dir string
	// Launcher is the command, gt's, that starts what a file says; see town/launch.
	Launcher []string
	// Presets are the Town's.
	Presets Presets
	// Base is the environment of whom gt runs for. Only what a person's programs need
	// and what the preset names gets into a session; see inherited.
	Base []string
	// Max is how many sessions there may be; 0 for any number.
	Max int
	// Grace is how long a program that was asked to end has (3 s when 0).
	Grace time.Duration
	// Limits makes what limits the sessions; nil for none.
	Limits *limits.Limiter

	// slack is how much longer than usual an agent may take to show what it was given;
	// tests give a busy machine more.
	slack time.Duration
}

// Start describes a session to start.
type Start struct {
	// Agent is the agent's address, such as web/polecats/nux; Run numbers its runs.
	Agent string
	Run   int64
	// Preset is what to start; Args are further arguments. Resume goes on with the
	// conversation of that id, if one is given, and else with the last one.
	Preset       string
	Args         []string
	Resume       bool
	Conversation string
	// Dir is the working directory; Env is the environment besides what Base gives, as
	// NAME=value.
	Dir string
	Env []string
	// Prepare makes Dir ready, while the session is made. The program is started when it
	// has succeeded, and the session is removed when it has failed. nil when Dir is ready.
	Prepare func(ctx context.Context) error
	// Limits are the session's, Group those of the set that it belongs to.
	Limits limits.Limits
	Group  limits.Group
	// Width and Height are the terminal's size; a usual one when zero.
	Width, Height int
}

// SessionName is the name of an agent's session in tmux: its address without the final
// slash. It identifies a session only together with its tags.
func SessionName(agent string) string { return strings.TrimSuffix(agent, "/") }

// Start starts a session and returns as soon as its program runs. It does not wait
// until the agent is ready: AwaitReady does. ErrRunning when the agent has one,
// ErrFull when there are too many; both are town.ErrRefused. When it fails there is no
// session, but what Prepare made stays.
func (t Tmux) Start(ctx context.Context, s Start) (Session, error) {
	op := "start a session for " + town.Clip(s.Agent, 200)
	p, err := t.Presets.Find(s.Preset)
	if err != nil {
		return nil, err
	}
	g := group.New()
	if s.Prepare != nil {
		g.Go(func() error { return s.Prepare(ctx) })
	}
	id, file, err := t.open(ctx, op, s, p)
	if unprepared := g.Wait(); err == nil && unprepared != nil {
		err = errors.Join(unprepared, file.Drop())
	} else if err == nil {
		if err = t.begin(file, s, p); err != nil {
			err = town.Fail(op, "see that "+t.Dir+" may be written", "%w", err)
		}
	} else {
		err = errors.Join(unprepared, err)
	}
	if err != nil && id != "" {
		err = errors.Join(err, t.Server.Remove(context.WithoutCancel(ctx), id))
	}
	if err != nil {
		return nil, err
	}
	return &session{t: t, agent: s.Agent, preset: p}, nil
}

// open makes a session whose launcher waits for its file, so it can still be taken back.
// id is that of a session which is there, also after an error.
func (t Tmux) open(ctx context.Context, op string, s Start, p Preset) (id string, file *launch.Pending, err error) {
	lock, err := lockfile.Acquire(ctx, filepath.Join(t.Dir, "start.lock"), lockfile.Options{Command: op, Wait: lockWait, Op: op})
	if err != nil {
		return "", nil, err
	}
	defer lock.Release()
	name := SessionName(s.Agent)
	path := filepath.Join(t.Dir, FileName(name)+".launch")
	if file, err = launch.Reserve(path); errors.Is(err, launch.ErrReserved) {
		return "", nil, running(op, s.Agent)
	} else if err != nil {
		return "", nil, town.Fail(op, "see that "+t.Dir+" may be written", "%w", err)
	}
	made, all, err := t.Server.Create(ctx, tmux.New{
		Name: name, Dir: s.Dir, Command: append(append([]string{}, t.Launcher...), launch.Flag, path), Width: s.Width, Height: s.Height,
		Tags: map[string]string{tagAgent: s.Agent, tagRun: strconv.FormatInt(s.Run, 10), tagPreset: p.Name},
	})
	switch {
	case errors.Is(err, tmux.ErrExists):
		err = running(op, s.Agent)
	case err != nil:
		err = town.Fail(op, "gt doctor tells whether tmux works, gt tmux list shows its sessions", "%w", err)
	default:
		id, err = made.ID, t.admit(op, s, made.ID, all)
	}
	if err != nil {
		err = errors.Join(err, file.Drop())
	}
	return id, file, err
}

// admit refuses a session that is the agent's second one, under another name, or one
// too many.
func (t Tmux) admit(op string, s Start, made string, all []tmux.Listed) error {
	for _, other := range all {
		if other.ID != made && other.Tags[tagAgent] == s.Agent {
			return running(op, s.Agent)
		}
	}
	if t.Max > 0 && len(all) > t.Max {
		return town.Fail(op, "gt tmux list shows them; gt config tmux.max_sessions N moves the limit", "%w: %w (%d)", town.ErrRefused, ErrFull, t.Max)
	}
	return nil
}

func running(op, agent string) error {
	return town.Fail(op, "gt peek "+agent+" shows it", "%w: %w", town.ErrRefused, ErrRunning)
}

// begin writes the file for which the session waits.
func (t Tmux) begin(file *launch.Pending, s Start, p Preset) error {
	name := SessionName(s.Agent)
	argv := append([]string{}, p.Command...)
	if s.Resume {
		argv = append(argv, p.resume(s.Conversation)...)
	}
	spec := launch.Spec{Argv: append(argv, s.Args...), Dir: s.Dir}
	if t.Limits != nil {
		enter, err := t.Limits.Make(FileName(name), s.Limits, s.Group)
		if err != nil {
			return errors.Join(fmt.Errorf("limit what it may use: %w", err), file.Drop())
		}
		spec.Argv, spec.Join = append(enter.Prefix, spec.Argv...), enter.Join
		for resource, most := range enter.Each {
			spec.Limits = append(spec.Limits, launch.Limit{Resource: resource, Max: most})
		}
	}
	spec.Env = environment(t.Base, p, s.Env, t.marker(name))
	return file.Write(spec)
}

// inherited are the variables that a session has of the environment of whom gt runs
// for: what programs need to find their files, and to show text and time.
var inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"}

// environment is the whole environment of a session. Each variable is in it once; a
// later one replaces an earlier one.
func environment(base []string, p Preset, more []string, marker string) []string {
	all := []string{"TERM=" + tmux.Term}
	for _, kv := range base {
		if name, _, ok := strings.Cut(kv, "="); ok && (slices.Contains(inherited, name) || slices.Contains(p.Pass, name)) {
			all = append(all, kv)
		}
	}
	var out []string
	at := map[string]int{}
	for _, kv := range append(append(append(all, p.Env...), more...), marker) {
		name, _, _ := strings.Cut(kv, "=")
		if i, ok := at[name]; ok {
			out[i] = kv
			continue
		}
		at[name] = len(out)
		out = append(out, kv)
	}
	return out
}

// Marker is the variable that tells the processes of a session from all others. Who
// starts a program from within a session that is no part of it removes the variable.
const Marker = "GT_TMUX_SESSION"

// marker is the variable with its value. The socket tells apart the sessions of Towns.
func (t Tmux) marker(name string) string { return Marker + "=" + t.Server.Socket + ":" + name }

// FileName is a session's name as the name of a file. "@" is in no name.
func FileName(name string) string { return strings.ReplaceAll(name, "/", "@") }

// Find is an agent's session. It looks at nothing: a session that is gone is found out
// by using it. preset is used when the session does not say which one it has.
func (t Tmux) Find(agent, preset string) (Session, error) {
	p, err := t.Presets.Find(preset)
	if err != nil {
		return nil, err
	}
	return &session{t: t, agent: agent, preset: p}, nil
}

// List returns the signs of life of every session of the Town, also of those that no
// agent has, by one call of tmux; by more while a status is not known yet.
func (t Tmux) List(ctx context.Context) ([]Signs, error) {
	all, err := t.sessions(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Signs, len(all))
	for i, s := range all {
		out[i] = signs(s)
	}
	return out, nil
}

// tmux sees a program's end first and learns its status a moment later. In old versions
// it never learns it after a signal.
const (
	reapTries = 3
	reapPause = 20 * time.Millisecond
)

// sessions lists all sessions, with the status of programs that have ended.
func (t Tmux) sessions(ctx context.Context) (all []tmux.Session, err error) {
	for range reapTries {
		all, err = t.Server.Sessions(ctx)
		if err != nil || !slices.ContainsFunc(all, func(s tmux.Session) bool { return s.Pane.Dead && !s.Pane.Reaped }) {
			break
		}
		select {
		case <-ctx.Done():
			return all, ctx.Err()
		case <-time.After(reapPause):
		}
	}
	return all, err
}

// find is the session of an agent: by its tag, which survives a new name.
func find(all []tmux.Session, agent string) (tmux.Session, bool) {
	for _, s := range all {
		if s.Tags[tagAgent] == agent && agent != "" {
			return s, true
		}
	}
	for _, s := range all { // somebody changed the tags, or made it by hand
		if s.Name == SessionName(agent) {
			return s, true
		}
	}
	return tmux.Session{}, false
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
