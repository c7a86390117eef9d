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
//   - It runs in the environment that Options.Env gives, never in that of this
//     process: a command may run inside the Deacon for a person with another one.
//   - It never asks a person. There is no controlling terminal and no prompt, so a
//     login that needs a person fails with ErrAuth. The person's ssh
//     configuration, agent, GIT_SSH_COMMAND, credential helpers and ~/.gitconfig
//     stay in force, and so do programs and settings that answer for the person
//     in scripts (GIT_ASKPASS, logins in GIT_CONFIG_COUNT).
//   - It ignores a surrounding repository: variables such as GIT_DIR, which a
//     hook has in its environment, are removed.
//   - It ends. The context, Options.Deadline and Options.Idle each end the whole
//     process group, first by SIGTERM, then by SIGKILL. When this process is
//     killed, the kernel kills git too.
//   - It fails with a kind. Errors wrap one of the sentinels of this package and
//     carry git's own words, clipped and without credentials. Nothing is retried
//     here: whether to try again is the caller's decision.
//
// URLs, ref names, object ids and everything a remote sends are hostile until
// checked; the checks are in this package, so a caller cannot forget them.
package gitcmd
