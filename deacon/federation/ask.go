package federation

import (
	"context"
	"errors"
	"net/http"

	"gastown/deacon/control"
	"gastown/deacon/guard"
	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/sync/hooks"
	"gastown/town"
)

// Control implements part.Controlled: POST /v1/federation syncs now.
func (p *Part) Control(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/federation", func(w http.ResponseWriter, r *http.Request) {
		var in control.SyncRequest
		if !guard.ReadJSON(w, r, &in) {
			return
		}
		runs, err := p.ask(r.Context(), in.Remote, in.Wait)
		control.Reply(w, control.Ran{Runs: part.Runs(runs)}, err)
	})
}

// ask runs the job of one remote, or of all, now.
func (p *Part) ask(ctx context.Context, remote string, wait bool) ([]schedule.Run, error) {
	var names []string
	for _, r := range p.host.Config().Remotes {
		if remote == "" || r.Name == remote {
			names = append(names, schedule.KeyedName(job, r.Name))
		}
	}
	if len(names) == 0 && remote != "" {
		return nil, town.Fail("sync with "+town.Clip(remote, 64), "gt federation remote list shows them", "%w: there is no such remote", town.ErrUsage)
	}
	for _, name := range names {
		p.Asked(name)
	}
	if wait {
		return p.host.DoJobs(ctx, names)
	}
	var failed []error
	for _, name := range names {
		failed = append(failed, p.host.StartJob(name))
	}
	return nil, errors.Join(failed...)
}

// HTTP implements part.Web: POST /notify is for Git hosts.
func (p *Part) HTTP(mux *http.ServeMux) { mux.HandleFunc("POST /notify", p.notified) }

// notified syncs when a Git host reports that something arrived and proves its
// identity. A sender that cannot prove it learns nothing more.
func (p *Part) notified(w http.ResponseWriter, r *http.Request) {
	if err := p.host.Verify(r); err != nil {
		reason := guard.Unsigned
		switch {
		case errors.Is(err, hooks.ErrFlood):
			reason = guard.Crowded
		case errors.Is(err, hooks.ErrTooLarge):
			reason = guard.Oversized
		}
		guard.Refuse(w, r, reason, hooks.Status(err))
		return
	}
	if _, err := p.ask(r.Context(), "", false); err != nil {
		p.host.Log().WithError(err).Error("a notification did not lead to a sync")
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(hooks.Status(nil))
}
