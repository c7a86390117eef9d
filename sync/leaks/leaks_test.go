package leaks

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestSecrets(t *testing.T) {
	s, err := NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{
		"password":       `the config says password="hunter2hunter2"`,
		"json password":  `{"db_password": "correct horse"}`,
		"setting":        "host=db\npassword=swordfish9",
		"dsn":            "postgres://app:s3cr3t-pw@db.example.com/app",
		"mysql dsn":      "root:topsecret@tcp(127.0.0.1:3306)/app",
		"private key":    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA",
		"aws":            "aws key AKIAQYLPMN5HFIQR7XYA here",
		"github":         "ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx",
		"allowed by him": `password="hunter2hunter2" # gitleaks:allow`,
	} {
		found := s.Scan(map[string]string{"title": "fine", "description": secret})
		if len(found) == 0 || found[0].Field != "description" || found[0].Rule == "" {
			t.Errorf("%s: %v", name, found)
		}
		if strings.Contains(fmt.Sprintf("%+v", found), "hunter2") {
			t.Errorf("%s: the finding tells the secret", name)
		}
	}
	for _, fine := range []string{
		"the password field is too short", "see https://example.com/a:b@c", "Fix login: token expires too early", "git@example.com:town.git",
	} {
		if found := s.Scan(map[string]string{"title": fine}); len(found) > 0 {
			t.Errorf("%q: %v", fine, found)
		}
	}
}

// The search still finds a secret when a redaction leaves a part of it.
func TestSecretsCutInPart(t *testing.T) {
	s, err := NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{
		"s3cr3t-pw-of-the-db", "AKIAQYLPMN5HFIQR7XYA", "ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx",
	} {
		text := "the key is " + secret + " for now"
		if strings.HasPrefix(secret, "s3") {
			text = "postgres://app:" + secret + "@db.example.com/app"
		}
		at := strings.Index(text, secret)
		for name, c := range map[string]struct {
			cut  [][2]int
			want bool
		}{
			"not at all": {nil, true}, "all": {[][2]int{{at, at + len(secret)}}, false}, "more": {[][2]int{{at - 2, at + len(secret) + 1}}, false},
			"first part": {[][2]int{{at, at + 6}}, true}, "last part": {[][2]int{{at + 3, at + len(secret)}}, true},
			"two parts": {[][2]int{{at, at + 4}, {at + 5, at + len(secret)}}, true},
		} {
			found := s.ScanCut("notes", text, c.cut)
			if (len(found) > 0) != c.want || len(found) > 0 && found[0].Field != "notes" {
				t.Errorf("%.4s..., %s: %v", secret, name, found)
			}
		}
	}
}

// Several commands of one process may search at once.
func TestScannersWorkSideBySide(t *testing.T) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s, err := NewScanner()
			if err != nil {
				t.Error(err)
				return
			}
			if found := s.Scan(map[string]string{"notes": "aws key AKIAQYLPMN5HFIQR7XYA here"}); len(found) != 1 {
				t.Errorf("%v", found)
			}
		})
	}
	all.Wait()
}

// A document's findings name the line, and equal secrets have equal marks.
func TestScanDocument(t *testing.T) {
	s, err := NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	first := "---\nname: x\n---\n\nThe key is AKIAQYLPMN5HFIQR7XYA.\nagain AKIAQYLPMN5HFIQR7XYA\ndb: postgres://app:s3cr3t-pw@db.example.com/app\n"
	places := s.ScanDocument(first)
	if len(places) != 2 || places[0].Line != 5 || places[1].Line != 7 || places[1].Rule != "url-with-password" {
		t.Fatalf("%+v", places)
	}
	again := s.ScanDocument("one line more\n" + first)
	if len(again) != 2 || again[0].Line != 6 || again[0].Mark != places[0].Mark || again[1].Mark != places[1].Mark {
		t.Errorf("%+v", again)
	}
	if other := s.ScanDocument("postgres://app:another-pw@db.example.com/app"); len(other) != 1 || other[0].Mark == places[1].Mark {
		t.Errorf("%+v", other)
	}
	if fine := s.ScanDocument("The password field is too short.\nSee https://example.com/a:b@c\n"); len(fine) > 0 {
		t.Errorf("%+v", fine)
	}
}

