// Package federation is the plane that Towns share whole: roles, formulas,
// templates, the archive of texts that gave way, the proposals that await a
// reviewer, and the registry of Towns. It owns the plane's schema and turns
// edits, merges and reviews into rows; when to do so is sync/federate's
// business, who wins a conflict sync/policy's.
//
// Every text that was ever in force and no longer is, is in the archive (role,
// formula), a proposal (role) or an earlier issue (template). Nothing here
// removes rows of those tables.
//
// Each method that writes is one transaction and one commit. Nothing retries.
package federation
