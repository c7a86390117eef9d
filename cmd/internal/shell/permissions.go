package shell

// Permissions are what a command's user must be allowed to do, as
// config/access.yaml grants it. This is the whole list.
const (
	// MayReadProgram is for what needs no Town: versions, completion scripts.
	MayReadProgram = "program:read"

	// MayReadFederation is for looking at shared documents, their history, reviews,
	// rules and remotes; MayWriteFederation for recording, exchanging and deciding
	// them.
	MayReadFederation  = "federation:read"
	MayWriteFederation = "federation:write"

	// MayReadLedger is for looking at beads, MayWriteLedger for changing them.
	MayReadLedger  = "ledger:read"
	MayWriteLedger = "ledger:write"

	// MayReadTown is for settings, caches and the feed. MayAdminTown is for making
	// and repairing a Town, its settings and its Git hooks.
	MayReadTown  = "town:read"
	MayAdminTown = "town:admin"

	// MayReadDeacon is for the Deacon's status and log, MayAdminDeacon for starting,
	// stopping and directing it.
	MayReadDeacon  = "deacon:read"
	MayAdminDeacon = "deacon:admin"
)

// Permissions lists them all.
var Permissions = [...]string{
	MayReadProgram, MayReadFederation, MayWriteFederation, MayReadLedger, MayWriteLedger,
	MayReadTown, MayAdminTown, MayReadDeacon, MayAdminDeacon,
}
