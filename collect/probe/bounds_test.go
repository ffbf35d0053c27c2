package probe

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Many rounds of every kind that can go wrong leave nothing behind.
func TestRoundsLeaveNothingBehind(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		junk := strings.Repeat("j", 64<<10)
		for {
			if _, err := io.WriteString(w, junk); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, r *http.Request) {
		for i := range 200 {
			w.Header().Set("X-"+string(rune('a'+i%26))+strings.Repeat("b", i), strings.Repeat("h", 4<<10))
		}
	})
	mux.HandleFunc("/hang", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = quietLog()
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()

	ask := func(path string, e HTTPExpect) Round {
		return once(t, Spec{Type: HTTP, Target: server.URL + path, Timeout: 500 * time.Millisecond, TLS: TLSSpec{Trust: TrustAny}, HTTP: HTTPSpec{Expect: e}})
	}
	want(t, ask("/ok", HTTPExpect{Body: "^HTTP/2.0$"}), Up, "")
	want(t, ask("/headers", HTTPExpect{}), Down, ReasonProtocol)
	want(t, ask("/endless", HTTPExpect{Body: "k"}), Down, ReasonBody, "the first MiB of the body")

	var before, after runtime.MemStats
	settle := func(m *runtime.MemStats) int {
		runtime.GC()
		runtime.ReadMemStats(m)
		return runtime.NumGoroutine()
	}
	goroutines := settle(&before)
	for range 15 {
		ask("/ok", HTTPExpect{})
		ask("/endless", HTTPExpect{Body: "j"})
		ask("/endless", HTTPExpect{})
		ask("/headers", HTTPExpect{})
	}
	ask("/hang", HTTPExpect{})
	server.CloseClientConnections()
	var left int
	for range 100 {
		if left = settle(&after); left <= goroutines+5 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if left > goroutines+5 {
		t.Errorf("%d goroutines before, %d after", goroutines, left)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
}

func BenchmarkHTTPRound(b *testing.B) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	benchmark(b, Spec{Name: "p", Type: HTTP, Target: server.URL})
}

func BenchmarkHTTPSRound(b *testing.B) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	benchmark(b, Spec{Name: "p", Type: HTTP, Target: server.URL, TLS: TLSSpec{Trust: TrustAny}})
}

func benchmark(b *testing.B, s Spec) {
	s.HTTP.Expect.Status = []StatusRange{{200, 499}}
	s.setDefaults()
	c, err := newCheck(s)
	if err != nil {
		b.Fatal(err)
	}
	p := &Prober{}
	b.ReportAllocs()
	for b.Loop() {
		if r := p.ask(b.Context(), &running{spec: s, check: c}); r.Outcome != Up {
			b.Fatal(r.Message)
		}
	}
}
