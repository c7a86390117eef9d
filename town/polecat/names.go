package polecat

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gastown/planes/operational"
	"gastown/town"
)

// names are given to polecats in this order. They are short, easy to tell apart
// when spoken, and differ in their first letters.
var names = []string{
	"amber", "birch", "cedar", "dusk", "ember", "fern", "grit", "hazel", "iris", "jade", "kelp", "lark", "moss", "nettle", "onyx",
	"plum", "quill", "reed", "sable", "thorn", "umber", "vetch", "wren", "yarrow", "zinc", "aspen", "brook", "clover", "drift", "elder",
	"flint", "gorse", "heron", "ivy", "juniper", "kestrel", "linden", "maple", "newt", "otter", "pike", "quartz", "rowan", "sorrel",
	"teal", "upland", "viper", "willow", "yew", "zephyr",
}

// maxUnfit is how many polecats in a row a rig passes over because their last work never
// began. Where it never began for so many, another name would not help.
const maxUnfit = 2

// Pick chooses a polecat of a rig for new work: one that is idle, the one idle for
// longest first, otherwise the first name that no agent of the rig has. One whose last
// work never began comes after a new name, because its sandbox may be what failed. busy
// are polecats that an earlier choice took.
func Pick(rig string, agents []operational.Agent, busy map[town.Address]bool) town.Address {
	var idle, unfit []operational.Agent
	taken := map[string]bool{}
	for _, a := range agents {
		if a.Address.Rig != rig {
			continue
		}
		// Also the crew's names: a polecat and a person of one name are confused.
		taken[strings.ToLower(a.Address.Name)] = true
		if free := a.State == town.AgentIdle && a.Bead == "" && a.Session == ""; free && a.Address.Kind == town.Polecat && !busy[a.Address] {
			if neverBegan(a) {
				unfit = append(unfit, a)
			} else {
				idle = append(idle, a)
			}
		}
	}
	if len(idle) == 0 && len(unfit) >= maxUnfit {
		idle = unfit
	}
	if len(idle) > 0 {
		return slices.MinFunc(idle, func(a, b operational.Agent) int {
			return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Address.Name, b.Address.Name))
		}).Address
	}
	for n := 0; ; n++ {
		name := names[n%len(names)]
		if n >= len(names) {
			name = fmt.Sprintf("%s%d", name, n/len(names)+1)
		}
		if address := town.PolecatAddress(rig, name); !taken[name] && !busy[address] {
			return address
		}
	}
}

// neverBegan reports whether an agent that has no assignment had one that got neither
// sandbox nor session.
func neverBegan(a operational.Agent) bool { return a.Run > 0 && a.Sandbox == "" }
