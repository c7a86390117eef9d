package federate

// Contact is what is known of a remote without opening the plane.
type Contact struct {
	Remote
	// Confirmed: this remote was agreed to in init or join.
	Confirmed bool
	Exchange
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
			Remote: r, Confirmed: st.Confirmed == r.URL, Exchange: st.exchange(),
		})
	}
	return all, nil
}
