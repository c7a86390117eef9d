// Package story tells whole stories with the real programs, a real Git, a real tmux and
// scripted agents: a convoy of beads in two rigs whose workers fail in every way, and the
// same while programs are killed and stopped, the disk is full, and people push by hand.
package story
