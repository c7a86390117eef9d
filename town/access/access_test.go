package access

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gastown/town"
	"gastown/town/strict"
)

// printed is the text of the document.
const printed = `# ~/gt/config/access.yaml
users:
  - email: "steve@example.com"
    role: "admin"
    permissions:
      - "*"

  - email: "contractor@example.com"
    role: "developer"
    permissions:
      - "rig:read"
      - "crew:*"
    restrictions:
      - "no:*polecat*"
`

func parse(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPrinted(t *testing.T) {
	p := parse(t, printed)
	for _, action := range Actions {
		if d := p.May("Steve@Example.com", action); !d.Allowed || d.Rule != "*" || d.Line != 6 {
			t.Errorf("the admin, %s: %+v", action, d)
		}
		want := action == ReadRig || strings.HasPrefix(action, "crew:")
		d := p.May("contractor@example.com", action)
		if d.Allowed != want {
			t.Errorf("the developer, %s: %+v", action, d)
		}
		if polecat := strings.Contains(action, "polecat"); polecat != (d.Rule == "no:*polecat*") || polecat && d.Line != 14 {
			t.Errorf("the developer, %s: %+v", action, d)
		}
		if d := p.May("stranger@example.com", action); d.Allowed || d.Next == "" {
			t.Errorf("a stranger, %s: %+v", action, d)
		}
	}
}

func TestRestrictionsBeatPermissions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		patterns := rapid.SliceOfN(rapid.SampledFrom(append([]string{"*", "crew:*", "*:read", "polecat:*", "*:*"}, Actions...)), 0, 6)
		allowed, refused := patterns.Draw(t, "permissions"), patterns.Draw(t, "restrictions")
		var text strings.Builder
		text.WriteString("users:\n- email: a@b\n  role: r\n  permissions: [")
		for _, x := range allowed {
			fmt.Fprintf(&text, "%q, ", x)
		}
		text.WriteString("]\n  restrictions: [")
		for _, x := range refused {
			fmt.Fprintf(&text, "%q, ", "no:"+x)
		}
		p, err := Parse([]byte(text.String() + "]\n"))
		if err != nil {
			t.Fatal(err)
		}
		has := func(list []string, action string) (found bool) {
			for _, x := range list {
				found = found || regexp.MustCompile("^"+strings.ReplaceAll(regexp.QuoteMeta(x), `\*`, ".*")+"$").MatchString(action)
			}
			return found
		}
		for _, action := range Actions {
			if d, want := p.May("a@b", action), has(allowed, action) && !has(refused, action); d.Allowed != want {
				t.Fatalf("%s by\n%s: %+v", action, text.String(), d)
			}
		}
	})
}

func TestMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab:*]{0,8}`).Draw(t, "pattern")
		text := rapid.StringMatching(`[ab:]{0,10}`).Draw(t, "text")
		want := regexp.MustCompile("^" + strings.ReplaceAll(pattern, "*", ".*") + "$").MatchString(text)
		if match(pattern, text) != want {
			t.Fatalf("%q matches %q: want %v", pattern, text, want)
		}
	})
}

func TestFaults(t *testing.T) {
	entry := "users:\n- email: a@b\n  role: r\n"
	for text, want := range map[string]string{
		"user: []\n": `line 1: there is no field "user": did you mean users?`,
		"users:\n- email: a@b\n  role: r\n  permission: []\n":       `line 4: there is no field "permission" in users: did you mean permissions?`,
		"users:\n- mail: a@b\n":                                     `line 2: there is no field "mail" in users: did you mean email?`,
		"users: {}\n":                                               "line 1: a value of the wrong kind (!!map)",
		"users:\n- role: r\n":                                       `line 2: there is no email: write email: "steve@example.com"`,
		"users:\n- email: a@b\n":                                    `line 2: there is no role: write role: "developer"`,
		"users:\n- email: ab\n  role: r\n":                          `line 2: "ab" is not a valid email: write one such as "steve@example.com"`,
		entry + "- email: A@B\n  role: r\n":                         "line 4: a@b has an entry on line 2: write one entry for both",
		entry + "  permissions: ['read']\n":                         `line 4: "read" is not a permission: write AREA:ACTION, such as rig:read, crew:* or *`,
		entry + "  permissions: ['rgi:read']\n":                     `line 4: "rgi:read" matches no action: did you mean "rig:read"?`,
		entry + "  permissions: ['polecot:x*']\n":                   `line 4: "polecot:x*" matches no action: did you mean "polecat:*"?`,
		entry + "  permissions: ['']\n":                             `line 4: "" is not a pattern: write AREA:ACTION, such as rig:read, crew:* or *`,
		entry + "  permissions: ['no:rig:read']\n":                  `line 4: "no:rig:read" is a restriction: write it below restrictions`,
		entry + "  restrictions:\n  - 'no:*'\n  - 'rig:*'\n":        `line 6: "rig:*" is not a restriction: write "no:rig:*"`,
		entry + "  restrictions: ['no:*polecot*']\n":                `line 4: "no:*polecot*" matches no action: did you mean "no:polecat:*"?`,
		entry + "  permissions: ['enter:rule/x']\n":                 `line 4: "enter:rule/x" matches no action: gt access list --actions shows them`,
		entry + "  login: 'a b'\n":                                  `line 4: "a b" is not a valid login: write one such as "steve"`,
		entry + "  town: beta\n":                                    `line 4: an entry is about a person or about a Town: make two of it, one with email and one with town`,
		"users:\n- town: beta\n  role: r\n  login: x\n":             "line 4: an entry about a Town has no login: remove it, or write email in place of town",
		"users:\n- town: b\n  role: r\n- town: b\n  role: r\n":      "line 4: the Town b has an entry on line 2: write one entry for both",
		entry + "  login: x\n- email: c@d\n  role: r\n  login: x\n": "line 7: the login x is that of line 2: write it in one entry",
		entry + "  role: s\n":                                       `line 4: mapping key "role" already defined at line 3`,
		entry + "---\nusers: []\n":                                  "it holds more than one YAML document",
		"users: &x []\n":                                            "line 1: anchors, aliases and merge keys are not used here",
		"users:\n- email: a@b\n\trole: r":                           "line 2: found a tab character that violates indentation",
	} {
		p, err := Parse([]byte(text))
		if p != nil || err == nil {
			t.Errorf("%q: no error", text)
			continue
		}
		var e *town.Error
		if !errors.As(err, &e) || e.Next == "" || !strings.Contains(e.Err.Error(), want) {
			t.Errorf("%q:\n%v, want\n%s", text, err, want)
		}
	}
	// Every fault is told, not only the first.
	_, err := Parse([]byte(entry + "  permissions: ['x:y', 'rig:read']\n  restrictions: [z]\n"))
	var all *strict.Error
	if !errors.As(err, &all) || len(all.Faults) != 2 || all.Faults[0].Line != 4 || all.Faults[1].Line != 5 {
		t.Error(err)
	}
}

func TestEmptyFileIsTheOwners(t *testing.T) {
	for _, text := range []string{"", "# nobody\n", "users: []\n"} {
		p := parse(t, text)
		if d := p.May("a@b", ReadTown); d.Allowed {
			t.Errorf("%q: %+v", text, d)
		}
		if d := p.MayLocal(Local{Login: "steve", Owner: true}, AdminTown); !d.Allowed {
			t.Errorf("%q: %+v", text, d)
		}
	}
}

func TestLocal(t *testing.T) {
	p := parse(t, strings.Replace(strings.Replace(printed, "role: \"developer\"", "role: developer\n    login: bob", 1), `role: "admin"`, "role: admin\n    login: '1001'", 1))
	fault := errors.New("line 3: x")
	for _, c := range []struct {
		policy *Policy
		who    Local
		action string
		want   bool
	}{
		{p, Local{Login: "bob", ID: 5}, ReadRig, true},
		{p, Local{Login: "bob", ID: 5}, ReadTown, false},
		{p, Local{Login: "bob", ID: 5, Owner: true}, ReadTown, false}, // an owner whom an entry names
		{p, Local{Login: "steve", ID: 1001}, SlingPolecat, true},
		{p, Local{ID: 1001}, SlingPolecat, true},
		{p, Local{Login: "eve", ID: 1002}, ReadProgram, false},
		{p, Local{ID: 0}, ReadProgram, false},
		{p, Local{Login: "root", ID: 0, Owner: true}, AdminTown, true},
		{Absent(), Local{Login: "root", Owner: true}, AdminTown, true},
		{Absent(), Local{Login: "bob", ID: 5}, ReadProgram, false},
		{Broken(fault), Local{Login: "root", Owner: true}, AdminTown, true},
		{Broken(fault), Local{Login: "bob", ID: 5}, ReadProgram, false},
	} {
		if d := c.policy.MayLocal(c.who, c.action); d.Allowed != c.want || d.Reason == "" || (d.Next == "") != d.Allowed {
			t.Errorf("%+v, %s: %+v", c.who, c.action, d)
		}
	}
	if d := Broken(fault).MayLocal(Local{ID: 5}, ReadTown); !strings.Contains(d.Reason, "line 3: x") {
		t.Error(d.Reason)
	}
	if err := p.May("contractor@example.com", NukePolecat).Err("end a worker"); !errors.Is(err, town.ErrRefused) || town.Next(err) == "" {
		t.Error(err)
	}
}

func TestMayEnter(t *testing.T) {
	beta := Writer{Town: "b-id", Name: "beta", Author: "Bob <bob@b>"}
	gamma := Writer{Town: "g-id", Name: "gamma", Author: "Bob <bob@b>"}
	contractor := Writer{Town: "b-id", Name: "beta", Author: "C <Contractor@example.com>"}
	named := printed + `
  - town: "beta"
    role: "partner"
    permissions: ["enter:formula/*", "enter:role/mayor"]
    restrictions: ["no:enter:formula/release*"]
