// Command gt runs a Town: see gt --help.
package main

import (
	"os"

	"gastown/cmd/gt/cli"
)

func main() { os.Exit(cli.Main()) }
