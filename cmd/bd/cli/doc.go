// Package cli is the command line of bd, which works on a Town's ledger and opens no
// other plane.
//
// Each command is a small struct of options, a function that describes it to
// the parser, and one method that does the work. Scripts written for the public
// bd find the JSON keys they know: lists are bare arrays, create prints one
// object, update and close print arrays, and a failure prints an object with
// error on standard output. Hints, questions and what a command waits for go to
// standard error. Exit codes are those of gt.
package cli
