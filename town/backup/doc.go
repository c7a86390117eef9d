// Package backup takes backup points of a Town, proves them, and restores them.
//
// A point is one JSON file that names everything it consists of, each file with its
// size and its SHA-256. Points of kind Databases hold a consistent moment of all planes
// (planes/doltdb/copies); points of kind Files hold the configuration and the files that
// people edit. Points share files: what two have in common is stored once.
//
// A destination is where points are stored; see Store. Files come first, the point that names
// them last, so a point that can be read was written whole. A destination without
// encryption is a file remote of stock Dolt for each plane: dolt backup restore reads the
// newest point.
//
// Guarantees:
//
//   - A point is restored only if every file is what the point says, every chunk hashes
//     to its address, every table has the digest and the number of rows that it had, and
//     the plane's own checks pass. Everything is checked before anything is replaced.
//   - A restore replaces all planes in one step of the file system, and keeps what it
//     replaces. Killed anywhere, the Town is the old one or the new one.
//   - Prune removes no file that a remaining point names, and neither the newest point
//     nor the newest proven one. While a point cannot be read it removes no file.
//   - One process at a time takes, prunes or restores.
//
// The package knows no path of the Town; Keeper names them.
package backup
