package console

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestPicturesOfTheDocs makes the pictures in docs/images of a cluster of 200
// workloads:
//
//	CONSOLE_PICTURES=$PWD/docs/images go test ./console -run TestPicturesOfTheDocs
func TestPicturesOfTheDocs(t *testing.T) {
	folder := os.Getenv("CONSOLE_PICTURES")
	if folder == "" {
		t.Skip("CONSOLE_PICTURES names no folder")
	}
	ctx := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	d := quietDemo(t)
	d.crowd(t)
	server := httptest.NewServer(d)
	defer server.Close()
	workload := "/entities/" + escaped("workload:prod:shop:deployment/checkout")
	for _, p := range []struct {
		name, path, scheme string
		width, height      int64
	}{
		{"map", "/map", "light", 1440, 1480}, {"map-phone", "/map", "dark", 390, 1500},
		{"workload", workload, "light", 1440, 1700}, {"workload-phone", workload, "dark", 390, 1700},
	} {
		features := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: p.scheme}}}
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, features); err != nil {
			t.Fatal(err)
		}
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(p.width, p.height), chromedp.Navigate(server.URL+p.path), chromedp.Sleep(2*time.Second)); err != nil {
			t.Fatal(err)
		}
		shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		raw := smaller(t, shot)
		if len(raw) > 300_000 {
			t.Errorf("%s has %d bytes", p.name, len(raw))
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s.png", p.name)), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// smaller leaves shades out of a picture that nobody sees.
func smaller(t *testing.T, shot []byte) []byte {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	out := image.NewRGBA(img.Bounds())
	coarse := func(v uint32) uint8 { return uint8(min(255, (v>>8+4)/8*8)) }
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			out.Set(x, y, color.RGBA{coarse(r), coarse(g), coarse(b), 255})
		}
	}
	var raw bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&raw, out); err != nil {
		t.Fatal(err)
	}
	return raw.Bytes()
}