// A secret in a long document is found once, on its line, wherever windows begin.
func TestWindowsMissNothing(t *testing.T) {
	s, err := NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	const line = "Read the queue, take the oldest bead, and report when it is done.\n"
	lines := 3 * windowSize / len(line)
	for _, filler := range []string{line, strings.Repeat("z", len(line))} {
		for at := 0; at < lines; at += 3 {
			text := strings.Repeat(filler, at) + "\nuse AKIAQYLPMN5HFIQR7XYA here\n" + strings.Repeat(filler, lines-at)
			want := 2 + strings.Count(strings.Repeat(filler, at), "\n")
			found := s.ScanDocument(text)
			if len(found) != 1 || found[0].Line != want {
				t.Fatalf("a secret on line %d, after %d bytes: %+v", want, at*len(filler), found)
			}
		}
	}
}

// Windows cover a text, overlap, and come to its end.
func TestWindowsCover(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("x", 5*windowSize), strings.Repeat("x\n", 3*windowSize), strings.Repeat("x", windowSize+1)} {
		from, covered := 0, 0
		for from < len(text) {
			next, to := window(text, from)
			if from > covered || next <= from || to-from > windowSize || next < len(text) && to-next < windowOverlap/2 {
				t.Fatalf("window of %d bytes from %d to %d, next %d", len(text), from, to, next)
			}
			covered, from = to, next
		}
		if covered != len(text) {
			t.Fatalf("%d of %d bytes are covered", covered, len(text))
		}
	}
}

// A secret in a long value is found wherever windows begin, and a cut hides it only
// where it takes all of it.
func TestLongValues(t *testing.T) {
	s, err := NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	const secret = "AKIAQYLPMN5HFIQR7XYA"
	filler := strings.Repeat("Read the queue, take the oldest bead. ", 3*windowSize/38)
	for at := 0; at < len(filler); at += 997 {
		text := filler[:at] + " " + secret + " " + filler[at:]
		if found := s.Scan(map[string]string{"notes": text}); len(found) != 1 || found[0].Field != "notes" {
			t.Fatalf("a secret after %d bytes: %v", at, found)
		}
		whole, part := [][2]int{{0, 1}, {at + 1, at + 1 + len(secret)}, {len(text) - 1, len(text)}}, [][2]int{{0, 1}, {at + 1, at + 10}}
		if found := s.ScanCut("notes", text, whole); len(found) != 0 {
			t.Fatalf("cut out whole after %d bytes: %v", at, found)
		}
		if found := s.ScanCut("notes", text, part); len(found) != 1 {
			t.Fatalf("cut out in part after %d bytes: %v", at, found)
		}
		// The same secret stands once more, and there it is not cut out.
		if found := s.ScanCut("notes", text+" "+secret+" ", whole); len(found) != 1 {
			t.Fatalf("cut out once of twice, after %d bytes: %v", at, found)
		}
	}
}

// The body of a private key is longer than a window, and its header alone cut out
// leaves it.
func TestPrivateKeyOfManyLines(t *testing.T) {
	s, err := NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	block := "-----BEGIN RSA PRIVATE KEY-----\n" // the parts are joined so that this file holds no key
	header := len(block)
	block += strings.Repeat("MIIEpAIBAAKCAQEAx7Tq1bWk9Zr2hQm5dYp8sGfLcXn4uVj0\n", 2*windowSize/49) + "-----END RSA " + "PRIVATE KEY-----\n"
	text := "before\n" + block + "after\n"
	for name, c := range map[string]struct {
		cut  [][2]int
		want bool
	}{
		"nothing": {nil, true}, "the header": {[][2]int{{7, 7 + header}}, true}, "all": {[][2]int{{7, 7 + len(block)}}, false},
	} {
		if found := s.ScanCut("notes", text, c.cut); (len(found) > 0) != c.want {
			t.Errorf("%s is cut out: %v", name, found)
		}
	}
	other := strings.Replace(text, "MIIEpAIB", "MIIEpQIB", 1)
	a, b := s.ScanDocument(text), s.ScanDocument(other)
	if len(a) == 0 || len(b) == 0 || a[0].Mark == b[0].Mark {
		t.Errorf("two keys have one mark: %+v %+v", a, b)
	}
}
