package federate

import (
	"context"
	"errors"
)

// ForgetRules withdraws what a person agreed to share, with every remote of
// these. It belongs before the ledger is made anew: the rules select nothing
// from an empty one, and a sync would take back all that this Town ever shared.
// After it the rules wait for a person, who is shown what would be taken back.
// It contacts nobody, and fails with town.ErrBusy while a remote is in use.
func (e *Engine) ForgetRules(ctx context.Context, remotes []Remote) error {
	for _, r := range remotes {
		if err := e.forgetRules(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) forgetRules(ctx context.Context, r Remote) (err error) {
	l, err := e.lockRemote(ctx, r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.release()) }()
	st, err := e.loadState(r.Name)
	if err != nil || st.Shared.At == "" && len(st.Shared.Agreed) == 0 {
		return err
	}
	st.Shared.Agreed, st.Shared.At = nil, ""
	return e.saveState(r.Name, st)
}
