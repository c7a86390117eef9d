package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	// madePart matches what deacon/parts.go calls to make a part.
	madePart = regexp.MustCompile(`return (\w+)\.New(?:Part)?\(h\)`)
	// partRow matches a row of a table of parts.
	partRow = regexp.MustCompile("(?m)^\\| `deacon/(\\w+)` \\|")
)

// Two pages list the parts of the Deacon, in the order of their start.
func TestDocumentedParts(t *testing.T) {
	parts := firstGroups(madePart, page(t, "deacon", "parts.go"))
	if len(parts) < 10 {
		t.Fatalf("deacon/parts.go makes only %q", parts)
	}
	for _, name := range []string{"architecture.md", "deacon.md"} {
		if diff := cmp.Diff(parts, firstGroups(partRow, page(t, "docs", name))); diff != "" {
			t.Errorf("docs/%s does not list the parts as deacon/parts.go does:\n%s", name, diff)
		}
	}
}

// README names every page.
func TestReadmeNamesPages(t *testing.T) {
	readme := page(t, "README.md")
	pages, err := filepath.Glob(filepath.Join("..", "docs", "*.md"))
	if err != nil || len(pages) < 10 {
		t.Fatalf("%q, %v", pages, err)
	}
	for _, p := range pages {
		if link := "| [docs/" + filepath.Base(p) + "]"; !strings.Contains(readme, link) {
			t.Errorf("the table of pages in README.md lacks docs/%s", filepath.Base(p))
		}
	}
}

// page is the text of a file of the project.
func page(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// firstGroups is what the first group of a pattern matches in a text, in order.
func firstGroups(pattern *regexp.Regexp, text string) (all []string) {
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}
