package files

import (
	"errors"
	"fmt"
	"strings"

	"gastown/town"
)

// maxCycleShown is how many steps of a cycle a message names.
const maxCycleShown = 8

// checkSteps validates the graph of steps: there is at least one step, ids are present
// and unique, needs exist, and there is no cycle. With an error it returns the path
// of the element at fault, in the form that locate uses.
func checkSteps(steps []Step) (string, error) {
	if len(steps) == 0 {
		return "", errors.New("has no [[steps]]")
	}
	byID := make(map[string]int, len(steps))
	for i, s := range steps {
		here := stepPath(i)
		if strings.TrimSpace(s.ID) == "" {
			return here, fmt.Errorf("step %d has no id", i+1)
		}
		if first, ok := byID[s.ID]; ok {
			return here + ".id", fmt.Errorf("step %s has the id of step %d", quote(s.ID), first+1)
		}
		if strings.TrimSpace(s.Title) == "" {
			return here, fmt.Errorf("step %s has no title", quote(s.ID))
		}
		byID[s.ID] = i
	}
	for i, s := range steps {
		for _, need := range s.Needs {
			if _, ok := byID[need]; !ok {
				return stepPath(i) + ".needs", fmt.Errorf("step %s needs %s, which is not a step", quote(s.ID), quote(need))
			}
		}
	}
	if cycle := findCycle(steps, byID); cycle != nil {
		return stepPath(cycle[0]) + ".needs", fmt.Errorf("steps wait for each other: %s", showCycle(steps, cycle))
	}
	return "", nil
}

func stepPath(i int) string { return fmt.Sprintf("steps[%d]", i) }

func quote(id string) string { return fmt.Sprintf("%q", town.Clip(id, 80)) }

// findCycle returns the steps of the first cycle. Each needs the next one and the last
// needs the first; the one that is earliest in the file comes first. It searches
// depth first with a stack of its own, as a file may have tens of thousands of steps.
func findCycle(steps []Step, byID map[string]int) []int {
	const (
		unseen = iota
		open
		done
	)
	state := make([]uint8, len(steps))
	type frame struct{ step, next int }
	for root := range steps {
		if state[root] != unseen {
			continue
		}
		stack := []frame{{step: root}}
		state[root] = open
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(steps[top.step].Needs) {
				state[top.step] = done
				stack = stack[:len(stack)-1]
				continue
			}
			to := byID[steps[top.step].Needs[top.next]]
			top.next++
			switch state[to] {
			case unseen:
				state[to] = open
				stack = append(stack, frame{step: to})
			case open:
				var cycle []int
				for i := len(stack) - 1; ; i-- {
					cycle = append(cycle, stack[i].step)
					if stack[i].step == to {
						return fromFirst(cycle)
					}
				}
			}
		}
	}
	return nil
}

// fromFirst reverses the steps of a stack, so that each needs the next one, and
// rotates them so that the lowest number comes first.
func fromFirst(deepest []int) []int {
	n, low := len(deepest), 0
	for i, s := range deepest {
		if s < deepest[low] {
			low = i
		}
	}
	cycle := make([]int, 0, n)
	for i := range n {
		cycle = append(cycle, deepest[(low-i+n)%n])
	}
	return cycle
}

func showCycle(steps []Step, cycle []int) string {
	var names []string
	for i, s := range cycle {
		if i == maxCycleShown {
			names = append(names, fmt.Sprintf("%d more", len(cycle)-i))
			break
		}
		names = append(names, quote(steps[s].ID))
	}
	return strings.Join(append(names, quote(steps[cycle[0]].ID)), " needs ")
}
