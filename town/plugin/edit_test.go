package plugin

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

const edited = `# ours
plugins:
  - name: a   # the first
    type: exec
    enabled: true  # for now
    config:
      # where it is
      directory: plugins/a
  - {name: b, type: exec, enabled: false, config: {directory: plugins/b, digest: "sha256:1"}}
  - name: c
    enabled: "true"
    type: exec
`

func TestSetEnabled(t *testing.T) {
	types := Types{{Name: Exec}}
	text := strings.Replace(edited, `"true"`, "true", 1)
	for _, v := range []struct {
		name    string
		enabled bool
		digest  string
		old     string
		now     string
	}{
		{"a", false, "", "enabled: true  # for now", "enabled: false  # for now"},
		{"b", true, "", "enabled: false", "enabled: true"},
		{"b", true, "sha256:22", `enabled: false, config: {directory: plugins/b, digest: "sha256:1"}`, `enabled: true, config: {directory: plugins/b, digest: sha256:22}`},
		{"a", true, "sha256:33", "      directory: plugins/a\n", "      directory: plugins/a\n      digest: sha256:33\n"},
		{"c", false, "", "enabled: true\n    type", "enabled: false\n    type"},
	} {
		got, err := SetEnabled([]byte(text), types, v.name, v.enabled, v.digest)
		if want := strings.Replace(text, v.old, v.now, 1); err != nil || string(got) != want {
			t.Errorf("%+v: %v\n%s", v, err, got)
		}
	}
	for name, text := range map[string]string{"none": text, "c": text + "x: 1\n"} {
		if _, err := SetEnabled([]byte(text), types, name, true, ""); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := SetEnabled([]byte(edited), types, "c", true, ""); err == nil {
		t.Error("a text for a truth value was taken")
	}
}

func TestAdd(t *testing.T) {
	types := Types{{Name: Exec}}
	var config yaml.Node
	if err := config.Encode(map[string]string{"directory": "plugins/new"}); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(edited, `"true"`, "true", 1)
	for _, before := range []string{"", "# nothing yet\n", text, strings.TrimSuffix(text, "\n"), "plugins:\n- name: x\n  type: exec\n  enabled: true\n"} {
		got, err := Add([]byte(before), types, "new", Exec, time.Hour, config)
		if err != nil || !strings.HasPrefix(string(got), before) {
			t.Errorf("%q: %v\n%s", before, err, got)
			continue
		}
		f, err := Parse(got, types)
		if e, ok := f.Find("new"); err != nil || !ok || e.Enabled || e.Timeout != MaxTimeout || e.Config["directory"] != "plugins/new" {
			t.Errorf("%s: %+v, %v", got, e, err)
		}
	}
	if got, err := Add([]byte("# none\nplugins: [] # yet\n"), types, "new", Exec, 0, config); err != nil || !strings.HasPrefix(string(got), "# none\nplugins:  # yet\n  - name: new\n") {
		t.Errorf("an empty list: %v\n%s", err, got)
	}
	for _, before := range []string{"plugins: [{name: x, type: exec, enabled: true}]\n", "plugins:\n  - {name: new, type: exec, enabled: true}\n", "x: 1\n"} {
		if _, err := Add([]byte(before), types, "new", Exec, 0, config); err == nil {
			t.Errorf("%q: no error", before)
		}
	}
}

// Whatever is wrong with the rest of the file, a plugin can be disabled.
func TestDisable(t *testing.T) {
	types := Types{{Name: Exec}}
	for what, fault := range map[string][2]string{
		"a field":           {"", "    typ: exec\n"},
		"a type":            {"    type: exec\n    enabled: true  # for now\n", "    type: exek\n    enabled: true  # for now\n"},
		"not YAML":          {"", "    config: {a: [\n"},
		"not YAML above":    {"      # where it is\n", "  x: : :\n"},
		"a tab":             {"", "\tconfig: 1\n"},
		"another top level": {"plugins:\n", "plugin: 1\nplugins:\n"},
	} {
		text := strings.Replace(edited, `"true"`, "true", 1)
		if fault[0] == "" {
			text += fault[1]
		} else {
			text = strings.Replace(text, fault[0], fault[1], 1)
		}
		if _, err := Parse([]byte(text), types); err == nil {
			t.Fatalf("%s: nothing is wrong with %s", what, text)
		}
		got, wrong, err := Disable([]byte(text), types, "c")
		want := strings.Replace(text, "enabled: true\n    type", "enabled: false\n    type", 1)
		if strings.HasPrefix(what, "not YAML") && fault[0] == "" || what == "a tab" { // the fault is within this one
			want = ""
		}
		if (want == "") != (err != nil) || string(got) != want || wrong == nil {
			t.Errorf("%s: %v, %v\n%s", what, err, wrong, got)
		}
		if off := switchedOff([]byte(text)); !off["b"] || off["a"] || off["c"] {
			t.Errorf("%s: %v", what, off)
		}
		got, _, err = Disable([]byte(text), types, "b")
		if err != nil || string(got) != text {
			t.Errorf("%s: disabled already: %v\n%s", what, err, got)
		}
		if _, _, err := Disable([]byte(text), types, "bb"); err == nil || !strings.Contains(err.Error(), "did you mean b") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
