package access

import (
	"strconv"
	"strings"

	"gastown/town"
)

// Policy says who may do what. It never changes, so it may be used from many goroutines.
// Parse, Absent and Broken make one.
type Policy struct {
	state State
	// why is what is wrong with the text of a broken one.
	why    string
	users  []*User
	emails map[string]*User // in lower case
	logins map[string]*User
	towns  map[string]*User
}

// State says what a policy was made from.
type State string

// The states of a policy.
const (
	InForce    State = "in-force"   // a file
	NoFile     State = "no-file"    // no file
	Unreadable State = "unreadable" // a file that cannot be understood
)

// Absent is the policy of a Town without config/access.yaml: its owner may do everything,
// nobody else anything, and what arrives from other Towns is judged by its signature alone.
func Absent() *Policy { return &Policy{state: NoFile} }

// Broken is the policy while the file cannot be understood and none was before: the
// Town's owner may do everything, nobody else anything, and nothing that arrives enters
// by itself.
func Broken(err error) *Policy { return &Policy{state: Unreadable, why: err.Error()} }

// State says what the policy was made from.
func (p *Policy) State() State { return p.state }

// User is one entry: a person, or a Town.
type User struct {
	// Email is a person's, in lower case; Town is set instead for a Town.
	Email, Town string
	// Login is the person's user on this machine, by name or number; "" for none.
	Login string
	Role  string
	// Line is where the entry begins.
	Line int

	permissions, restrictions []rule
}

// rule is a permission or a restriction.
type rule struct {
	text, pattern string
	line          int
}

// Name is the person's address, or the Town's name.
func (u *User) Name() string {
	if u.Town != "" {
		return "Town " + u.Town
	}
	return u.Email
}

// Permissions and Restrictions are the entry's, as they are written.
func (u *User) Permissions() []string  { return texts(u.permissions) }
func (u *User) Restrictions() []string { return texts(u.restrictions) }

func texts(rules []rule) []string {
	all := make([]string, len(rules))
	for i, r := range rules {
		all[i] = r.text
	}
	return all
}

// Users are the entries in their order.
func (p *Policy) Users() []User {
	all := make([]User, len(p.users))
	for i, u := range p.users {
		all[i] = *u
	}
	return all
}

// Decision is the answer to whether somebody may do something.
type Decision struct {
	Allowed bool `json:"allowed"`
	// Who is the user, Town or agent that the answer is about.
	Who    string `json:"who"`
	Action string `json:"action"`
	// Rule is the permission or restriction that decided, and Line where it stands in
	// config/access.yaml; "" and 0 if none did.
	Rule string `json:"rule,omitempty"`
	Line int    `json:"line,omitempty"`
	// Reason says why, in one clause.
	Reason string `json:"reason"`
	// Next is what to do after a refusal.
	Next string `json:"next,omitempty"`
}

// Err is nil if the decision allows it, otherwise a refusal (town.ErrRefused) of op.
func (d Decision) Err(op string) error {
	if d.Allowed {
		return nil
	}
	return town.Fail(op, d.Next, "%w: %w", town.ErrRefused, &RefusedError{d})
}

// RefusedError is the cause of the errors of Decision.Err.
type RefusedError struct{ Decision Decision }

func (e *RefusedError) Error() string { return e.Decision.Reason }

// ask is the next step after most refusals.
const ask = "gt access list shows who may do what; the Town's owner changes config/access.yaml"

func allow(who, action, reason string) Decision {
	return Decision{Allowed: true, Who: who, Action: action, Reason: reason}
}

func refuse(who, action, reason string) Decision {
	return Decision{Who: who, Action: action, Reason: reason, Next: ask}
}

// May says whether the person with an address may do an action, which is one of Actions or
// of Enter. It takes less than 5 us and needs no lock.
func (p *Policy) May(email, action string) Decision {
	if d, without := p.without(email, action); without {
		return d
	}
	u := p.emails[strings.ToLower(email)]
	if u == nil {
		return refuse(email, action, "config/access.yaml has no user "+town.Clip(email, maxText))
	}
	return u.may(action)
}

// without is the answer for anybody but the owner where no entries are in force.
func (p *Policy) without(who, action string) (Decision, bool) {
	switch p.state {
	case NoFile:
		return refuse(who, action, "there is no config/access.yaml, so only the Town's owner may use the Town"), true
	case Unreadable:
		return refuse(who, action, "config/access.yaml cannot be understood, so only the Town's owner may use the Town: "+p.why), true
	}
	return Decision{}, false
}

// may decides by one entry. A restriction beats every permission.
func (u *User) may(action string) Decision {
	for i := range u.restrictions {
		if r := &u.restrictions[i]; match(r.pattern, action) {
			return u.by(r, false, action, "restricts ")
		}
	}
	for i := range u.permissions {
		if r := &u.permissions[i]; match(r.pattern, action) {
			return u.by(r, true, action, "permits ")
		}
	}
	return refuse(u.Name(), action, "no permission of "+u.Name()+" (line "+strconv.Itoa(u.Line)+" of config/access.yaml) covers "+action)
}

func (u *User) by(r *rule, allowed bool, action, verb string) Decision {
	d := Decision{
		Allowed: allowed, Who: u.Name(), Action: action, Rule: r.text, Line: r.line,
		Reason: "line " + strconv.Itoa(r.line) + " of config/access.yaml " + verb + u.Name() + ": " + r.text,
	}
	if !allowed {
		d.Next = ask
	}
	return d
}

// Local is a user of this machine, as the kernel tells of a process.
type Local struct {
	// Login is the name, "" if it has none; ID the number.
	Login string
	ID    int
	// Owner says that the Town's directory is that user's, or that it is root.
	Owner bool
}

// Known is the address under which config/access.yaml knows a user of this machine.
func (p *Policy) Known(l Local) (email string, ok bool) {
	u := p.local(l)
	if u == nil {
		return "", false
	}
	return u.Email, true
}

func (p *Policy) local(l Local) *User {
	if u := p.logins[strconv.Itoa(l.ID)]; u != nil {
		return u
	}
	if l.Login == "" {
		return nil
	}
	return p.logins[l.Login]
}

// MayLocal says whether a user of this machine may do an action. An entry with the user's
// login decides. Without one the Town's owner may do everything, and others nothing. An
// owner whom an entry names is bound by it, which is a help against mistakes only: the
// files are the owner's.
func (p *Policy) MayLocal(l Local, action string) Decision {
	if u := p.local(l); u != nil {
		return u.may(action)
	}
	who := l.Login
	if who == "" {
		who = "user " + strconv.Itoa(l.ID)
	}
	if l.Owner {
		return allow(who, action, "the Town is "+who+"'s")
	}
	if d, without := p.without(who, action); without {
		return d
	}
	return refuse(who, action, "no user of config/access.yaml has the login "+who)
}

// NamesLogins reports whether any entry has a login.
func (p *Policy) NamesLogins() bool { return len(p.logins) > 0 }
