package town

import (
	"errors"
	"testing"
)

func TestWhoCalls(t *testing.T) {
	nux, ann := PolecatAddress("web", "nux"), Address{Kind: Crew, Rig: "web", Name: "ann"}
	const sandbox, clone = "/t/rigs/web/polecats/nux/src", "/t/rigs/web/crew/ann"
	for name, test := range map[string]struct {
		env       map[string]string
		dir       string
		want      Caller
		bad       bool
		inSession bool
	}{
		"a session": {env: map[string]string{"GT_ROLE": "web/polecats/nux", "GT_RIG": "web", "GT_POLECAT": "nux", "GT_RUN": "3"},
			dir: "/", want: Caller{nux, 3}, inSession: true},
		"a session elsewhere": {env: map[string]string{"GT_ROLE": "web/polecats/nux", "GT_RUN": "3"}, dir: clone, want: Caller{nux, 3}, inSession: true},
		"the Mayor":           {env: map[string]string{"GT_ROLE": "mayor", "GT_RUN": "1"}, dir: "/", want: Caller{Address{Kind: Mayor}, 1}, inSession: true},
		"no run":              {env: map[string]string{"GT_ROLE": "web/polecats/nux"}, dir: sandbox, want: Caller{nux, 0}},
		"an actor":            {env: map[string]string{"BD_ACTOR": "web/polecats/nux", "GT_RUN": "2"}, dir: "/", want: Caller{nux, 2}, inSession: true},
		"a person's actor":    {env: map[string]string{"BD_ACTOR": "ada"}, dir: "/t", want: Caller{}},
		"a sandbox":           {dir: sandbox, want: Caller{nux, 0}},
		"a sandbox and a run": {env: map[string]string{"GT_RUN": "3"}, dir: sandbox, want: Caller{nux, 0}},
		"a clone":             {dir: clone, want: Caller{ann, 0}},
		"a person":            {dir: "/srv/ada"},
		"beside the Town":     {dir: "/t/rigs2/web/polecats/nux"},
		"no sandbox":          {dir: "/t/rigs/web/polecats"},
		"a bad name":          {dir: "/t/rigs/web/polecats/-x"},
		"the rig's own clone": {dir: "/t/rigs/web/repo.git/refs"},
		"no address":          {env: map[string]string{"GT_ROLE": "polecat"}, dir: sandbox, bad: true},
		"a hostile address":   {env: map[string]string{"GT_ROLE": "web/polecats/../../x"}, dir: sandbox, bad: true},
		"another polecat":     {env: map[string]string{"GT_ROLE": "web/polecats/nux", "GT_POLECAT": "amber"}, bad: true},
		"another rig":         {env: map[string]string{"GT_ROLE": "web/polecats/nux", "GT_RIG": "api"}, bad: true},
		"no number":           {env: map[string]string{"GT_ROLE": "web/polecats/nux", "GT_RUN": "x"}, bad: true},
		"no run of anybody":   {env: map[string]string{"GT_ROLE": "web/polecats/nux", "GT_RUN": "-1"}, bad: true},
	} {
		got, err := WhoCalls(func(v string) string { return test.env[v] }, "/t/rigs", test.dir)
		if got != test.want || errors.Is(err, ErrUsage) != test.bad {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if err := got.InSession(); (err == nil) != test.inSession || err != nil && !errors.Is(err, ErrUsage) {
			t.Errorf("%s: in a session: %v", name, err)
		}
	}
	set := map[string]string{}
	for _, kv := range Identity(Ticket{Agent: nux, Run: 7}) {
		for i := range kv {
			if kv[i] == '=' {
				set[kv[:i]] = kv[i+1:]
				break
			}
		}
	}
	if got, err := WhoCalls(func(v string) string { return set[v] }, "", ""); err != nil || got != (Caller{nux, 7}) {
		t.Errorf("the environment of a session: %+v, %v", got, err)
	}
}
