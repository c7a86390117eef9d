// Package exchange is the plane that carries shared work records between Towns:
// what rules (sync/share) select from each Town's ledger, and nothing of the ledger
// itself.
//
// Every row belongs to one Town, and only that Town writes it, signed, with a revision that
// rises. So merges have nothing to ask: of two rows the higher one stands (register.go), and
// what its Town did not sign becomes what it was. Nobody edits rows of other Towns here.
//
// What arrives is hostile until it was checked: the store's shape, and each row's
// owner, id, sizes, characters and digest. Each method that writes is one
// transaction and one commit. Nothing retries.
package exchange
