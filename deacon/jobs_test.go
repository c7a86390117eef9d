package deacon

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gastown/deacon/schedule"
	"gastown/town"
	"gastown/town/config"
)

// everyJob is the table with every part.
func everyJob(t *testing.T, p *place) []schedule.Job {
	t.Helper()
	o := Options{Layout: p.layout, everyPart: true}
	o.defaults()
	return newHost(o).table(config.New("harbour"))
}

// jobRow matches a row of the table of jobs in docs/deacon.md.
var jobRow = regexp.MustCompile("(?m)^\\| `([a-z-]+)(?::[A-Z]+)?`")

// The table in docs/deacon.md has each job, and deacon/schedule.yaml may name any of them,
// also those that the Town does not have now. CheckSettings knows them as a start does.
func TestEveryJobMayBeScheduled(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "deacon.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Jobs\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var documented, there []string
	for _, m := range jobRow.FindAllStringSubmatch(table, -1) {
		documented = append(documented, m[1])
	}
	p := found(t)
	for _, j := range everyJob(t, p) {
		there = append(there, j.Name)
	}
	slices.Sort(documented)
	slices.Sort(there)
	if !slices.Equal(documented, there) {
		t.Errorf("docs/deacon.md has the jobs %q, the parts have %q", documented, there)
	}
	p.schedule("jobs:\n  " + strings.Join(there, ": {deadline: 4m}\n  ") + ": {deadline: 4m}\n")
	if err := CheckSettings(p.layout); err != nil {
		t.Error(err)
	}
}

// deacon/schedule.yaml may name a job that the Town does not have now; it does not run. A
// promoted directory still has the file of its time as a standby, and must start.
func TestScheduleOfAJobThatIsAbsent(t *testing.T) {
	p := found(t)
	p.schedule("jobs:\n  standby: {schedule: \"@every 1s\"}\n")
	d := p.mustStart()
	for _, j := range d.host.jobs.Jobs() {
		if j.Name == "standby" {
			t.Errorf("the active directory has the job %+v", j)
		}
	}
	if _, err := d.run(t.Context(), "standby"); !errors.Is(err, town.ErrUsage) {
		t.Errorf("it was run: %v", err)
	}
	for _, j := range everyJob(t, p) {
		if want := j.Name == "standby" || strings.HasPrefix(j.Name, "backup"); j.Absent != want {
			t.Errorf("%s: absent is %v in an active directory without backups", j.Name, j.Absent)
		}
	}
}
