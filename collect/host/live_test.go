package host

import (
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/evenkeel/evenkeel/estate"
)

// These tests look at the machine that they run on.

func newTestHost(t testing.TB, cfg Config) *Host {
	t.Helper()
	h, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// figures are the gathered series by name.
type figures map[string][]*dto.Metric

func gather(t testing.TB, h *Host) figures {
	t.Helper()
	families, err := h.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	f := figures{}
	for _, family := range families {
		f[family.GetName()] = family.Metric
	}
	return f
}

// value returns the one series that has all of the labels, given as name and
// value by turns.
func (f figures) value(name string, labels ...string) (float64, bool) {
	for _, m := range f[name] {
		if hasLabels(m, labels) {
			return m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetUntyped().GetValue(), true
		}
	}
	return 0, false
}

func hasLabels(m *dto.Metric, labels []string) bool {
	for i := 0; i+1 < len(labels); i += 2 {
		if !slices.ContainsFunc(m.Label, func(l *dto.LabelPair) bool {
			return l.GetName() == labels[i] && l.GetValue() == labels[i+1]
		}) {
			return false
		}
	}
	return true
}

// again lets the next look at the processes be a real one.
func (h *Host) again() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.groups.at = h.groups.at.Add(-time.Second)
}

func TestFiguresOfThisMachine(t *testing.T) {
	h := newTestHost(t, Config{})
	// What runs these tests may have started a moment ago; a group is listed
	// once it has lived for a minute.
	h.groups.boot.at -= int64(settles / time.Second)
	gather(t, h)
	h.again()
	f := gather(t, h)
	for _, name := range []string{
		"node_cpu_seconds_total", "node_memory_MemAvailable_bytes", "node_filesystem_avail_bytes", "node_netstat_Tcp_RetransSegs",
		"node_load1", "node_boot_time_seconds", "node_scrape_collector_success", "evenkeel_group_cpu_seconds_total",
		"evenkeel_group_memory_bytes", "evenkeel_host_source_up",
	} {
		if len(f[name]) == 0 {
			t.Errorf("no series %s", name)
		}
	}
	if up, ok := f.value("evenkeel_host_source_up", "source", "node"); !ok || up != 1 {
		t.Errorf("node_exporter's collectors: up is %v, %v: %v", up, ok, h.Sources())
	}
	if n, ok := f.value("evenkeel_group_processes", "group", h.groups.keys[os.Getpid()].name); !ok || n < 1 {
		t.Errorf("this test's own group %v has %v processes", h.groups.keys[os.Getpid()], n)
	}
	total := 0
	for _, series := range f {
		total += len(series)
	}
	if total > 1200 {
		t.Errorf("%d series; they must stay a modest number", total)
	}
	t.Logf("%d series", total)
}

func TestEstateOfThisMachine(t *testing.T) {
	h := newTestHost(t, Config{Name: "here"})
	o, err := h.Observe(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]estate.Entity{}
	for _, e := range o.Entities {
		byID[e.ID] = e
	}
	if e := byID["host:here"]; e.Attributes["kernel"] == "" || e.Attributes["memory"] == "" {
		t.Errorf("the host is %+v", e)
	}
	if !o.Complete || o.Source != "host" {
		t.Errorf("complete is %v, source %q", o.Complete, o.Source)
	}
	for _, r := range o.Relations {
		if byID[r.From].ID == "" || byID[r.To].ID == "" {
			t.Errorf("relation %s %s %s leads nowhere", r.From, r.Kind, r.To)
		}
	}
	for i, c := range o.Changes {
		if (c.Kind == "boot") != (i == 0) || i > 0 && !strings.HasPrefix(c.Kind, "package-") || c.Key == "" || c.Summary == "" {
			t.Errorf("the first look tells %+v, want the boot and what was done to packages", c)
		}
	}
	o, err = h.Observe(t.Context(), time.Now())
	if err != nil || len(o.Changes) != 0 {
		t.Errorf("a second look at once tells %+v, %v", o.Changes, err)
	}
}

func BenchmarkGather(b *testing.B) {
	h := newTestHost(b, Config{})
	gather(b, h)
	b.ReportAllocs()
	for b.Loop() {
		h.again()
		gather(b, h)
	}
}

func BenchmarkObserve(b *testing.B) {
	h := newTestHost(b, Config{})
	gather(b, h)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Observe(b.Context(), time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

// Figures and estate are asked for by different parts at the same time.
func TestLooksAtTheSameTime(t *testing.T) {
	h := newTestHost(t, Config{})
	done := make(chan error, 4)
	for range 2 {
		go func() {
			_, err := h.Gatherer().Gather()
			done <- err
		}()
		go func() {
			_, err := h.Observe(t.Context(), time.Now())
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	h.Close()
	h.Close()
	h.again()
	if up, ok := gather(t, h).value("evenkeel_host_source_up", "source", "kernel-log"); !ok || up != 0 {
		t.Errorf("after Close the kernel's log is up: %v, %v", up, ok)
	}
}
