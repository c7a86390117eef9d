// Command bd is the ledger of a Town's work: see bd --help.
package main

import (
	"os"

	"gastown/cmd/bd/cli"
	_ "gastown/cmd/internal/memory" // when to collect garbage
)

func main() { os.Exit(cli.Main()) }
