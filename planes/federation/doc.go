// Package federation is the plane that Towns share whole: roles, formulas,
// templates, the archive of superseded texts, the proposals that await a
// reviewer, and the registry of Towns. It owns the plane's schema and turns
// edits, merges and reviews into rows. sync/federate decides when, and sync/policy
// decides who wins a conflict.
//
// Every text that was once in force and no longer is can be found in the archive
// (role, formula), in a proposal (role) or in an earlier issue (template). Nothing
// here removes rows of those tables.
//
// Each method that writes is one transaction and one commit. Nothing retries.
package federation
