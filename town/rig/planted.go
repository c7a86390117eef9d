package rig

import (
	"context"

	"gastown/sync/gitcmd"
)

// Planted looks at the rig's clone and the crew's clones for settings that name programs,
// other files or other places. Working trees of polecats share the rig's clone.
func (r *Rig) Planted(ctx context.Context) (all []gitcmd.Planted, err error) {
	repos := []string{r.repo.Dir()}
	names, err := r.Sandboxes(Crew)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		repos = append(repos, r.path(string(Crew), name, ".git"))
	}
	for _, dir := range repos {
		repo, err := gitcmd.OpenShared(dir, r.yard.Git)
		if err != nil {
			continue // gt rig status says what is wrong with it
		}
		found, err := repo.Planted(ctx)
		if err != nil {
			return all, err
		}
		all = append(all, found...)
	}
	return all, nil
}
