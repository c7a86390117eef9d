package alert

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"gastown/planes/operational"
	"gastown/town/plugin"
)

// Whatever an alert holds, a message is bounded, valid and without control characters.
func TestHostileTexts(t *testing.T) {
	texts := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"\x1b]0;x\a", "a\r\nBcc: x@y", "\u202egnp", "{{ .Alerts }}", "<!channel>", strings.Repeat("x", 5000), "\xff\xfe"}))
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Item {
			i := Item{Name: texts.Draw(t, "name"), Severity: texts.Draw(t, "severity"), Summary: texts.Draw(t, "summary"), Labels: map[string]string{texts.Draw(t, "label"): texts.Draw(t, "value")}}
			if rapid.Bool().Draw(t, "ended") {
				i.Ended = noon
			}
			return i
		}), 1, 80).Draw(t, "items")
		m := NewMessage(texts.Draw(t, "town"), "key", texts.Draw(t, "group"), items)
		if m.Firing+m.Resolved != len(items) || len(m.Alerts) > maxItems || (m.Firing > 0) != (m.Status == Firing) {
			t.Fatalf("%+v", m)
		}
		text, err := json.Marshal(m)
		if err != nil || len(text) > 200_000 {
			t.Fatal(len(text), err)
		}
		for _, s := range append(strings.Split(m.Text, "\n"), m.Title) {
			if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) || len(s) > 1500 {
				t.Fatalf("%q", s)
			}
		}
	})
}

func TestMessage(t *testing.T) {
	var items []Item
	for i := range 60 {
		items = append(items, Item{Name: "N", Severity: "warning", Summary: fmt.Sprint(i)})
	}
	items[59].Severity = "critical"
	m := NewMessage("gt", "k", "N", items)
	if m.Severity != "critical" || m.Alerts[0].Summary != "59" || !strings.HasSuffix(m.Text, "and 10 more: gt alert list") {
		t.Errorf("%+v", m)
	}
	if m := NewTest("gt", "k", "ann\n", noon); m.PluginCall() != plugin.Notification || m.Text != "ann asked for this message at 2026-05-01T12:00:00Z. Nothing is wrong." {
		t.Errorf("%+v", m)
	}
}

func TestMatchers(t *testing.T) {
	a := operational.Alert{Name: "Polecat stuck", Severity: operational.SeverityWarning, Source: operational.FromRule, Labels: map[string]string{"rig": "web"}}
	for words, want := range map[string]bool{
		"Polecat stuck": true, "polecat stuck": false, "name=Polecat stuck": true, `alertname="Polecat stuck"`: true, "rig=web": true, "rig!=web": false,
		"rig=~w.*": true, "rig!~w.*": false, "severity=warning": true, "source=check": false, "rig=web|severity=error": false, "name=~P.*": true, "name=~.+|severity=warning": true, "severity!=critical": true, "source!=rule": false, "rig=web|nothing=": true,
	} {
		m, err := Matchers(strings.Split(words, "|"))
		if err != nil {
			if words != "rig!=web" && words != "rig!~w.*" { // an alert without a rig matches
				t.Errorf("%s: %v", words, err)
			}
			continue
		}
		s := operational.Silence{Matchers: Words(m), Begins: noon, Ends: noon.Add(time.Hour)}
		if got := len(Silenced(a, []operational.Silence{s}, noon)) == 1; got != want {
			t.Errorf("%s: %v", words, got)
		}
		if len(Silenced(a, []operational.Silence{s}, noon.Add(time.Hour))) != 0 {
			t.Errorf("%s: it silences after its end", words)
		}
	}
	for _, word := range []string{"rig=~(", "=x", "rig=~.*", "a-b=c=~", "rig!=web", "name=~.+", "name!=x", "name=~[^/]+", "severity=~.+", "severity=~warning|error|critical", "source!=x"} {
		if _, err := Matchers([]string{word}); err == nil {
			t.Errorf("%q is taken", word)
		}
	}
}
