package page

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/hex"
	"hash/fnv"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"
)

//go:embed assets
var files embed.FS

// assetNames are the files that the page loads.
var assetNames = [...]string{"dashboard.css", "dashboard.js", "icon.svg"}

// contents holds the files of the page. It is made at the first request.
type contents struct {
	assets    [len(assetNames)]*asset
	templates *template.Template
	// build changes whenever the page does, so that open pages of a former version reload.
	build string
}

var loaded = sync.OnceValue(func() *contents {
	style := load(assetNames[0], "text/css; charset=utf-8", "uplot/uPlot.min.css", "dashboard.css")
	script := load(assetNames[1], "text/javascript; charset=utf-8", "uplot/uPlot.iife.min.js", "dashboard.js")
	icon := load(assetNames[2], "image/svg+xml", "icon.svg")
	c := &contents{assets: [...]*asset{style, script, icon}, build: style.digest[:8] + script.digest[:8]}
	c.templates = template.Must(template.New("").Funcs(template.FuncMap{
		"style": style.url, "script": script.url, "icon": icon.url,
		"iso": func(s int64) string { return time.Unix(s, 0).UTC().Format(time.RFC3339) },
		"utc": func(s int64) string { return time.Unix(s, 0).UTC().Format("2006-01-02 15:04:05 UTC") },
	}).ParseFS(files, "assets/*.html"))
	return c
})

// asset is a file that browsers keep, because its address changes with its content.
type asset struct {
	name, kind   string
	text, packed []byte
	digest       string
}

// load joins files to an asset. Those that are missing are a mistake of the build.
func load(name, kind string, parts ...string) *asset {
	a := &asset{name: name, kind: kind}
	for _, p := range parts {
		text, err := files.ReadFile("assets/" + p)
		if err != nil {
			panic(err)
		}
		a.text = append(append(a.text, text...), '\n')
	}
	h := fnv.New64a()
	_, _ = h.Write(a.text)
	a.digest, a.packed = hex.EncodeToString(h.Sum(nil)), pack(a.text)
	return a
}

// url is where the asset is.
func (a *asset) url() string { return Assets + a.name + "?v=" + a.digest }

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", a.kind)
	if r.URL.Query().Get("v") == a.digest {
		w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	text := a.text
	if packs(w, r) {
		text = a.packed
	}
	_, _ = w.Write(text) // an error means that the peer has gone
}

// packs reports whether the peer takes a packed answer, and announces one.
func packs(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Add("Vary", "Accept-Encoding")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		return false
	}
	w.Header().Set("Content-Encoding", "gzip")
	return true
}

func pack(text []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(text) // into memory: never fails
	_ = z.Close()
	return out.Bytes()
}