`
	others := named + "\n  - town: '*'\n    role: guest\n    permissions: ['enter:template/*']\n"
	byID := strings.Replace(named, `"beta"`, `"b-id"`, 1)
	for _, c := range []struct {
		text, kind, name string
		w                Writer
		want             bool
	}{
		{printed, "role", "mayor", beta, true}, // no entry names a Town
		{printed, "role", "mayor", contractor, false},
		{printed, "role", "mayor", Writer{Author: "S <steve@example.com>"}, false}, // without a signature
		{printed, "role", "mayor", Writer{Town: "x", Author: "S <steve@example.com>"}, true},
		{named, "role", "mayor", beta, true},
		{named, "role", "polecat", beta, false},
		{named, "formula", "build", beta, true},
		{named, "formula", "release-all", beta, false},
		{named, "formula", "build", contractor, false}, // both must be allowed
		{named, "formula", "build", gamma, false},
		{named, "formula", "build", Writer{Town: "g-id", Author: "beta"}, false},
		{byID, "formula", "build", beta, true},
		{byID, "formula", "build", Writer{Town: "other", Name: "beta"}, false}, // a name that exists already
		{others, "template", "x", gamma, true},
		{others, "template", "x", beta, false}, // its own entry decides
		{others, "formula", "x", gamma, false},
		{others, KindBead, "gt-1", gamma, false},
	} {
		d := parse(t, c.text).MayEnter(c.w, c.kind, c.name)
		if d.Allowed != c.want || d.Reason == "" || d.Action != "enter:"+c.kind+"/"+c.name {
			t.Errorf("%+v writes %s/%s: %+v", c.w, c.kind, c.name, d)
		}
	}
	if d := Absent().MayEnter(beta, "role", "mayor"); !d.Allowed {
		t.Error(d)
	}
	if d := Broken(errors.New("x")).MayEnter(beta, "role", "mayor"); d.Allowed {
		t.Error(d)
	}
}

func TestAgents(t *testing.T) {
	for _, action := range []string{SlingPolecat, NukePolecat, PromoteTown, AdminTown, AdminDeacon, AdminRig, WriteFederation, WriteCrew} {
		if d := MayAgent(town.Polecat, action); d.Allowed || d.Next == "" || d.Reason == "" {
			t.Errorf("%s: %+v", action, d)
		}
		if d := MayAgent(town.Mayor, action); !d.Allowed {
			t.Errorf("%s: %+v", action, d)
		}
	}
	for _, action := range []string{ReadTown, WriteLedger, DoWork, WriteMail, WriteEscalation, ReadPolecat, RunHooks} {
		if d := MayAgent(town.Polecat, action); !d.Allowed {
			t.Errorf("%s: %+v", action, d)
		}
	}
	toast := town.Address{Kind: town.Polecat, Rig: "r", Name: "toast"}
	for assignee, want := range map[string]bool{"": true, toast.String(): true, "r/polecats/other": false, "steve": false} {
		if d := OthersBead(toast, "gt-1", assignee); d.Allowed != want || !want && d.Next == "" {
			t.Errorf("%q: %+v", assignee, d)
		}
	}
	for name, c := range map[string]struct {
		agent                town.Address
		bead, assignee, hook string
		want                 bool
	}{
		"its own":           {toast, "gt-1", toast.String(), "gt-1", false},
		"a step of it":      {toast, "gt-1.2", toast.String(), "gt-1", true},
		"nobody has it":     {toast, "gt-1", "", "gt-1", true},
		"no bead is known":  {toast, "gt-1", toast.String(), "", true},
		"a person's helper": {town.Address{Kind: town.Crew, Rig: "r", Name: "ann"}, "gt-1", "r/crew/ann", "gt-1", true},
	} {
		if d := OwnBead(c.agent, c.bead, c.assignee, c.hook); d.Allowed != c.want || !c.want && d.Next == "" {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if d := OthersBead(town.Address{Kind: town.Mayor}, "gt-1", "steve"); !d.Allowed {
		t.Error(d)
	}
}

func TestActions(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range append(Actions, Enter("role", "mayor"), Enter(KindBead, "gt-1")) {
		if err := CheckAction(a); err != nil || seen[a] || strings.Count(a, ":") != 1 {
			t.Errorf("%s: %v", a, err)
		}
		seen[a] = true
	}
	for _, a := range []string{"", "*", "rig:*", "rig:reed", "enter:role", "enter:rule/x", "enter:role/"} {
		if err := CheckAction(a); !errors.Is(err, town.ErrUsage) || town.Next(err) == "" {
			t.Errorf("%q: %v", a, err)
		}
	}
}

// Any text is a policy or an error, and never grants anything to somebody it does not name.
func FuzzParse(f *testing.F) {
	f.Add([]byte(printed))
	f.Add([]byte("users:\n- town: '*'\n  role: r\n  permissions: ['enter:*']\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if (p == nil) == (err == nil) {
			t.Fatal(p, err)
		}
		if p != nil && (p.May("nobody at all", AdminTown).Allowed || p.MayLocal(Local{Login: "n/o", ID: -1}, AdminTown).Allowed) {
			t.Fatalf("%q grants everybody everything", data)
		}
	})
}

// longest is a policy at its bounds, whose last rules decide.
func longest(b *testing.B) *Policy {
	var text strings.Builder
	text.WriteString("users:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "- email: u%d@example.com\n  role: developer\n  login: u%d\n  permissions:\n", i, i)
		for range 12 {
			text.WriteString("  - 'crew:*'\n  - 'rig:read'\n")
		}
		text.WriteString("  - 'town:read'\n  restrictions:\n  - 'no:*polecat*'\n  - 'no:*:admin'\n")
	}
	text.WriteString("- town: beta\n  role: partner\n  permissions: ['enter:role/*']\n")
	return parse(b, text.String())
}

func BenchmarkMay(b *testing.B) {
	p := longest(b)
	for b.Loop() {
		if !p.May("u999@example.com", ReadTown).Allowed {
			b.Fatal("refused")
		}
	}
}

func BenchmarkMayRefused(b *testing.B) {
	p := longest(b)
	for b.Loop() {
		if p.May("u999@example.com", ReadDeacon).Allowed {
			b.Fatal("allowed")
		}
	}
}

func BenchmarkMayEnter(b *testing.B) {
	p := longest(b)
	w := Writer{Town: "b-id", Name: "beta", Author: "Bob <bob@b>"}
	for b.Loop() {
		if !p.MayEnter(w, "role", "mayor").Allowed {
			b.Fatal("refused")
		}
	}
}
