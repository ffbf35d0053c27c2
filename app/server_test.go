package app

import (
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/config"
)

func TestOtherMachinesAreServedOnlyOverTLSOrOnPurpose(t *testing.T) {
	for _, c := range []struct {
		listen string
		plain  bool
		want   string // part of the error; empty for none
	}{
		{"127.0.0.1:0", false, ""},
		{"localhost:0", false, ""},
		{"[::1]:0", false, ""},
		{"0.0.0.0:0", false, "in the clear"},
		{":0", false, "in the clear"},
		{"0.0.0.0:0", true, ""},
		{"nonsense", false, "not an address"},
	} {
		cfg := config.Default()
		cfg.Listen, cfg.AllowPlainHTTP = c.listen, c.plain
		l, url, err := listen(t.Context(), cfg)
		if err == nil {
			l.Close()
		}
		if c.listen == "[::1]:0" && err != nil && !strings.Contains(err.Error(), "in the clear") {
			continue // a machine without IPv6
		}
		if c.want == "" && (err != nil || !strings.HasPrefix(url, "http://")) {
			t.Errorf("%q plain=%v: url %q, %v", c.listen, c.plain, url, err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q plain=%v: got %v, want an error with %q", c.listen, c.plain, err, c.want)
		}
	}
}

func TestAPortInUseNamesTheRemedy(t *testing.T) {
	cfg := config.Default()
	cfg.Listen = "127.0.0.1:0"
	l, url, err := listen(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg.Listen = strings.TrimPrefix(url, "http://")
	if _, _, err = listen(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("got %v", err)
	}
}
