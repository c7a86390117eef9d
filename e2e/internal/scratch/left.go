package scratch

import "gastown/cmd/gt/benchmark/trial"

// Process is a process whose command line or environment names a Town.
type Process = trial.Process

// Processes are those of the test's directory.
func (p *Town) Processes() []Process { return trial.Processes(p.Dir) }

// Cgroups are those of the Town's sessions.
func (p *Town) Cgroups() []string { return trial.Cgroups(p.Root) }

// end stops everything that a test may have left: what it tests is over.
func (p *Town) end() {
	if p.T.Failed() {
		p.T.Log(p.Story())
	}
	_, _ = p.Try("gt", "deacon", "stop")
	trial.Kill(p.Root)
	for _, dir := range p.Cgroups() {
		trial.RemoveCgroup(dir)
	}
}
