// Package share decides which records of the ledger may leave the Town, and which
// of their fields. Rules select beads and name the fields that leave; a field
// that no rule names stays. A bead that matches no rule does not leave. Nor does
// a bead that holds a secret (package leaks finds it) or that another Town could
// not store.
//
// When several rules match one bead, the fields of all of them leave, and the
// redactions of all of them apply: one rule never uncovers what another one cuts
// out.
//
// Everything here is a pure function of rules and beads, except File, which reads
// and writes config/sharing.yaml.
package share
