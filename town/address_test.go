package town

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	for text, want := range map[string]Address{
		"mayor/": {Kind: Mayor}, "mayor": {Kind: Mayor}, "deacon/": {Kind: Deacon},
		"web/witness": {Kind: Witness, Rig: "web"}, "web/refinery": {Kind: Refinery, Rig: "web"},
		"web/polecats/nux": PolecatAddress("web", "nux"), "web/crew/ann": {Kind: Crew, Rig: "web", Name: "ann"},
		"Web_2/polecats/_x-1": PolecatAddress("Web_2", "_x-1"), "web/polecats/witness": PolecatAddress("web", "witness"),
	} {
		got, err := ParseAddress(text)
		if err != nil || got != want {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
		if again, err := ParseAddress(got.String()); err != nil || again != got {
			t.Errorf("%q, written %q, is %+v, %v", text, got, again, err)
		}
		data, err := json.Marshal(got)
		var read Address
		if err == nil {
			err = json.Unmarshal(data, &read)
		}
		if err != nil || read != got {
			t.Errorf("%q as JSON is %s, %+v, %v", text, data, read, err)
		}
	}
}

func TestHostileAddresses(t *testing.T) {
	long := strings.Repeat("n", 65)
	for _, text := range []string{
		"", "/", "web", "web/", "/witness", "web/nux", "web/polecats", "web/polecats/", "web/polecats/a/b", "mayor/polecats/nux",
		"Mayor/witness", "web/dogs/nux", "web/polecats/..", "../polecats/nux", "web/polecats/.nux", "web/polecats/-nux", "-web/witness",
		"web/polecats/a b", "web/polecats/a\n", "web/polecats/a'", "web/polecats/$(x)", "web/polecats/" + long, long + "/witness",
		"web/polecats/ä", "web/polecats/a.b", "mayor/x", " mayor/",
	} {
		if a, err := ParseAddress(text); err == nil || !errors.Is(err, ErrUsage) {
			t.Errorf("%q is %+v, %v", text, a, err)
		} else if strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q: the error has control characters: %q", text, err)
		}
	}
	for _, bad := range []Address{
		{}, {Kind: "dog", Rig: "web"}, {Kind: Mayor, Rig: "web"}, {Kind: Witness}, {Kind: Witness, Rig: "web", Name: "x"}, {Kind: Polecat, Rig: "web"},
	} {
		if bad.Check() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func TestTickets(t *testing.T) {
	good := Ticket{Bead: "web-a1", Agent: PolecatAddress("web", "nux"), Run: 1, Epoch: 1}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for _, change := range []func(*Ticket){
		func(x *Ticket) { x.Bead = "" }, func(x *Ticket) { x.Bead = "a b" }, func(x *Ticket) { x.Agent = Address{} },
		func(x *Ticket) { x.Run = 0 }, func(x *Ticket) { x.Epoch = -1 },
	} {
		bad := good
		change(&bad)
		if bad.Check() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

// An assignment that holds its agent holds its bead.
func TestWhatAssignmentsHold(t *testing.T) {
	var held, open []AssignmentState
	for _, s := range AssignmentStates {
		if got, err := ParseAssignmentState(string(s)); err != nil || got != s {
			t.Errorf("%s is %s, %v", s, got, err)
		}
		if s.Held() {
			held = append(held, s)
		}
		if s.Open() {
			open = append(open, s)
		}
	}
	if len(held) != 2 || len(open) != 3 || open[2] != Submitted {
		t.Errorf("held %v, open %v", held, open)
	}
	for _, s := range AgentStates {
		if got, err := ParseAgentState(string(s)); err != nil || got != s {
			t.Errorf("%s is %s, %v", s, got, err)
		}
	}
}
