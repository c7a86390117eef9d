// Command bd is a front: it hands its command to the Town's Deacon, or becomes
// gt-engine. See bd --help.
package main

import (
	"os"

	"gastown/cmd/internal/front"
)

func main() { os.Exit(front.Main("bd")) }
