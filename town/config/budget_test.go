package config

import "testing"

func TestBudget(t *testing.T) {
	for value, want := range map[string]string{
		"25": "25", "$25": "25", "10.50/day": "10.5/day", " 200 / WEEK ": "200/week", "500/month": "500/month", "none": "none", "": "none",
		"0": "", "-1": "", "25/year": "", "1e9": "", "ten": "", "25/": "", "1.234": "", "NaN": "", "9999999999": "",
	} {
		c := New("web")
		got, err := c.Set("budget.rig", value)
		if (err == nil) != (want != "") || got != want {
			t.Errorf("%q: %q, %v; want %q", value, got, err, want)
		}
		if b, e := c.Budget("budget.rig"); err == nil && (e != nil || b.String() != want) {
			t.Errorf("%q is %+v, %v", value, b, e)
		}
	}
	if b, err := New("web").Budget("budget.town"); err != nil || b != (Budget{}) {
		t.Errorf("%+v, %v", b, err)
	}
}
