// Package access decides who may do what in a Town, by the text of config/access.yaml:
//
//	users:
//	  - email: "contractor@example.com"
//	    role: "developer"
//	    permissions:
//	      - "rig:read"
//	      - "crew:*"
//	    restrictions:
//	      - "no:*polecat*"
//
// A permission is AREA:ACTION, or * for everything; in both parts * stands for any text.
// A restriction is no:PATTERN, where the pattern is held against the whole AREA:ACTION. A
// restriction beats every permission. The role is a word for people: it grants nothing.
//
// Two keys say what the printed form leaves open. login names the user of this machine
// whose processes are that person's. An entry with town in place of email is about what
// arrives from another Town: see Policy.MayEnter.
//
// The package is pure. It reads no file and knows no process: the caller says who asks.
package access
