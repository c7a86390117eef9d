package rig

import (
	"cmp"
	"context"

	"gastown/sync/gitcmd"
)

// The kinds of notices, which are kinds of events of the feed.
const (
	// NoticeRescued: work that the remote did not have was saved.
	NoticeRescued = "sandbox.rescued"
	// NoticeForgotten: a working tree that is gone was forgotten; nothing had to be saved.
	NoticeForgotten = "sandbox.forgotten"
	// NoticeAside: a directory that is no sandbox stood in the place of one, and was moved.
	NoticeAside = "sandbox.aside"
	// NoticeMended: the configuration of the clone, which sandboxes share, could not be used
	// by git, and was replaced.
	NoticeMended = "sandbox.mended"
	// NoticeStale: a sandbox begins at a base that may be an old one.
	NoticeStale = "sandbox.stale"
)

// Notice says what happened to a sandbox.
type Notice struct {
	Kind string
	// Sandbox is its address.
	Sandbox string
	// Text says it in one line; Data for programs.
	Text string
	Data map[string]string
}

// tell tells the Yard of something that happened to a sandbox.
func (r *Rig) tell(ctx context.Context, kind string, of Kind, name, text string, data map[string]string) {
	if r.yard.Tell != nil {
		s := Sandbox{Rig: r.Name, Kind: of, Name: name}
		r.yard.Tell(ctx, Notice{Kind: kind, Sandbox: s.Address(), Text: gitcmd.Plain(text), Data: data})
	}
}

// tellForgotten tells of a working tree that is gone.
func (r *Rig) tellForgotten(ctx context.Context, name string, a admin) {
	r.tell(ctx, NoticeForgotten, Polecats, name, "its working tree is gone: "+cmp.Or(a.top, a.dir),
		map[string]string{"branch": a.branch})
}
