package scratch

import _ "embed" // for Robot

// Robot is a script for sh: an agent that does what the description of its bead says in a
// line "do DEED". It needs the Town's Dir as HOME.
//
//go:embed robot.sh
var Robot string
