package plugins

import (
	"strings"
	"testing"

	"gastown/deacon/check"
	"gastown/town/plugin"
)

func TestJudge(t *testing.T) {
	on := plugin.Entry{Name: "a", Enabled: true}
	for name, v := range map[string]struct {
		all     []plugin.State
		problem string
		state   check.State
		want    string
	}{
		"none":     {nil, "", check.Healthy, "none installed"},
		"well":     {[]plugin.State{{Entry: on, Ready: true}, {Entry: plugin.Entry{Name: "off"}}}, "", check.Healthy, "1 enabled"},
		"file":     {nil, "line 3: no", check.Warning, "line 3: no"},
		"unready":  {[]plugin.State{{Entry: on, Reason: "no secret X"}}, "", check.Warning, "no secret X"},
		"failing":  {[]plugin.State{{Entry: on, Ready: true, Did: plugin.Did{Reason: "refused"}}}, "", check.Warning, "refused"},
		"in part":  {[]plugin.State{{Entry: on, Ready: true, Did: plugin.Did{Missed: "not all"}}}, "", check.Warning, "not all"},
		"stuck":    {[]plugin.State{{Entry: on, Ready: true, Did: plugin.Did{Stuck: 2}}}, "", check.Warning, "2 call(s) do not end"},
		"too much": {[]plugin.State{{Entry: on, Reason: strings.Repeat("x", 10000)}}, "", check.Warning, "xxx..."},
	} {
		r := judge(v.all, v.problem)
		text := r.Figure + "\n" + strings.Join(r.Details, "\n")
		if r.State != v.state || !strings.Contains(text, v.want) || len(text) > 600 || (r.Next != "") != (v.state != check.Healthy) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
