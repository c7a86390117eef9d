package town

import (
	"fmt"
	"regexp"
	"strings"
)

// AgentKind says what an agent is for.
type AgentKind string

// The kinds of agents. A Town has one Mayor and one Deacon, a rig one Witness and
// one Refinery, and any number of polecats and crew.
const (
	Mayor    AgentKind = "mayor"
	Deacon   AgentKind = "deacon"
	Witness  AgentKind = "witness"
	Refinery AgentKind = "refinery"
	Polecat  AgentKind = "polecat"
	Crew     AgentKind = "crew"
)

// AgentKinds lists every kind in the order people are shown them.
var AgentKinds = []AgentKind{Mayor, Deacon, Witness, Refinery, Polecat, Crew}

// ParseAgentKind accepts one of AgentKinds.
func ParseAgentKind(s string) (AgentKind, error) { return ParseWord("kind of agent", s, AgentKinds) }

// maxHandle is how long the name of a rig or of an agent may be, in bytes.
const maxHandle = 64

var handlePattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$`)

// CheckHandle reports whether s may name a rig or an agent. Such a name is always
// one element of a path, one element of a Git ref, and an argument that no program
// takes for an option or for words of a shell. what says what it names: "rig".
func CheckHandle(what, s string) error {
	if !handlePattern.MatchString(s) {
		return fmt.Errorf("%w: %q cannot name a %s: use 1 to %d letters, digits, - and _, and do not begin with -",
			ErrUsage, Clip(s, 80), what, maxHandle)
	}
	return nil
}

// CheckRig is CheckHandle for rigs, which may not have the name of an agent of the
// whole Town.
func CheckRig(s string) error {
	if err := CheckHandle("rig", s); err != nil {
		return err
	}
	if kind := AgentKind(strings.ToLower(s)); kind == Mayor || kind == Deacon {
		return fmt.Errorf("%w: %q cannot name a rig: it is the address of an agent", ErrUsage, s)
	}
	return nil
}

// Address names one agent of the Town. It is comparable.
type Address struct {
	Kind AgentKind
	// Rig is "" for agents of the whole Town.
	Rig string
	// Name is the name of a polecat or of a member of the crew; "" for the others.
	Name string
}

// PolecatAddress is the address of a polecat. Check it before use.
func PolecatAddress(rig, name string) Address { return Address{Kind: Polecat, Rig: rig, Name: name} }

// ParseAddress reads an address as String writes it: mayor/, deacon/, RIG/witness,
// RIG/refinery, RIG/polecats/NAME or RIG/crew/NAME. The slash after mayor and deacon
// may be left out. Anything else is ErrUsage.
func ParseAddress(s string) (Address, error) {
	var a Address
	parts := strings.Split(s, "/")
	switch {
	case s == "mayor" || s == "mayor/":
		return Address{Kind: Mayor}, nil
	case s == "deacon" || s == "deacon/":
		return Address{Kind: Deacon}, nil
	case len(parts) == 2 && (parts[1] == "witness" || parts[1] == "refinery"):
		a = Address{Kind: AgentKind(parts[1]), Rig: parts[0]}
	case len(parts) == 3 && parts[1] == "polecats":
		a = Address{Kind: Polecat, Rig: parts[0], Name: parts[2]}
	case len(parts) == 3 && parts[1] == "crew":
		a = Address{Kind: Crew, Rig: parts[0], Name: parts[2]}
	default:
		return a, fmt.Errorf("%w: %q is not the address of an agent: mayor/, deacon/, RIG/witness, RIG/refinery, RIG/polecats/NAME or RIG/crew/NAME",
			ErrUsage, Clip(s, 80))
	}
	if err := a.Check(); err != nil {
		return Address{}, err
	}
	return a, nil
}

// Check reports whether every part of the address is valid and belongs to its kind.
func (a Address) Check() error {
	switch a.Kind {
	case Mayor, Deacon:
		if a.Rig != "" || a.Name != "" {
			return fmt.Errorf("%w: the %s belongs to the whole Town, not to a rig", ErrUsage, a.Kind)
		}
		return nil
	case Witness, Refinery:
		if a.Name != "" {
			return fmt.Errorf("%w: the %s of a rig has no name", ErrUsage, a.Kind)
		}
		return CheckRig(a.Rig)
	case Polecat, Crew:
		if err := CheckRig(a.Rig); err != nil {
			return err
		}
		what := "polecat"
		if a.Kind == Crew {
			what = "member of the crew"
		}
		return CheckHandle(what, a.Name)
	}
	return fmt.Errorf("%w: there is no kind of agent %q", ErrUsage, Clip(string(a.Kind), 40))
}

// String is the address as people write it.
func (a Address) String() string {
	switch a.Kind {
	case Mayor, Deacon:
		return string(a.Kind) + "/"
	case Polecat:
		return a.Rig + "/polecats/" + a.Name
	case Crew:
		return a.Rig + "/crew/" + a.Name
	default:
		return a.Rig + "/" + string(a.Kind)
	}
}

// MarshalText writes the address as String does.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (a *Address) UnmarshalText(text []byte) (err error) {
	*a, err = ParseAddress(string(text))
	return err
}

// PolecatBranches is what the branches of polecats begin with.
const PolecatBranches = "polecat/"

// Branch is the branch on which a polecat works on a bead.
func (a Address) Branch(bead string) string { return PolecatBranches + a.Name + "/" + bead }
