// Package exchange is the plane that carries shared work records between Towns:
// what rules (sync/share) select from each Town's ledger, and nothing of the ledger
// itself.
//
// Every row belongs to one Town, and only that Town writes it. So merges have
// nothing to decide: changes of others to this Town's rows are undone, and the
// rows of other Towns are accepted as they come. Nobody edits them here.
//
// What arrives is hostile until it was checked: the store's shape, and each row's
// owner, id, sizes, characters and digest. Each method that writes is one
// transaction and one commit. Nothing retries.
package exchange
