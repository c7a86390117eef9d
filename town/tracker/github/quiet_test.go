package github

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestQuiet(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"@ann and @acme/team":            "@|ann and @|acme/team",
		"(@ann) _@ann_ \\@ann **@ann**":  "(@|ann) _@|ann_ \\@|ann **@|ann**",
		"ann@example.org, a @ b, @, @é":  "ann@example.org, a @ b, @, @é",
		"see #12, acme/web#12 and gh-12": "see #|12, acme/web#|12 and gh-|12",
		"# 12\n## Design\n#color":        "# 12\n## Design\n#color",
		"&#64;ann &#x40;ann &commat;ann": "&#64;|ann &#x40;|ann &commat;|ann",
		"@&#97;nn &#35;12 #&#49;2":       "@|&#97;nn &#35;|12 #|&#49;2",
		"&#8203; &#1234;":                "&#8203; &#1234;",
		"```\nnpm install @a/b\n```":     "```\nnpm install @|a/b\n```",
		"https://example.org/a#12 #12":   "https://example.org/a#12 #|12",
		"https://example.org/@ann?a@b":   "https://example.org/%40ann?a@b",
		"<https://example.org/@ann>@ann": "<https://example.org/%40ann>@|ann",
		"xhttps://example.org/@ann":      "xhttps://example.org/@|ann",
		"https://a_b/@ann":               "https://a_b/@|ann",
		"https://ann@example.org/x":      "https://ann@example.org/x",
	} {
		if got := quiet(text); got != strings.ReplaceAll(want, "|", gap) {
			t.Errorf("%q became %q", text, strings.ReplaceAll(got, gap, "|"))
		}
	}
}

// No text has a mention afterwards, and nothing else of it changed.
func TestQuietAlways(t *testing.T) {
	mention := regexp.MustCompile(`(^|[^A-Za-z0-9&])@[A-Za-z0-9]|(^|[^A-Za-z0-9.?/:&_@%;#-])#[0-9]`)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"@", "#", "a", "1", " ", "\n", "/", "(", "_", "&#64;", "&num;", "https://e.org/", "<", "é", "gh-"})).Draw(t, "parts"), "")
		got := quiet(text)
		if m := mention.FindString(got); m != "" {
			t.Errorf("%q became %q, which mentions %q", text, got, m)
		}
		if back := strings.ReplaceAll(strings.ReplaceAll(got, gap, ""), "%40", "@"); back != text {
			t.Errorf("%q became %q", text, got)
		}
		if again := quiet(got); again != got {
			t.Errorf("%q became %q and then %q", text, got, again)
		}
	})
}
