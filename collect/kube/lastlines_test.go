package kube

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// logAPI is an API server with pods that end, and their logs.
type logAPI struct {
	fakeAPI
	events chan string // what a watch of pods tells

	logs   sync.Mutex
	log    map[string]func(w http.ResponseWriter, r *http.Request) // by pod
	asks   map[string][]string                                     // queries, by pod
	atOnce int
	most   int
}

func (f *logAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, isLog := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/api/v1/namespaces/shop/pods/"), "/log")
	switch {
	case isLog:
		f.logs.Lock()
		f.asks[name] = append(f.asks[name], r.URL.RawQuery)
		f.atOnce++
		f.most = max(f.most, f.atOnce)
		say := f.log[name]
		f.logs.Unlock()
		if say != nil {
			say(w, r)
		} else {
			fmt.Fprintf(w, "the log of %s\n", name)
		}
		f.logs.Lock()
		f.atOnce--
		f.logs.Unlock()
	case r.URL.Path == "/api/v1/pods" && r.URL.Query().Get("watch") != "":
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		for {
			select {
			case <-r.Context().Done():
				return
			case e := <-f.events:
				fmt.Fprintln(w, e)
				w.(http.Flusher).Flush()
			}
		}
	default:
		f.fakeAPI.ServeHTTP(w, r)
	}
}

func (f *logAPI) asked(pod string) []string {
	f.logs.Lock()
	defer f.logs.Unlock()
	return f.asks[pod]
}

// ending is a pod of one container, which has been restarted so often.
func ending(name string, restarts int, status string) string {
	return fmt.Sprintf(`{"metadata":{"namespace":"shop","name":%q,"uid":%q,"resourceVersion":"%d","ownerReferences":[{"kind":"ReplicaSet","name":"of-%[1]s","controller":true}]},"spec":{"containers":[{"name":"app"}]},"status":{"phase":"Running","containerStatuses":[{"name":"app","restartCount":%[4]d,%s}]}}`, name, name, 10+restarts, restarts, status)
}

const (
	loops   = `"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":3,"reason":"Error","finishedAt":"2026-03-01T03:00:00Z"}}`
	killed  = `"state":{"running":{}},"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled","finishedAt":"2026-03-01T03:00:00Z"}}`
	forGood = `"state":{"terminated":{"exitCode":137,"reason":"OOMKilled","finishedAt":"2026-03-01T03:00:00Z"}},"lastState":{}`
	stopped = `"state":{"running":{}},"lastState":{"terminated":{"exitCode":1,"reason":"Error","finishedAt":"2026-03-01T03:00:00Z"}}`
)

