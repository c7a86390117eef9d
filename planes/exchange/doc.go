// Package exchange is the plane that carries shared work records between
// Towns: what rules (sync/share) select of each Town's ledger, and nothing of
// the ledger itself.
//
// Every row belongs to one Town, which alone writes it, so merges have nothing
// to decide: what others did to this Town's rows is put back, and rows of other
// Towns are taken as they come. Nobody edits them here.
//
// What arrives is hostile until checked: the store's shape, and each row's
// owner, id, sizes, characters and digest. Each method that writes is one
// transaction and one commit. Nothing retries.
package exchange
