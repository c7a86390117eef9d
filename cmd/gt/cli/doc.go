// Package cli is the command line of gt and the place where its parts are put
// together. Main is the whole program; App is the same with its streams, its
// environment and its clock handed in, so that a test can hold it in its hands.
//
// Each command is a small struct of options, a function that describes it to
// the parser, and one method that does the work. What it prints is one value:
// --json prints that value itself, otherwise a printer words it.
//
// Results go to standard output; errors, questions, hints and progress to
// standard error. Exit codes: 0 ok, 1 failed, 2 usage, 3 conflicts await
// review, 4 locked or busy, 5 refused by policy.
package cli
