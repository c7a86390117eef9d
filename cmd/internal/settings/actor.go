package settings

import (
	"strings"

	"gastown/town"
	"gastown/town/config"
)

// actorKey names the author of changes made in the Town. It is a part of the
// configuration of its own, not one of its settings, but is shown and changed as one.
const actorKey = "actor"

// actor is the author as a setting.
func actor(c *config.Config) Setting {
	s := Setting{
		Key: actorKey, Source: string(config.SourceDefault), Type: string(config.TypeString),
		Help: "Author of changes made here, as NAME <ADDRESS>; GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL override it, the login is the default",
	}
	switch a := c.Actor; {
	case a.Name != "" && a.Email != "":
		s.Value = a.String()
	case a.Email != "":
		s.Value = "<" + a.Email + ">"
	default:
		s.Value = a.Name
	}
	if s.Value != "" {
		s.Source = string(config.SourceSet)
	}
	return s
}

// setActor reads NAME, <ADDRESS> or NAME <ADDRESS>. A part that is left out keeps its
// default.
func setActor(c *config.Config, value string) error {
	bad := func(what string) error {
		return town.Fail("set "+actorKey, `gt config actor "Ada <ada@example.com>"`, "%w: %s", town.ErrUsage, what)
	}
	name, rest, addressed := strings.Cut(strings.TrimSpace(value), "<")
	a := town.Actor{Name: strings.TrimSpace(name)}
	if addressed {
		email, after, closed := strings.Cut(rest, ">")
		if a.Email = strings.TrimSpace(email); !closed || after != "" || a.Email == "" {
			return bad("an address stands between < and > at the end")
		}
	}
	if a == (town.Actor{}) {
		return bad("write a name, an address, or both")
	}
	if err := config.CheckActor(a); err != nil {
		return bad(err.Error())
	}
	c.Actor = a
	return nil
}

// Unset returns a setting to its default.
func Unset(c *config.Config, name string) error {
	if name == actorKey {
		c.Actor = town.Actor{}
		return nil
	}
	return c.Unset(name)
}
