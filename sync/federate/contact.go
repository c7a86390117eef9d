package federate

import "time"

// Contact is what is known of a remote without opening the plane.
type Contact struct {
	Remote
	// Confirmed: this remote was agreed to in init or join.
	Confirmed bool
	// Verified is when the remote last confirmed an exchange; zero for never.
	Verified time.Time
	// Failed and Error are of the last attempt, if it failed.
	Failed time.Time
	Error  string
}

// Contacts says when each remote last confirmed an exchange. It contacts nobody,
// takes no lock and opens no database.
func (e *Engine) Contacts(remotes []Remote) ([]Contact, error) {
	all := make([]Contact, 0, len(remotes))
	for _, r := range remotes {
		st, err := e.loadState(r.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, Contact{
			Remote: r, Confirmed: st.Confirmed == r.URL, Verified: st.Verified, Failed: st.Failed, Error: st.Error,
		})
	}
	return all, nil
}
