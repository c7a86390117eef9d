// Package convoy is sets of beads that are followed together, of one rig or several.
//
// A convoy is a bead of the type convoy. Links of the type tracks lead from it to its
// members. It holds nothing else but its name and who is told: progress is computed from
// the ledger and from who works on what, and never stored, so it is never out of date.
//
// Read shows how far convoys are, and why what is missing is missing. Lander closes the
// convoys whose members are all closed. Closing a convoy, the event bead.landed and the
// message to who asked are one commit of the ledger, made only while the convoy is open
// and its members are closed. So people are told exactly once, whichever process ends
// when, and however many of them look.
//
// A member that another Town shares is shown, and holds nothing up: this Town cannot end
// it. A bead that is deleted is no member any more. A convoy without members of this Town
// never lands.
package convoy
