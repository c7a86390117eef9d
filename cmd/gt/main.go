// Command gt runs a Town: see gt --help.
package main

import (
	"os"

	"gastown/cmd/gt/cli"
	_ "gastown/cmd/internal/memory" // when to collect garbage
)

func main() { os.Exit(cli.Main()) }
