// Package escalate tells people of what only they can mend. An escalation is a bead of
// the ledger with the labels escalation and human. It is blocked, so nobody slings it or
// takes it for ready work.
//
// Raise and Settle are for controllers, which look again and again: one trouble is one
// key, and one key is one bead. However often and from however many processes a trouble
// is raised, people get one message for it.
//
// Again repeats the message of each escalation that nobody acknowledged, with growing
// pauses. An escalation is acknowledged when somebody has it: its assignee. Then
// it is silent, and it ends when it is closed.
//
// Each message is sent in the commit that records it in the bead, and only while the bead
// is as it was read. So no message is sent twice or lost, whenever a process ends.
// Nothing here retries; the next pass or the next Raise does.
package escalate
