// Package witness watches the polecats of the rigs. A patrol gathers evidence once: the
// rows of work in two queries, all sessions and the screens of quiet ones by two
// processes of tmux, the branches of a rig by one of git, and the table of processes and
// the files of sandboxes by itself. Judge says of each polecat how it does, by several
// signs together; Plan decides what to do about it; the Witness carries the actions out.
//
// Judge and Plan are pure functions of a Snapshot. An action names the state that it was
// planned from: the assignment with run and epoch, and what the session and the sandbox
// showed. It is refused when that has changed.
//
// Guarantees:
//
//   - A polecat is nudged before anything is taken away from it, a bounded number of
//     times, and each time a pause apart. What changes in its sandbox begins that anew.
//   - What is in a sandbox is saved before its bead is given back. If it cannot be
//     saved the bead stays where it is, and people are told.
//   - Work is handed in for an agent only if its sandbox is clean and its commits were
//     seen at the remote. Otherwise it is saved and the bead is given back.
//   - A bead that loses too many workers is blocked and a person is told. Many polecats
//     that are stuck at once are one trouble.
//
// A recovery is begun as a row, so whoever comes after a crash goes on with it, and no
// other controller starts a session meanwhile. Nothing retries within a patrol: the next
// one is the retry.
package witness
