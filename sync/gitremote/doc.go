// Package gitremote mirrors one federation remote: a directory that Dolt uses as a
// plain file remote, and a ref of a Git repository whose tree has exactly the same
// content. Fetch gives the directory the content of the ref. Publish gives the ref
// the content of the directory. Each makes one connection.
//
// A remote's directory holds
//
//	mirror/       manifest and table files; Dolt's file remote (Mirror.Dir)
//	objects.git/  a private bare repository; its ref refs/gt/remote/data is
//	              the last state of the remote that was verified
//	staging/      files on their way into the mirror; emptied by Open
//	state.json    what can be known of that state without starting git
//	host.json     what was found out about the host, and about turns there
//	turn/         the turn of another Town that is being merged; see Turn
//
// The ref is the truth. All else is derived from it and rebuilt when it is missing.
// Whatever fails, and wherever the process is killed, the ref and the mirror's
// manifest name a complete, verified state: table files are immutable, they are in
// place before a manifest names them, and the ref moves last.
//
// Everything the remote sends is hostile until checked: the shape of the tree,
// names, sizes before content, and with VerifyFunc the content of every table
// file that arrives. What the manifest does not name is ignored and never sent to
// another remote.
//
// Nothing is retried here. The caller retries, lets one process at a time use a
// directory, and remembers which Head it has merged.
package gitremote
