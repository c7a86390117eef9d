package mail

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gastown/town"
)

func address(t testing.TB, text string) town.Address {
	t.Helper()
	a, err := town.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func directory(t testing.TB) Directory {
	d := Directory{Rigs: []string{"api", "web"}}
	for _, text := range []string{"mayor/", "web/polecats/nux", "web/polecats/ann", "web/crew/ann", "web/crew/bob", "api/polecats/nux", "api/witness"} {
		d.Agents = append(d.Agents, address(t, text))
	}
	return d
}

func TestResolve(t *testing.T) {
	d := directory(t)
	for word, want := range map[string]string{
		"mayor/": "mayor/", "mayor": "mayor/", "deacon/": "deacon/", "web/witness": "web/witness", "web/polecats/nux": "web/polecats/nux",
		"web/nux": "web/polecats/nux", "web/bob": "web/crew/bob", "bob": "web/crew/bob", "api/nux": "api/polecats/nux",
		"web/": "web/crew/ann web/crew/bob web/polecats/ann", "@rig/web": "web/crew/ann web/crew/bob web/polecats/ann",
		"@crew": "web/crew/ann web/crew/bob", "@town": "api/polecats/nux api/witness mayor/ web/crew/ann web/crew/bob web/polecats/ann",
		"--human": "human", "human": "human", "@human": "human", "bob web/bob web/": "web/crew/ann web/crew/bob web/polecats/ann",
	} {
		if word == "web/polecats/nux" || word == "web/nux" {
			want = "web/polecats/nux" // who is named gets it, also from itself
		}
		got, err := d.Resolve(strings.Fields(word), "web/polecats/nux")
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v, want %s", word, got, err, want)
		}
	}
	for word, next := range map[string]string{
		"web/ann": "give the whole address", "ann": "give the whole address", "nux": "give the whole address",
		"web/nuxx": "did you mean web/polecats/nux", "web/polecats/nix": "web/polecats/nux", "wb/": "web/", "@tow": "@town", "@rig/wob": "@rig/web",
		"web": "web/", "wib/witness": "web/witness", "zzzzzzzz": "gt agents", "": "gt agents", "/": "gt agents", "web/polecats/../nux": "", "a\nb": "", "$(x)": "",
		strings.Repeat("x", 5000): "",
	} {
		_, err := d.Resolve([]string{"mayor/", word}, Human)
		if !errors.Is(err, town.ErrUsage) || !strings.Contains(town.Next(err), next) {
			t.Errorf("%.40q: %v; next: %s; want %s", word, err, town.Next(err), next)
		}
		if err != nil && len(err.Error()) > 500 {
			t.Errorf("%.40q: the error has %d bytes", word, len(err.Error()))
		}
	}
	both := func(word string, names ...string) {
		_, err := d.Find(word)
		for _, n := range names {
			if err == nil || !strings.Contains(err.Error(), n) {
				t.Errorf("%s: %v does not name %s", word, err, n)
			}
		}
	}
	both("web/ann", "web/polecats/ann", "web/crew/ann")
	if _, err := (Directory{}).Resolve([]string{"@town"}, Human); !errors.Is(err, town.ErrUsage) {
		t.Errorf("an empty group: %v", err)
	}
	if got, err := (Directory{Agents: d.Agents[:1]}).Resolve([]string{"@town"}, "mayor/"); err == nil {
		t.Errorf("a group of its sender alone: %v", got)
	}
}

func TestCallers(t *testing.T) {
	if got := As(town.Caller{Agent: town.PolecatAddress("web", "nux"), Run: 3}, "Ada"); got.Box() != "web/polecats/nux" || got.Name != "web/polecats/nux" || got.Run != 3 {
		t.Errorf("%+v", got)
	}
	if got := As(town.Caller{}, "Ada"); got.Box() != Human || got.Name != "Ada" {
		t.Errorf("%+v", got)
	}
}

func TestSubjects(t *testing.T) {
	for body, want := range map[string]string{"": "", "\n \n a  b\nc": "a b", strings.Repeat("x", 100): strings.Repeat("x", 80) + "..."} {
		if got := Subject(body); got != want {
			t.Errorf("%q: %q", body, got)
		}
	}
	if !slices.Equal([]bool{Group("web/"), Group("mayor/"), Group("deacon/"), Group("@rig/x"), Group("web/nux")}, []bool{true, false, false, true, false}) {
		t.Error("groups")
	}
}
