// Package rig keeps the projects of a Town: their settings (config/rigs.yaml), their
// clones, and the sandboxes in which polecats and people work.
//
// A rig is one bare clone, rigs/NAME/repo.git, whose objects all working trees share:
//
//	rigs/NAME/repo.git        the bare clone
//	rigs/NAME/polecats/NUX/   a polecat's sandbox, a working tree linked to it
//	rigs/NAME/crew/ANN/       a person's own clone
//	rigs/NAME/pool/           working trees that are ready to become sandboxes
//
// # What holds
//
// Nothing written in a sandbox is lost. Before Prepare resets a sandbox and before
// Remove removes one, everything in it that the remote does not have is committed to
// a rescue ref, pushed, and seen at the remote: commits (also those that only HEAD's
// history remembers), the index, changed and untracked files, the sides of a merge,
// stashes, and the same of repositories inside it. Files that git ignores are left
// out. When that fails the sandbox stays and the error says why. In a rig without a
// remote the bare clone itself is the place that holds the work.
//
// Files are saved as they are, byte by byte: no filter runs and no line end changes.
// Saving changes neither HEAD nor the index nor a file of the sandbox.
//
// Saving never runs outside the sandbox that it is for. A sandbox must be a directory
// below the rig's own, without a symbolic link on the way, whose .git names this
// rig's clone and which the clone knows at that place. Git is then told which
// repository and which tree to use and looks for neither.
//
// Nothing of a repository runs: no hook, no monitor, no program of its configuration;
// submodules are not fetched. Filters of the person's own configuration (such as git
// lfs) do run when files are checked out.
//
// # Concurrency and crashes
//
// A sandbox has a lock of the kernel, so two processes that prepare, save or remove
// it wait for each other. New trees are made in a place of their own and renamed when
// they are complete; trees that are removed are first renamed away. So a process that
// is killed leaves only what the next one recognises as unfinished, and Sweep removes
// it. The caller sees to it that no session works in a sandbox that is prepared or
// removed.
//
// Nothing is retried here. A remote that cannot be reached does not keep Prepare from
// working: it uses the newest base that is known.
package rig
