// Package guard says what an agent may not do, why, and what to do instead. Agent
// programs ask it, through a hook, before they run a command or write a file.
//
// It is a help against mistakes, not a wall: who wants to get around it can. So what it
// does not understand it allows, and says so. It reads a command as a shell does and
// starts nothing; it follows no links, and knows of the disk only what Facts say.
package guard
