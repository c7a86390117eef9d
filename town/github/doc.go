// Package github opens pull requests at GitHub, or at a host that has its API, and follows
// them.
//
// There is one pull request for each thing that is to be merged, also when a process ends
// between the host's answer and the caller's note of it, or an answer is lost: Open looks
// first for one that it opened before. The token goes to the host of the API and nowhere
// else; it is in no error and no log. What the host says is checked before it is returned.
//
// Nothing is retried here. A *LaterError says when to try again.
package github
