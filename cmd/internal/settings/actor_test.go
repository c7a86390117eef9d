package settings

import (
	"errors"
	"testing"

	"gastown/town"
	"gastown/town/config"
)

func TestActor(t *testing.T) {
	c := config.New("harbour")
	for value, want := range map[string]town.Actor{
		"Ada Lovelace <ada@example.com>": {Name: "Ada Lovelace", Email: "ada@example.com"},
		" Ada ":                          {Name: "Ada"},
		"<ada@example.com>":              {Email: "ada@example.com"},
	} {
		if err := Set(c, "actor", value); err != nil || c.Actor != want {
			t.Errorf("%q: %+v, %v", value, c.Actor, err)
		}
		got, err := Get(c, "actor")
		if err != nil || got.Source != "set" {
			t.Errorf("%+v, %v", got, err)
		}
		if err := Set(c, "actor", got.Value); err != nil || c.Actor != want {
			t.Errorf("%q is not read as it is printed: %+v, %v", got.Value, c.Actor, err)
		}
	}
	before := c.Actor
	for _, value := range []string{"", "Ada <", "Ada <>", "Ada <ada@example.com> x", "A\nda", "Ada <a<b>"} {
		if err := Set(c, "actor", value); !errors.Is(err, town.ErrUsage) || c.Actor != before {
			t.Errorf("%q: %+v, %v", value, c.Actor, err)
		}
	}
	if err := Unset(c, "actor"); err != nil || c.Actor != (town.Actor{}) {
		t.Errorf("%+v, %v", c.Actor, err)
	}
	if got, err := Get(c, "actor"); err != nil || got.Value != "" || got.Source != "default" {
		t.Errorf("%+v, %v", got, err)
	}
}
