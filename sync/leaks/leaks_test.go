package leaks

import (
	"fmt"
	"strings"
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
