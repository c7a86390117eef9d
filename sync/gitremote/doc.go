// Package gitremote keeps the mirror of one federation remote: a directory
// that Dolt uses as a plain file remote, and a ref of a Git repository whose
// tree has exactly the same content. Fetch brings the directory to what the
// ref says, Publish brings the ref to what the directory says; each makes one
// connection.
//
// A remote's directory holds
//
//	mirror/       manifest and table files; Dolt's file remote (Mirror.Dir)
//	objects.git/  a private bare repository; its ref refs/gt/remote/data is
//	              the last state of the remote that was verified
//	staging/      files on their way into the mirror; emptied by Open
//	state.json    what can be known of that state without starting git
//
// The ref is the truth, the rest is derived from it and rebuilt when missing.
// Whatever fails, and wherever the process is killed, the ref and the mirror's
// manifest name a complete, verified state: table files are immutable and are
// in place before a manifest names them, and the ref moves last.
//
// Everything the remote sends is hostile until checked: the shape of the tree,
// names, sizes before content, and with VerifyFunc the content of every table
// file that arrives. What the manifest does not name is ignored and never
// sent on.
//
// Callers serialise the use of one directory across processes, retry (nothing
// is retried here), and remember for themselves which Head they have merged.
package gitremote
