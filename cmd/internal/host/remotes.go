package host

import (
	"slices"

	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/config"
)

// DefaultRemote is the name of a remote that is added without one.
const DefaultRemote = "origin"

// Remotes lists every remote of the Town.
func (h *Host) Remotes() []federate.Remote {
	return federate.ConfiguredAll(h.Config.Remotes)
}

// Remote finds a remote by name. Without a name it is the only one, or
// DefaultRemote.
func (h *Host) Remote(name string) (federate.Remote, error) {
	op := "choose a remote"
	switch known := h.Config.Remotes; {
	case len(known) == 0:
		return federate.Remote{}, town.Fail(op, "gt federation init URL (first Town) or gt federation join URL",
			"%w: this Town has no federation remote", town.ErrUsage)
	case name == "" && len(known) == 1:
		return federate.Configured(known[0]), nil
	case name == "":
		if r, ok := h.Config.Remote(DefaultRemote); ok {
			return federate.Configured(r), nil
		}
		return federate.Remote{}, town.Fail(op, "name one with --remote NAME; gt federation remote list shows them",
			"%w: there are %d and none is called %s", town.ErrUsage, len(known), DefaultRemote)
	}
	if r, ok := h.Config.Remote(name); ok {
		return federate.Configured(r), nil
	}
	return federate.Remote{}, town.Fail(op, "gt federation remote list shows them", "%w: there is no remote %q", town.ErrUsage, town.Clip(name, 64))
}

// NewRemote checks the name and the URL of a remote to be added, alone and against
// the configuration. With again, the remote may already be there; then it has the
// space that is configured.
func (h *Host) NewRemote(name, url string, again bool) (federate.Remote, error) {
	op := "add the remote " + town.Clip(name, 64)
	if err := config.CheckRemoteName(name); err != nil {
		return federate.Remote{}, town.Fail(op, "choose another name", "%w", err)
	}
	if err := config.CheckRemoteURL(url); err != nil {
		return federate.Remote{}, town.Fail(op, "name it by https://, ssh://, user@host:path or a path", "%w", err)
	}
	r := federate.Remote{Name: name, URL: config.AbsRemoteURL(url, h.call.Dir)}
	known, ok := h.Config.Remote(name)
	r.Space = federate.Configured(known).Space
	if ok && (!again || known.URL != r.URL) {
		return r, town.Fail(op, "choose another name for the new one; gt federation remote list shows all",
			"%w: there is one, with the URL %s", town.ErrRefused, known.URL)
	}
	// One repository under two names would show what the Town published under one
	// name as another Town's work under the other.
	i := slices.IndexFunc(h.Config.Remotes, func(o config.Remote) bool { return o.URL == r.URL && o.Name != name })
	if i >= 0 {
		return r, town.Fail(op, "go on with "+h.Config.Remotes[i].Name+"; to give it another name, remove it first",
			"%w: that repository is remote %s already", town.ErrRefused, h.Config.Remotes[i].Name)
	}
	return r, nil
}
