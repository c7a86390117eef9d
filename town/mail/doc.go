// Package mail sends mail and nudges to the agents of a Town, and delivers nudges.
//
// Mail is durable. A message lies in the ledger, once for each mailbox, until its
// reader archives it; nothing depends on whether anybody was told of it. A mailbox
// belongs to an address, which outlives the agents that have it, or to the people of
// the Town (Human). Groups are expanded when a message is sent.
//
// A nudge is a line that is typed into a session. It lies in the operational plane
// until it was typed or expires. It is for one agent in one run: a later session of the
// agent never gets it.
//
// # Delivery
//
// Plan decides, from a Snapshot, what is to be done; Deliverer does it. Any number of
// deliverers may work at the same time and any of them may die at any moment:
//
//   - A nudge is typed at most once. Before the first key its row says that it is being
//     typed, and only one deliverer can write that. Whoever dies after that leaves a row
//     of which nobody knows whether it arrived. After a while it becomes
//     operational.NudgeUnknown, which a person may look at, and is not typed again.
//   - The nudges of one agent are typed one at a time, oldest first.
//   - What cannot be typed now waits, with growing pauses, until it expires.
//   - An agent with a session is told of new mail at most once a minute.
//   - Nothing says that a nudge arrived unless it was seen to.
//
// What others wrote is data. Package mail puts no text of a message into a session: a
// notice of mail only counts messages.
package mail
