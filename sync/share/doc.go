// Package share decides what of the ledger may leave the Town. Rules select
// beads and name the fields of them that leave; what a rule does not name stays.
// What a rule redacts is cut out before anything else looks at it. A bead that
// matches no rule does not leave at all; nor does one that holds a secret, which
// package leaks finds, or that cannot be stored elsewhere as it is.
//
// With several rules for one bead the fields of all of them leave, and the
// redactions of all of them apply: a further rule never uncovers what another
// one cut out.
//
// Everything here is a pure function of rules and beads, but for File, which
// reads and writes config/sharing.yaml.
package share
