// Package gitcmd is the only place in the project that executes git.
//
// It knows git's plumbing and nothing of Dolt: a private bare repository used
// as an object cache (Repo), one fetch, one push or one listing per network
// connection, a reader of objects (Objects) and a writer of commits
// (Importer). Each of these is exactly one git process of ours; Processes
// counts them.
//
// What every process has in common:
//
//   - It never asks. There is no controlling terminal and no terminal prompt,
//     so a login that needs a person fails with ErrAuth. The user's ssh
//     configuration, agent, GIT_SSH_COMMAND, credential helpers, ~/.gitconfig
//     and what answers for a person in scripts (GIT_ASKPASS, logins given with
//     GIT_CONFIG_COUNT) stay in force.
//   - It is deaf to a surrounding repository: variables such as GIT_DIR that a
//     hook leaves in the environment are removed.
//   - It ends. The context, Options.Deadline and Options.Idle each end the
//     whole process group, first politely; a killed parent takes git along.
//   - It fails with a kind. Errors wrap one of the sentinels of this package
//     and carry git's own words, clipped and without credentials. Nothing is
//     retried here: whether to try again is the caller's decision.
//
// URLs, ref names, object ids and everything a remote sends are hostile until
// checked; the checks are in this package, so a caller cannot forget them.
package gitcmd
