// Package cli is the command line of gt: Program describes it for one invocation,
// and Main runs it in its own process.
//
// A group of commands is a package with a function Commands, which adds the group
// to the program's table. A command is a table entry (shell.Command), a struct of
// options and a method that does the work. It knows its surroundings only from its
// shell.Call, because it may run inside the Deacon. Its result is one value: --json
// prints that value itself, otherwise a printer formats it.
//
// Results go to standard output; errors, questions, hints and progress to
// standard error. Exit codes: 0 ok, 1 failed, 2 usage, 3 conflicts await
// review, 4 locked or busy, 5 refused by policy.
package cli
