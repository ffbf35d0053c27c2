package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// asset is one embedded file, named by its content so that a browser may keep
// it for ever.
type asset struct {
	url, kind, tag string
	raw            []byte
	zip            func() []byte // compressed on first use: starting stays fast
}

var assetKinds = map[string]string{
	".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
}

// assets by file name, and by hashed name.
var assets, assetsByURL = loadAssets()

func loadAssets() (byName, byURL map[string]*asset) {
	byName, byURL = map[string]*asset{}, map[string]*asset{}
	for _, name := range []string{"console.css", "console.js", "charts.js", "map.js", "mark.svg", "vendor/htmx.min.js", "vendor/uplot.min.js", "vendor/uplot.min.css"} {
		raw, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			panic(fmt.Sprintf("console: asset %s is not embedded: %v", name, err))
		}
		sum := sha256.Sum256(raw)
		tag := hex.EncodeToString(sum[:6])
		base, ext := path.Base(name), path.Ext(name)
		file := strings.TrimSuffix(base, ext) + "." + tag + ext
		a := &asset{url: "/assets/" + file, kind: assetKinds[ext], tag: `"` + tag + `"`, raw: raw}
		a.zip = sync.OnceValue(func() []byte { return compress(raw, gzip.BestCompression) })
		byName[base], byURL[file] = a, a
	}
	return byName, byURL
}

// assetURL returns the address of an embedded file.
func assetURL(name string) string { return assets[name].url }

func compress(raw []byte, level int) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, level)
	if err == nil {
		_, err = z.Write(raw)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic("console: compressing in memory: " + err.Error())
	}
	return b.Bytes()
}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	a := assetsByURL[r.PathValue("file")]
	if a == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	a.serve(w, r)
}

func serveFavicon(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=86400")
	assets["mark.svg"].serve(w, r)
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("ETag", a.tag)
	h.Set("Vary", "Accept-Encoding")
	body := a.raw
	if acceptsGzip(r) && r.Header.Get("Range") == "" {
		body = a.zip()
		h.Set("Content-Encoding", "gzip")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.TrimSpace(weight) != "q=0" {
			return true
		}
	}
	return false
}