func decodedPod(t *testing.T, text string) *pod {
	t.Helper()
	o, err := decodePod([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o.(*pod)
}

func watchLogs(t *testing.T, f *logAPI, every time.Duration, pods ...string) *Watcher {
	t.Helper()
	f.objects, f.fakeAPI.asked = map[string][]string{"/api/v1/pods": pods}, map[string]int{}
	f.asks, f.events = map[string][]string{}, make(chan string, 10)
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	x := &figuresOf{T: t}
	var err error
	if x.w, err = New(Config{Name: "c", Kubeconfig: kubeconfig(t, server.URL), QPS: 1000, Burst: 1000}, Options{Tenant: "t", Sink: &kept{}, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	x.w.last.within, x.w.last.every = time.Second, every
	x.run(x.w.Run)
	return x.w
}

func awaitLines(t *testing.T, w *Watcher, pod string, is func(l LastLines) bool) LastLines {
	t.Helper()
	var got []LastLines
	for range 500 {
		if got = w.LastLines("pod:c:shop:" + pod); len(got) == 1 && is(got[0]) {
			return got[0]
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("the last lines of %s: %+v", pod, got)
	return LastLines{}
}

func TestTheLastLinesOfWhatCrashesAreRead(t *testing.T) {
	f := &logAPI{log: map[string]func(http.ResponseWriter, *http.Request){
		"web": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "\x1b[31mconnecting\x1b[0m to postgres://shop:hunter2@db/orders\r\n\r\nfatal: no such host\n")
		},
		"none": func(http.ResponseWriter, *http.Request) {},
		"slow": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"gone": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(400)
			fmt.Fprint(w, `{"message":"previous terminated container \"app\" in pod \"gone\" not found; token=abcdef"}`)
		},
		"huge": func(w http.ResponseWriter, r *http.Request) {
			for i := range 100_000 {
				if _, err := fmt.Fprintf(w, "line %d %s\n", i, strings.Repeat("x", 500)); err != nil {
					return
				}
			}
		},
		"binary": func(w http.ResponseWriter, r *http.Request) {
			b := make([]byte, 4000)
			for i := range b {
				b[i] = byte(i * 7)
			}
			w.Write(b)
		},
	}}
	w := watchLogs(t, f, time.Hour, ending("web", 5, loops), ending("none", 5, loops), ending("slow", 5, loops), ending("gone", 5, loops), ending("huge", 5, loops),
		ending("binary", 5, loops), ending("oom", 1, killed), ending("job", 0, forGood), ending("fine", 1, stopped))
	got := awaitLines(t, w, "web", func(l LastLines) bool { return len(l.Lines) > 0 })
	if fmt.Sprint(got) != fmt.Sprint(LastLines{Pod: "shop/web", Container: "app", Reason: "Error", Code: 3, At: t0, Lines: []string{"connecting to postgres://shop:[masked]@db/orders", "fatal: no such host"}}) {
		t.Errorf("the last lines: %+v", got)
	}
	if q := f.asked("web")[0]; q != "container=app&limitBytes=16384&previous=true&tailLines=20" {
		t.Errorf("asked for %s", q)
	}
	for pod, lack := range map[string]string{"none": "wrote nothing before it ended", "slow": "did not answer within 1s", "gone": "not found; token=[masked]"} {
		if l := awaitLines(t, w, pod, func(l LastLines) bool { return l.Lack != "" }); len(l.Lines) > 0 || !strings.Contains(l.Lack, lack) {
			t.Errorf("%s: %+v", pod, l)
		}
	}
	for _, pod := range []string{"huge", "binary", "oom", "job"} {
		l := awaitLines(t, w, pod, func(l LastLines) bool { return len(l.Lines) > 0 })
		if len(l.Lines) > lastAsked {
			t.Errorf("%s: %d lines", pod, len(l.Lines))
		}
		for _, line := range l.Lines {
			if !utf8.ValidString(line) || utf8.RuneCountInString(line) > lastRunes+1 || strings.ContainsFunc(line, unicode.IsControl) {
				t.Errorf("%s: a line that cannot be shown: %q", pod, line)
			}
		}
	}
	if q := f.asked("job")[0]; !strings.Contains(q, "previous=false") {
		t.Errorf("of a container that was not started again, the run before was asked for: %s", q)
	}
	if q := f.asked("fine"); len(q) > 0 || len(w.LastLines("pod:c:shop:fine")) > 0 {
		t.Errorf("a container that runs again was asked for: %v", q)
	}
	if f.most > lastAtOnce {
		t.Errorf("%d were asked for at once", f.most)
	}
	// What is told again with no new ending is not asked for again; a pod that is
	// gone is forgotten.
	f.events <- `{"type":"DELETED","object":` + ending("oom", 1, killed) + `}`
	f.events <- `{"type":"MODIFIED","object":` + ending("web", 6, loops) + `}`
	for range 100 {
		if len(w.LastLines("pod:c:shop:oom")) == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(4 * lookEvery)
	if n := len(w.LastLines("pod:c:shop:oom")); n > 0 {
		t.Error("the lines of a pod that is gone are kept")
	}
	if n := len(f.asked("web")); n != 1 {
		t.Errorf("web was asked for %d times within the hour", n)
	}
}

func TestEachEndingIsReadOnce(t *testing.T) {
	f := &logAPI{}
	w := watchLogs(t, f, time.Millisecond, ending("web", 5, loops))
	awaitLines(t, w, "web", func(l LastLines) bool { return len(l.Lines) > 0 })
	time.Sleep(4 * lookEvery)
	if n := len(f.asked("web")); n != 1 {
		t.Fatalf("one ending was asked for %d times", n)
	}
	f.events <- `{"type":"MODIFIED","object":` + ending("web", 6, strings.Replace(loops, `"exitCode":3`, `"exitCode":4`, 1)) + `}`
	awaitLines(t, w, "web", func(l LastLines) bool { return l.Code == 4 })
	if n := len(f.asked("web")); n != 2 {
		t.Errorf("two endings were asked for %d times", n)
	}
}

// TestLogsThatMayNotBeRead: it is said which right would allow it, and not
// asked for again and again.
func TestLogsThatMayNotBeRead(t *testing.T) {
	deny := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(403)
		fmt.Fprint(w, `{"message":"pods \"web\" is forbidden: User \"x\" cannot get resource \"pods/log\""}`)
	}
	f := &logAPI{log: map[string]func(http.ResponseWriter, *http.Request){"web": deny, "db": deny}}
	w := watchLogs(t, f, time.Millisecond, ending("web", 5, loops))
	if l := awaitLines(t, w, "web", func(l LastLines) bool { return l.Lack != "" }); l.Lack != lastDenied {
		t.Errorf("told: %+v", l)
	}
	f.events <- `{"type":"ADDED","object":` + ending("db", 5, loops) + `}`
	f.events <- `{"type":"MODIFIED","object":` + ending("web", 6, loops) + `}`
	if l := awaitLines(t, w, "db", func(l LastLines) bool { return l.Lack != "" }); l.Lack != lastDenied {
		t.Errorf("told: %+v", l)
	}
	time.Sleep(4 * lookEvery)
	if a, b := len(f.asked("web")), len(f.asked("db")); a != 1 || b != 0 {
		t.Errorf("asked %d and %d times for what is denied", a, b)
	}
	if err := w.Health(); err != nil && strings.Contains(err.Error(), "log") {
		t.Errorf("an optional right is missed: %v", err)
	}
}

func TestTheLinesThatAreKeptAreBounded(t *testing.T) {
	l := newLastWords()
	for i := range 2 * maxEnded {
		o := decodedPod(t, ending(fmt.Sprintf("web-%d", i), 5, loops))
		if i < 100 {
			o.Owners[0].Name = "web" // all of one workload
		}
		l.saw("pod:c:shop:"+o.Name, o, t0)
	}
	if l.kept != maxEnded || len(l.of) != maxEnded {
		t.Errorf("%d and %d are kept", l.kept, len(l.of))
	}
	n := 0
	for _, containers := range l.of {
		if containers["app"].by == "shop/web" {
			n++
		}
	}
	if n != maxEndedOf {
		t.Errorf("%d of one workload are kept", n)
	}
	w := &Watcher{last: l, state: newState("c")}
	if got := w.LastLines("pod:c:shop:other"); len(got) != 1 || !strings.Contains(got[0].Lack, "256 other containers") {
		t.Errorf("that there was no room is not said: %+v", got)
	}
	// What runs again is forgotten in time.
	for id := range l.of {
		l.saw(id, decodedPod(t, ending(strings.TrimPrefix(id, "pod:c:shop:"), 5, stopped)), t0)
	}
	l.due(t0.Add(lastKept+time.Second), 1)
	for range maxEnded {
		l.due(t0.Add(lastKept+time.Second), lastAtOnce)
	}
	if l.kept != 0 || len(l.of) != 0 {
		t.Errorf("%d and %d are kept though they run again", l.kept, len(l.of))
	}
}

func FuzzWhatAContainerWroteCanBeShown(f *testing.F) {
	f.Add([]byte("a\x1b[31mb\x00\xffc\r\n\x1b]0;title\x07d\u202ee"))
	f.Add([]byte("pass\x1b[0mword=hunter2 pa\u200bssword=hunter2"))
	f.Fuzz(func(t *testing.T, written []byte) {
		lines := tidyLines(written)
		if len(lines) > lastAsked {
			t.Errorf("%d lines", len(lines))
		}
		for _, line := range lines {
			if !utf8.ValidString(line) || utf8.RuneCountInString(line) > lastRunes+1 || strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) || line == "" {
				t.Errorf("a line that cannot be shown: %q", line)
			}
		}
	})
}

// TestNothingHidesASecret: what is between the letters of a name or of a secret
// goes before it is looked for, and a line is cut after.
func TestNothingHidesASecret(t *testing.T) {
	for _, text := range []string{"pass\x1b[0mword=hunter2", "pa\u200bssword=hunter2", "password=\x1b[1mhun\x00ter2", "password=hun\xffter2", "token\x00: hunter2",
		strings.Repeat("y", lastRunes-12) + " password=" + "hunter2"} {
		if got := strings.Join(tidyLines([]byte(text)), "\n"); strings.Contains(got, "hun") || strings.Contains(got, "ter2") {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}
