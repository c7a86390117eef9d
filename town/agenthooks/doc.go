// Package agenthooks speaks with the hooks of agent programs: it reads what a program
// tells a hook, writes what a program takes as an answer, and knows the files in which
// the programs look for hooks. The programs differ in all three.
//
// It writes no file of a person: Install changes files below one directory, a sandbox.
package agenthooks

import "fmt"

// fault is why something is not understood or left alone.
func fault(format string, args ...any) error { return fmt.Errorf(format, args...) }
