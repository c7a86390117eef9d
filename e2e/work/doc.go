// Package work drives whole Towns with the real programs, a real tmux and scripted
// agents: random histories of slings, deaths and restarts, crowds of commands, and
// what goes wrong with remotes, disks, sessions and agent programs.
package work
