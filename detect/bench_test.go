package detect

import (
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/evenkeel/evenkeel/metric/tsdb"
)

// machines writes what n machines with their usual figures send in 10 minutes
// into the embedded engine: some 400 series each.
func machines(b *testing.B, n int) *tsdb.DB {
	b.Helper()
	db, err := tsdb.Open(tsdb.Config{Dir: b.TempDir()}, slog.New(slog.NewTextHandler(io.Discard, nil)), prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	var all []labels.Labels
	for host := range n {
		add := func(name string, pairs ...string) {
			all = append(all, labels.FromStrings(append([]string{"__name__", name, "job", "host", "instance", fmt.Sprintf("web-%d", host)}, pairs...)...))
		}
		add("up")
		for _, name := range []string{
			"node_memory_MemTotal_bytes", "node_memory_MemAvailable_bytes", "node_vmstat_pgmajfault", "node_vmstat_pswpin", "node_vmstat_pswpout",
			"node_vmstat_oom_kill", "node_netstat_Tcp_OutSegs", "node_netstat_Tcp_RetransSegs", "node_netstat_TcpExt_ListenOverflows",
			"node_nf_conntrack_entries", "node_nf_conntrack_entries_limit", "node_timex_sync_status", "node_timex_offset_seconds",
			"node_filefd_allocated", "node_filefd_maximum",
		} {
			add(name)
		}
		for cpu := range 2 {
			for _, mode := range []string{"idle", "iowait", "user", "system", "steal", "nice", "irq", "softirq"} {
				add("node_cpu_seconds_total", "cpu", fmt.Sprint(cpu), "mode", mode)
			}
			add("node_schedstat_waiting_seconds_total", "cpu", fmt.Sprint(cpu))
		}
		for _, resource := range []string{"cpu", "memory", "io"} {
			add("evenkeel_pressure_share", "resource", resource, "kind", "some")
			add("evenkeel_pressure_share", "resource", resource, "kind", "full")
		}
		for g := range 20 {
			for _, name := range []string{"cpu_seconds_total", "cpu_delay_seconds_total", "io_delay_seconds_total", "memory_bytes", "read_bytes_total", "written_bytes_total", "uninterruptible", "zombies", "open_fds_ratio", "starts_total", "oom_kills_total"} {
				add("evenkeel_group_"+name, "group", fmt.Sprintf("program-%d", g), "kind", "unit")
			}
		}
		for d := range 2 {
			device := fmt.Sprintf("sd%c", 'a'+d)
			for _, name := range []string{"reads_completed_total", "writes_completed_total", "read_time_seconds_total", "write_time_seconds_total", "io_time_seconds_total", "io_time_weighted_seconds_total", "read_bytes_total", "written_bytes_total"} {
				add("node_disk_"+name, "device", device)
			}
			for _, name := range []string{"avail_bytes", "size_bytes", "files", "files_free", "readonly"} {
				add("node_filesystem_"+name, "device", "/dev/"+device, "mountpoint", "/"+device, "fstype", "ext4")
			}
			for _, name := range []string{"receive_bytes", "transmit_bytes", "receive_packets", "transmit_packets", "receive_drop", "transmit_drop", "receive_errs", "transmit_errs"} {
				add("node_network_"+name+"_total", "device", fmt.Sprintf("eth%d", d))
			}
		}
		for u := range 30 {
			add("node_systemd_unit_state", "name", fmt.Sprintf("unit-%d.service", u), "state", "failed")
		}
		for l := range 8 {
			add("evenkeel_listen_queue_length", "listener", fmt.Sprintf("tcp/%d", 8000+l), "group", "program-1")
			add("evenkeel_listen_queue_limit", "listener", fmt.Sprintf("tcp/%d", 8000+l), "group", "program-1")
			for _, name := range []string{"up", "duration_seconds", "first_up_timestamp_seconds"} {
				add("evenkeel_probe_"+name, "probe", fmt.Sprintf("probe-%d-%d", host, l), "type", "http", "target", "http://127.0.0.1/")
			}
		}
		for _, source := range []string{"groups", "kmsg", "pressure", "tcp"} {
			add("evenkeel_host_source_up", "source", source)
		}
	}
	app := db.Storage().AppenderV2(b.Context())
	for i := range 40 {
		for _, l := range all {
			if _, err := app.Append(0, l, 0, start.Add(time.Duration(i)*step).UnixMilli(), float64(i)*0.01, nil, nil, storage.AOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := app.Commit(); err != nil {
		b.Fatal(err)
	}
	return db
}

// BenchmarkRound is a round over one machine, and over fifty, in the embedded
// engine. Each round is 15 s after the one before, as in life, so that signals
// that are read less often are.
func BenchmarkRound(b *testing.B) {
	for _, n := range []int{1, 50} {
		b.Run(fmt.Sprintf("hosts=%d", n), func(b *testing.B) {
			db := machines(b, n)
			c := loadCatalogue(b)
			engine := New(c, Defaults())
			at := start.Add(9 * time.Minute)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				// Over and over the same minute of figures, so that there are some.
				now := at.Add(time.Duration(i%4) * step)
				result, err := engine.Round(b.Context(), Env{Tenant: "default", Environment: "test", Querier: db}, now)
				if err != nil || result.Entities == 0 {
					b.Fatalf("%d entities, %v", result.Entities, err)
				}
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		loadCatalogue(b)
	}
}
