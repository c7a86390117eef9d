// Package cli is the command line of gt: Program describes it for one invocation.
// Main is the whole of it in a process of its own.
//
// A group of commands is a package of its own, with a function Commands that adds
// the group to the program's table. A command is a table entry (shell.Command), a
// struct of options and a method that does the work; it knows its surroundings from
// its shell.Call alone, because it may run inside the Deacon. What it prints is one
// value: --json prints that value itself, otherwise a printer words it.
//
// Results go to standard output; errors, questions, hints and progress to
// standard error. Exit codes: 0 ok, 1 failed, 2 usage, 3 conflicts await
// review, 4 locked or busy, 5 refused by policy.
package cli
