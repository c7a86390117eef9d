package town

import "testing"

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"plain, grün 漢字 🎉":        "plain, grün 漢字 🎉",
		"two\nlines\r\tand\u2028": "two lines  and ",
		"\x1b[31mred\x07\u009b":   "[31mred",
		"\u202eevil\u200b\ufeff":  "evil",
		"cut \xff":                "cut \ufffd",
	} {
		if got := Visible(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
