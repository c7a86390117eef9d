package shell

// Permissions are what a command requires its user to be allowed, as
// config/access.yaml grants it. This list is complete.
const (
	// MayReadProgram is for commands that need no Town: versions, completion
	// scripts.
	MayReadProgram = "program:read"

	// MayReadFederation is for reading shared documents, their history, reviews,
	// rules and remotes; MayWriteFederation for recording, exchanging and deciding
	// them.
	MayReadFederation  = "federation:read"
	MayWriteFederation = "federation:write"

	// MayReadLedger is for reading beads, MayWriteLedger for changing them.
	MayReadLedger  = "ledger:read"
	MayWriteLedger = "ledger:write"

	// MayReadTown is for reading settings, caches and the feed. MayAdminTown is for
	// making and repairing a Town, and for changing its settings and Git hooks.
	MayReadTown  = "town:read"
	MayAdminTown = "town:admin"

	// MayReadDeacon is for the Deacon's status and log, MayAdminDeacon for
	// starting, stopping and controlling it.
	MayReadDeacon  = "deacon:read"
	MayAdminDeacon = "deacon:admin"
)

// Permissions lists them all.
var Permissions = [...]string{
	MayReadProgram, MayReadFederation, MayWriteFederation, MayReadLedger, MayWriteLedger,
	MayReadTown, MayAdminTown, MayReadDeacon, MayAdminDeacon,
}
