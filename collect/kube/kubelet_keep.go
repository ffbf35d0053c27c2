package kube

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// What is kept of the kubelets' pages: what mappings, checks and the usual
// dashboards ask for. docs/kubernetes.md has the same list. A kubelet shows
// about ten times as much.
var (
	keepCadvisor = names(`container_cpu_usage_seconds_total container_cpu_cfs_periods_total container_cpu_cfs_throttled_periods_total container_cpu_cfs_throttled_seconds_total
		container_memory_working_set_bytes container_memory_usage_bytes container_memory_rss container_memory_cache container_memory_swap
		container_spec_memory_limit_bytes container_spec_cpu_quota container_spec_cpu_period container_oom_events_total container_start_time_seconds
		container_network_receive_bytes_total container_network_transmit_bytes_total container_network_receive_packets_total container_network_transmit_packets_total
		container_network_receive_packets_dropped_total container_network_transmit_packets_dropped_total container_network_receive_errors_total container_network_transmit_errors_total
		container_fs_reads_total container_fs_writes_total container_fs_reads_bytes_total container_fs_writes_bytes_total container_fs_usage_bytes container_fs_limit_bytes container_fs_inodes_free container_fs_inodes_total
		container_pressure_cpu_waiting_seconds_total container_pressure_cpu_stalled_seconds_total container_pressure_memory_waiting_seconds_total
		container_pressure_memory_stalled_seconds_total container_pressure_io_waiting_seconds_total container_pressure_io_stalled_seconds_total
		machine_cpu_cores machine_memory_bytes`)
	keepResource = names(`node_cpu_usage_seconds_total node_memory_working_set_bytes node_swap_usage_bytes pod_cpu_usage_seconds_total pod_memory_working_set_bytes
		container_cpu_usage_seconds_total container_memory_working_set_bytes container_start_time_seconds resource_scrape_error scrape_error`)
	keepProbes = names(`prober_probe_total`)
	// Of the kubelet's histograms only the sum and the count: the mean tells
	// what goes slowly, and costs two series instead of fifteen.
	keepKubelet = names(`kubelet_volume_stats_available_bytes kubelet_volume_stats_capacity_bytes kubelet_volume_stats_used_bytes
		kubelet_volume_stats_inodes kubelet_volume_stats_inodes_free kubelet_volume_stats_inodes_used kubelet_volume_stats_health_status_abnormal
		kubelet_pleg_relist_duration_seconds_sum kubelet_pleg_relist_duration_seconds_count kubelet_pleg_last_seen_seconds
		kubelet_runtime_operations_total kubelet_runtime_operations_errors_total kubelet_runtime_operations_duration_seconds_sum kubelet_runtime_operations_duration_seconds_count
		kubelet_certificate_manager_client_ttl_seconds kubelet_certificate_manager_client_expiration_renew_errors
		kubelet_certificate_manager_server_ttl_seconds kubelet_server_expiration_renew_errors
		kubelet_pod_start_duration_seconds_sum kubelet_pod_start_duration_seconds_count kubelet_evictions kubelet_running_pods
		storage_operation_duration_seconds_sum storage_operation_duration_seconds_count storage_operation_errors_total
		csi_operations_seconds_sum csi_operations_seconds_count`)
	// dropLabels change with each start of a container or a node, or say again
	// what namespace, pod and container say.
	dropLabels = names(`id name pod_uid machine_id boot_id system_uuid`)
)

func names(text string) map[string]bool {
	out := map[string]bool{}
	for _, name := range strings.Fields(text) {
		out[name] = true
	}
	return out
}

// maxPage bounds what is read of one page of a kubelet, in bytes.
const maxPage = 64 << 20

var errPageTooLarge = fmt.Errorf("the page is larger than %d MB", maxPage>>20)

// readPage reads series in Prometheus' text format and keeps those that have a
// name of keep.
func readPage(from io.Reader, keep map[string]bool) ([]*dto.MetricFamily, error) {
	families, err := readLines(from, func(line []byte) bool { return keep[nameOf(line)] })
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(families, func(f *dto.MetricFamily) bool {
		f.Metric = lean(f)
		return len(f.Metric) == 0
	}), nil
}

// readLines reads series in Prometheus' text format. Lines that are not wanted
// are never parsed.
func readLines(from io.Reader, wants func(line []byte) bool) ([]*dto.MetricFamily, error) {
	limited := &io.LimitedReader{R: from, N: maxPage}
	lines := bufio.NewReaderSize(limited, 64<<10)
	var kept bytes.Buffer
	for {
		line, err := lines.ReadSlice('\n')
		wanted := wants(line)
		if wanted {
			kept.Write(line)
		}
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a long line
			line, err = lines.ReadSlice('\n')
			if wanted {
				kept.Write(line)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if limited.N == 0 {
		return nil, errPageTooLarge
	}
	kept.WriteByte('\n')
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(&kept)
	if err != nil {
		return nil, fmt.Errorf("it is no page of figures: %w", err)
	}
	out := make([]*dto.MetricFamily, 0, len(families))
	for _, name := range slices.Sorted(maps.Keys(families)) {
		out = append(out, families[name])
	}
	return out, nil
}

// nameOf is the metric that a line is about; empty for a line about none.
func nameOf(line []byte) string {
	if rest, ok := bytes.CutPrefix(line, []byte("# ")); ok {
		if _, rest, ok = bytes.Cut(rest, []byte(" ")); !ok {
			return ""
		}
		line = rest
	}
	if end := bytes.IndexAny(line, "{ \n\t"); end > 0 {
		return string(line[:end])
	}
	return ""
}

// lean drops series of cgroups that belong to no pod, the node's own aside, and
// labels that say nothing more. Where two series become one by it, because a
// container was just started anew, the younger one counts: its counters are
// smaller.
func lean(f *dto.MetricFamily) []*dto.Metric {
	out, at := f.Metric[:0], map[string]int{}
	for _, m := range f.Metric {
		var id, pod string
		kept := make([]*dto.LabelPair, 0, len(m.Label))
		var key strings.Builder
		for _, l := range m.Label {
			switch l.GetName() {
			case "id":
				id = l.GetValue()
			case "pod":
				pod = l.GetValue()
			}
			if !dropLabels[l.GetName()] && l.GetValue() != "" {
				kept = append(kept, l)
				key.WriteString(l.GetName() + "\xff" + l.GetValue() + "\xff")
			}
		}
		if id != "" && id != "/" && pod == "" {
			continue
		}
		m.Label = kept
		if n, twice := at[key.String()]; twice {
			if number := m.GetCounter().GetValue() - out[n].GetCounter().GetValue() - (m.GetGauge().GetValue() - out[n].GetGauge().GetValue()); number < 0 {
				out[n] = m
			}
			continue
		}
		at[key.String()] = len(out)
		out = append(out, m)
	}
	return out
}
