package kube

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// What happened to some objects is told with the latest first, however the
// cluster writes the time; a refusal is told as one.
func TestWhatHappenedIsAskedOfTheCluster(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/namespaces/shop/events" || r.URL.Query().Get("limit") == "" {
			http.Error(w, `{"message":"no"}`, http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `{"items":[
			{"involvedObject":{"kind":"Pod","name":"web-1"},"reason":"BackOff","message":"back-off","type":"Warning","count":41,"lastTimestamp":"2026-03-01T02:50:00Z"},
			{"involvedObject":{"kind":"Pod","name":"web-1"},"reason":"Pulled","message":"pulled","type":"Normal","eventTime":"2026-03-01T02:55:00.123456Z","lastTimestamp":null,"series":{"count":3,"lastObservedTime":"2026-03-01T02:58:00.123456Z"}},
			{"involvedObject":{"kind":"Pod","name":"other"},"reason":"BackOff","type":"Warning","lastTimestamp":"2026-03-01T02:59:00Z"},
			{"involvedObject":{"kind":"Pod","name":"web-2"},"reason":"NoTime","type":"Warning"}]}`)
	}))
	defer server.Close()
	base, _ := url.Parse(server.URL)
	w := &Watcher{client: &client{http: server.Client(), base: base, limit: rate.NewLimiter(rate.Inf, 1)}}
	ours := func(kind, name string) bool { return kind == "Pod" && strings.HasPrefix(name, "web-") }
	list, err := w.Happened(t.Context(), "shop", ours)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	if e := list[0]; e.Reason != "Pulled" || e.Warning || e.Count != 3 || !e.At.Equal(time.Date(2026, 3, 1, 2, 58, 0, 123456000, time.UTC)) {
		t.Errorf("the latest is %+v", e)
	}
	if e := list[1]; e.Reason != "BackOff" || !e.Warning || e.Count != 41 {
		t.Errorf("before it, %+v", e)
	}
	if _, err := w.Happened(t.Context(), "away", ours); !errors.Is(err, ErrDenied) {
		t.Errorf("a refusal is told as %v", err)
	}
}
