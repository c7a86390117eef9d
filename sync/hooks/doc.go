// Package hooks puts Git hooks into a person's repository, takes them out
// again, decides what a hook that ran means, and signs and checks the requests
// by which a shared repository tells Towns to pull.
//
// A hook is a few lines of shell that start gt in the background and return;
// whatever is to be decided is decided here, in Go. What they promise:
//
//   - A hook that was there before runs first, with the same name, arguments
//     and input, and its exit code is the hook's. Removing ours puts it back:
//     the same file, not a copy.
//   - Our part never fails and never waits: without gt nothing happens.
//   - core.hooksPath is obeyed and never set. A directory of hooks that serves
//     other repositories as well is left alone.
//   - A hook that a person edited is theirs: it is neither replaced nor removed.
//
// Nothing here contacts a Town's data. Git is asked through sync/gitcmd.
package hooks
