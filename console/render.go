package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/a-h/templ"

	"github.com/evenkeel/evenkeel/access"
)

// shell is what every page has around its content.
type shell struct {
	Title    string
	Section  string // path of the section that is open
	Sections []section
	Actor    access.Actor
	Version  string
}

var (
	buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	zippers = sync.Pool{New: func() any {
		z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
		if err != nil {
			panic(err) // the level is a constant
		}
		return z
	}}
)

// render writes a whole page. It is made in memory first, so that a failure
// half way is an error page and not half a page.
func (c *Console) render(w http.ResponseWriter, r *http.Request, status int, title, open string, content templ.Component) error {
	s := shell{Title: title, Section: open, Sections: c.sections(), Actor: c.actor(r), Version: c.opt.Version}
	return c.write(w, r, status, page(s, content))
}

// sections are those whose service is there.
func (c *Console) sections() []section {
	if c.Incidents != nil {
		return sections
	}
	return slices.DeleteFunc(slices.Clone(sections), func(x section) bool { return x.Path == "/incidents" })
}

// write writes a component, compressed where the browser takes it.
func (c *Console) write(w http.ResponseWriter, r *http.Request, status int, content templ.Component) error {
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	if err := content.Render(r.Context(), b); err != nil {
		return fmt.Errorf("rendering: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "private, no-cache")
	h.Add("Vary", "Accept-Encoding, HX-Request")
	if status == http.StatusOK && r.Method == http.MethodGet {
		sum := sha256.Sum256(b.Bytes())
		tag := `W/"` + hex.EncodeToString(sum[:8]) + `"`
		h.Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	// Once the head is sent, a failure means that the browser has left: there
	// is nobody to tell.
	if !acceptsGzip(r) || b.Len() < 1400 {
		w.WriteHeader(status)
		_, _ = w.Write(b.Bytes())
		return nil
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(w)
	_, _ = z.Write(b.Bytes())
	_ = z.Close()
	return nil
}
