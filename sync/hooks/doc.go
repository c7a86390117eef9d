// Package hooks installs Git hooks in a person's repository and removes them,
// decides whether an operation that ran a hook changed the Town's documents, and
// signs and checks the requests by which a shared repository tells Towns to pull.
//
// A hook is a few lines of shell that start gt in the background and return; all
// decisions are made in Go. What the hooks promise:
//
//   - A hook that was there before runs first, with the same name, arguments
//     and input, and its exit code is the hook's. Removing gt's hook puts it
//     back: the same file, not a copy.
//   - The part of gt never fails and never waits. Without gt it does nothing.
//   - core.hooksPath is obeyed and never set. A directory of hooks that serves
//     other repositories too is left alone.
//   - A hook that a person edited is neither replaced nor removed.
//
// This package does not read a Town's data. It asks git through sync/gitcmd.
package hooks
