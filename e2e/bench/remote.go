package main

import (
	"context"
	"path/filepath"
	"time"

	"gastown/e2e/gitserver"
)

// sshDelay is how long the SSH server makes each new connection wait.
const sshDelay = 100 * time.Millisecond

// remote is one bare repository and how to reach it.
type remote struct {
	dir    string
	url    string // the URL for gt
	server *gitserver.Server
}

// reach are the kinds of remote. A local path needs no server.
var reach = map[string]func(repo string) (*gitserver.Server, error){
	"local": func(string) (*gitserver.Server, error) { return nil, nil },
	"http": func(repo string) (*gitserver.Server, error) {
		return gitserver.HTTP(repo, gitserver.HTTPOptions{})
	},
	"ssh": func(repo string) (*gitserver.Server, error) {
		s, err := gitserver.SSH(repo)
		if err == nil {
			s.Delay(sshDelay)
		}
		return s, err
	},
}

// newRemote makes an empty repository in dir, and serves it unless it is local.
func newRemote(ctx context.Context, kind, dir string) (*remote, error) {
	r := &remote{dir: filepath.Join(dir, "depot.git")}
	if err := gitserver.Bare(ctx, r.dir, gitserver.BareOptions{FirstCommit: true}); err != nil {
		return nil, err
	}
	var err error
	if r.server, err = reach[kind](r.dir); err != nil {
		return nil, err
	}
	r.url = r.dir
	if r.server != nil {
		r.url = r.server.URL()
	}
	return r, nil
}

// stockURL is the URL for the stock dolt command.
func (r *remote) stockURL() string {
	if r.server == nil {
		return "git+file://" + r.dir
	}
	return "git+" + r.url
}

func (r *remote) env() []string {
	if r.server == nil {
		return nil
	}
	return r.server.Env()
}

func (r *remote) counts() gitserver.Counts {
	if r.server == nil {
		return gitserver.Counts{}
	}
	return r.server.Counts()
}

func (r *remote) close() error {
	if r == nil || r.server == nil {
		return nil
	}
	return r.server.Close()
}
