// Package refinery is the merge queue of a rig: it lands what passes together, and
// gives back the rest with the reason.
//
// Rows of the operational plane say what waits, Git says what is on the target branch.
// Plan is a pure function from both, and from what is known of merges and checks, to
// actions; Refinery carries them out. It remembers nothing: merges are made so that
// the same commits merge to the same commit, and results of checks are rows by tree,
// command and environment. So a pass may end anywhere, and any process may run the next
// one; a lock lets one at a time act for a rig.
//
// What holds:
//
//   - Only what was tested lands: the very commits, pushed with the expected old tip.
//     The target is never rewound.
//   - A request is given back as failed only when its checks failed twice with it, and
//     passed without it afterwards.
//   - A request is held as refused only when the host refused it alone after it had taken
//     another push. Otherwise the whole rig waits.
//   - A request that would bring back commits which somebody removed from the target is
//     held until a person lets it go on.
//   - A check that could not be run to its end says nothing about a change. Nothing lands
//     by it and nobody is blamed for it. If the target itself can be tested, the request
//     is held for a person and others pass it; otherwise the whole rig waits. A person is
//     told once. Whoever runs it may be stopped or killed meanwhile: that counts only when
//     it happens again and again.
//   - A request is landed when it is seen on the target branch, whoever brought it there.
//
// A pass is not retried here: the next pass is the retry.
package refinery
