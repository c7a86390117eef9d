// Package config reads, checks and writes a Town's own configuration,
// config/town.yaml: who the Town is, which stores belong to it, which remotes
// it has, and the settings people change with gt config.
//
//	town:
//	  id: 7b6c...          # random UUID, for good
//	  name: harbour
//	actor:                 # optional: author of changes made here
//	  name: Ada
//	  email: ada@example.com
//	stores:                # UUID of the store of each data plane
//	  operational: ...
//	  ledger: ...
//	  federation: ...
//	remotes:
//	  - name: origin
//	    url: ssh://git@example.com/town.git
//	settings:
//	  cache.memory_size: 256MB
//
// Guarantees:
//
//   - Unknown fields, unknown settings and values out of range are errors that
//     name the line. Nothing is guessed.
//   - Save is atomic, keeps the comments people wrote, and refuses to overwrite
//     a file that somebody changed since it was read.
//   - No secret is stored: a URL with a password or token in it is refused.
//
// Every setting stands in one table, in keys.go. Nothing here retries or takes
// a lock: whoever loads, changes and saves holds the Town's configuration lock
// meanwhile.
package config
