// Package hostile has values for tests: texts that have broken out of SQL
// statements, patterns, lists or terminals in other programs.
package hostile

import (
	"strings"

	"pgregory.net/rapid"
)

// Values returns the values.
func Values() []string {
	return []string{
		`'`, `"`, "`", `\`, `\'`, `'; DROP TABLE issues; -- `, `" OR 1=1 -- `, `') OR ('1'='1`, `' UNION SELECT value FROM meta -- `,
		`/* */ # `, `%`, `_`, `\%`, `?`, `??`, "a\x00b", "\x1b[2J", "\xff\xfe", "\u202e", `{}`, `[]`, `null`, "a,b", ",", "-", "--", "-x",
		"../../etc/passwd", "@file", "$(id)", "1e400", "-1", "99999999999999999999", "\n", " ", "表", strings.Repeat("x", 300),
		"CALL DOLT_RESET('--hard')", "'; CALL DOLT_REMOTE('add','x','file:///tmp/x'); -- ",
	}
}

// Text draws one of them, any text, or any text around one of them.
func Text() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom(Values()), rapid.String(), rapid.Custom(func(t *rapid.T) string {
		return rapid.String().Draw(t, "before") + rapid.SampledFrom(Values()).Draw(t, "middle") + rapid.String().Draw(t, "after")
	}))
}
