package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// kept is a sink that keeps what it is told, and may fail.
type kept struct {
	mu       sync.Mutex
	fail     bool
	entities map[string]estate.Entity
	wholes   int
}

func (k *kept) Observe(_ context.Context, o estate.Observation) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail {
		return errors.New("the disk is full")
	}
	if o.Complete {
		k.entities, k.wholes = map[string]estate.Entity{}, k.wholes+1
	}
	for _, e := range o.Entities {
		k.entities[e.ID] = e
	}
	for _, id := range o.Gone {
		delete(k.entities, id)
	}
	return nil
}

func (k *kept) attribute(id, key string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.entities[id].Attributes[key]
}

// told is how often it was told of the whole.
func (k *kept) told() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.wholes
}

// faulty is an API server of one namespace with a hundred pods in pages of
// ten, that refuses at first, and knows nothing else.
type faulty struct {
	mu       sync.Mutex
	asked    map[string]int
	tooMany  int // so many requests for pods are answered with 429
	denied   int // and so many with 403
	stale    bool
	vanished bool // half of the pods
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[r.URL.Path]++
	say := func(code int, format string, args ...any) {
		w.WriteHeader(code)
		fmt.Fprintf(w, format, args...)
	}
	watching := r.URL.Query().Get("watch") != ""
	switch r.URL.Path {
	case "/version":
		say(200, `{"gitVersion":"v1.0.0"}`)
	case "/api/v1/secrets":
		say(403, `{"message":"secrets is forbidden"}`)
	case "/api/v1/pods":
		if f.tooMany > 0 {
			f.tooMany--
			w.Header().Set("Retry-After", "1")
			say(429, `{"message":"too many requests"}`)
			return
		}
		if f.denied > 0 {
			f.denied--
			say(403, `{"message":"pods is forbidden: RBAC: clusterrole not found"}`)
			return
		}
		if watching {
			if f.stale {
				f.stale = false
				f.vanished = true
				say(200, `{"type":"ERROR","object":{"code":410,"message":"too old"}}`)
				return
			}
			say(200, `{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}`)
			w.(http.Flusher).Flush()
			f.mu.Unlock()
			<-r.Context().Done()
			f.mu.Lock()
			return
		}
		first := 0
		fmt.Sscan(r.URL.Query().Get("continue"), &first)
		var items []string
		for i := first; i < first+10; i++ {
			if !f.vanished || i%2 == 0 {
				items = append(items, fmt.Sprintf(`{"metadata":{"name":"p%d","namespace":"shop","resourceVersion":"1"},"status":{"phase":"Running"}}`, i))
			}
		}
		next := ""
		if first < 90 {
			next = fmt.Sprint(first + 10)
		}
		say(200, `{"metadata":{"resourceVersion":"5","continue":%q},"items":[%s]}`, next, strings.Join(items, ","))
	default:
		say(404, `{}`)
	}
}

func TestRefusalsAreTakenAsTheyAreMeant(t *testing.T) {
	f := &faulty{asked: map[string]int{}, tooMany: 2}
	server := httptest.NewServer(f)
	defer server.CloseClientConnections()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: x, cluster: {server: %q}}]\nusers: [{name: x, user: {}}]\ncontexts: [{name: x, context: {cluster: x, user: x}}]\ncurrent-context: x\n", server.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sink := &kept{entities: map[string]estate.Entity{}, fail: true}
	w, err := New(Config{Name: "x", Kubeconfig: file}, Options{Tenant: "t", Sink: sink, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	await := func(what string, is func() bool) {
		t.Helper()
		for range 750 {
			if is() {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Fatalf("%s: not so; %v", what, w.Health())
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	await("the waiting of Retry-After", func() bool { return w.Stats().Refused == 2 })
	await("all pods are there", func() bool { return w.Stats().Objects == 100 })
	sink.mu.Lock()
	sink.fail = false // what could not be stored is told again
	sink.mu.Unlock()
	await("the sink is told of the whole", func() bool { return sink.attribute("pod:x:shop:p99", "phase") == "Running" })
	await("what is denied is named", func() bool { return sink.attribute("kubernetes-cluster:x", "unreadable") == "secrets" })
	if got := sink.attribute("kubernetes-cluster:x", "reachable"); got != "true" {
		t.Errorf("reachable is %q", got)
	}
	if err := w.Health(); err == nil || !strings.Contains(err.Error(), "secrets") {
		t.Errorf("health: %v", err)
	}
	// A watch that is too old is listed anew; what is not there any more goes,
	// and what stayed is not told of again.
	f.mu.Lock()
	f.stale = true
	f.mu.Unlock()
	server.CloseClientConnections()
	await("half of the pods have gone", func() bool { return sink.attribute("pod:x:shop:p1", "phase") == "" })
	if got := w.Stats().Objects; got != 50 || sink.attribute("pod:x:shop:p2", "phase") != "Running" || sink.told() != 1 {
		t.Errorf("%d objects are left, told whole %d times", got, sink.told())
	}
	// A server that has just started denies what it allows a moment later.
	f.mu.Lock()
	f.denied = 3
	f.mu.Unlock()
	server.CloseClientConnections()
	await("the pods are denied", func() bool { return strings.Contains(sink.attribute("kubernetes-cluster:x", "unreadable"), "pods") })
	await("they can be read again", func() bool {
		return sink.attribute("kubernetes-cluster:x", "unreadable") == "secrets" && sink.attribute("pod:x:shop:p2", "phase") == "Running"
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	for path, n := range f.asked {
		if path != "/api/v1/pods" && path != "/version" && n > 2 {
			t.Errorf("%s was asked for %d times, although the answer was no", path, n)
		}
	}
}
