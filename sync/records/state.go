package records

import (
	"slices"

	"gastown/sync/gitremote"
	"gastown/sync/sign"
	"gastown/town"
)

// State is what is known of the records shared through one remote. The engine
// stores it with its own state of the remote. Losing it costs a repeated step or
// question and no record.
type State struct {
	// Head is the commit of the records' ref whose content is merged into the exchange.
	Head string `json:"head,omitempty"`
	// Commit is the tip of the exchange when that was so. A later commit has not
	// left this machine, unless it is in Tried.
	Commit string `json:"commit,omitempty"`
	// Exchange is the sign (doltdb.Sign) of the exchange's files when the exchange
	// was last seen to contain Commit; see Session.holds.
	Exchange string `json:"exchange,omitempty"`
	// Tried are commits of the exchange whose push was begun and not confirmed,
	// the newest last.
	Tried []string `json:"tried,omitempty"`
	// From is the URL, and Store the UUID of the exchange, that the above is about.
	From  string `json:"from,omitempty"`
	Store string `json:"store,omitempty"`
	// Agreed are the rules a person approved for the URL At, by digest; the value
	// says whether the rule redacts.
	Agreed map[town.Digest]bool `json:"agreed,omitempty"`
	At     string               `json:"agreed_url,omitempty"`
	// Rules and Ledger are the rules and the ledger's commit that this Town's
	// records at the remote were made from. Empty: find out at the next push.
	Rules  town.Digest `json:"rules,omitempty"`
	Ledger string      `json:"ledger,omitempty"`
	// Signer is the key that has signed them.
	Signer sign.Public `json:"signer,omitempty"`
	// Adopted are records of this Town that came back from the remote and that no
	// rule selects here. They are not taken back.
	Adopted []string `json:"adopted,omitempty"`
}

// maxTried bounds Tried. Each entry is a push without an answer, and the next
// contact clears the list, so it stays short.
const maxTried = 50

// For is what holds for a remote at its present URL in the federation of that
// exchange. What is known of another repository with the same name, or of
// another federation, says nothing of this one.
func (st State) For(r gitremote.Remote, exchangeUUID string) State {
	if st.From != "" && st.From != r.URL || st.Store != "" && st.Store != exchangeUUID {
		return State{}
	}
	return st
}

// Withdraw forgets which rules a person approved. Until a person approves them
// again nothing is shared and nothing is taken back.
func (st *State) Withdraw() { st.Agreed, st.At = nil, "" }

// Approved reports whether a person has approved any rule, here or at a former
// URL.
func (st State) Approved() bool { return st.At != "" || len(st.Agreed) > 0 }

// agreed are the rules approved for a remote.
func (st State) agreed(r gitremote.Remote) map[town.Digest]bool {
	if st.At != r.URL {
		return nil
	}
	return st.Agreed
}

// try adds a commit whose push begins.
func (st *State) try(commit string) {
	tried := append(slices.Clone(st.Tried), commit)
	st.Tried = tried[max(0, len(tried)-maxTried):]
}

// madeFromUnknown forgets what this Town's records at the remote were made from,
// so that the next push compares them with the ledger.
func (st *State) madeFromUnknown() { st.Rules, st.Ledger, st.Signer = "", "", "" }

// confirmed notes that the commit head of their ref holds the exchange as of commit.
func (st *State) confirmed(head, commit string, r gitremote.Remote, exchangeUUID string) {
	st.Head, st.Commit, st.Tried = head, commit, nil
	st.From, st.Store = r.URL, exchangeUUID
}
