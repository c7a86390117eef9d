package access

import (
	"strings"

	"gastown/town"
)

// anyTown is the name of an entry for the Towns that have none of their own.
const anyTown = "*"

// Writer is who wrote a row that arrived from another Town.
type Writer struct {
	// Town is the identity that the row's signature was verified for. Name is the name
	// under which this Town knows that identity, for instance where its key is pinned; ""
	// if that is another Town's name or identity, too. Never pass what a row says of itself
	// without a signature: an entry would then count for whoever claims its name.
	Town town.ID
	Name string
	// Author is the person as town.Edit has it, "Name <email>". The Town vouches for it.
	Author string
}

// MayEnter says whether what a writer wrote may enter this Town by itself. kind is one of
// town.Kinds, or KindBead; name is the document's, or the bead's ID. The action is
// enter:KIND/NAME, so an entry says for instance
//
//	users:
//	  - town: "beta"                      # by its name or its identity; "*" is any other
//	    role: "partner"
//	    permissions: ["enter:formula/*", "enter:bead/*"]
//	    restrictions: ["no:enter:formula/release*"]
//
// Both must be allowed, the Town and the author:
//
//   - The Town's own entry decides, else that of "*". Where no entry names a Town at all,
//     any Town may write: the signature is what counts then. Where some do, a Town without
//     an entry may write nothing.
//   - An author whose address has an entry also needs the permission there. For an author
//     without one the Town answers.
//
// A decision against it means that the row waits for a person's review, or is refused, as
// the Town's setting says. The reason is one clause for people. A writer without a Town may
// write nothing. Without config/access.yaml every Town may write; while the file cannot be
// understood none may. MayEnter does not judge whether a row is the Town's to write (a row
// of the registry, a bead with an owner): that is for whoever knows the row's owner. It
// takes less than 5 us.
//
// A record that may not enter stays where its Town shared it, and is not shown here.
func (p *Policy) MayEnter(w Writer, kind, name string) Decision {
	action := Enter(kind, name)
	who := w.who()
	switch {
	case w.Town == "":
		return refuse(who, action, "no signature says whose it is")
	case p.state == NoFile:
		return allow(who, action, "there is no config/access.yaml, so any Town may write")
	case p.state == Unreadable:
		return refuse(who, action, "config/access.yaml cannot be understood, so nothing enters by itself: "+p.why)
	}
	u, named := p.town(w)
	d := allow(who, action, "no entry of config/access.yaml names a Town, so any may write")
	if u != nil {
		d = u.may(action)
	} else if named {
		d = refuse(who, action, "config/access.yaml names Towns, and none of its entries is of "+who)
	}
	if !d.Allowed {
		return d
	}
	if author := p.emails[Address(w.Author)]; author != nil {
		if by := author.may(action); !by.Allowed {
			return by
		}
	}
	return d
}

// town is the entry for a writer's Town; nil for none. named says that any entry names a Town.
func (p *Policy) town(w Writer) (found *User, named bool) {
	for _, name := range []string{string(w.Town), w.Name, anyTown} {
		if found = p.towns[name]; found != nil {
			break
		}
	}
	return found, len(p.towns) > 0
}

func (w Writer) who() string {
	switch {
	case w.Name != "":
		return "Town " + w.Name
	case w.Town != "":
		return "Town " + string(w.Town)
	}
	return "a writer without a signature"
}

// Address is the address in "Name <email>", in lower case; the whole text where it has no
// such form.
func Address(author string) string {
	if i := strings.LastIndexByte(author, '<'); i >= 0 && strings.HasSuffix(author, ">") {
		author = author[i+1 : len(author)-1]
	}
	return strings.ToLower(strings.TrimSpace(author))
}
