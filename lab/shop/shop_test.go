package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/config"
	"github.com/evenkeel/evenkeel/lab"
)

// expected are series that each job must show, as OpenTelemetry's conventions
// and the exporters name them.
var expected = map[string][]string{
	"front": {`http_server_request_duration_seconds_bucket{http_request_method="POST",http_response_status_code="200",http_route="/orders",url_scheme="http",le="0.25"}`,
		`http_client_request_duration_seconds_count{error_type="",http_request_method="POST",http_response_status_code="200",server_address="checkout",server_port="8080"}`,
		`http_client_request_duration_seconds_count{error_type="",http_request_method="GET",http_response_status_code="200",server_address="search",server_port="8080"}`,
		`dns_lookup_duration_seconds_count{dns_question_name="catalogue.shop.example",error_type=""}`,
		`target_info{deployment_environment_name="lab",service_name="front",service_version="1.0.0"}`, `process_resident_memory_bytes`, `go_goroutines`},
	"checkout": {`http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_code="200",http_route="/orders",url_scheme="https"}`,
		`http_client_request_duration_seconds_count{error_type="",http_request_method="POST",http_response_status_code="200",server_address="bank",server_port="8080"}`,
		`db_client_operation_duration_seconds_count{db_collection_name="orders",db_operation_name="INSERT",db_system_name="postgresql",error_type="",server_address="127.23.0.30",server_port="5432"}`,
		`db_client_connection_count{db_client_connection_pool_name="127.23.0.30:5432",db_client_connection_state="used"}`, `db_client_connection_max`, `db_client_connection_wait_time_seconds_count`},
	"catalogue":        {`shop_cache_requests_total{result="miss"}`, `db_client_operation_duration_seconds_count{db_collection_name="",db_operation_name="GET",db_system_name="redis"`},
	"search":           {`db_client_operation_duration_seconds_count{db_collection_name="items",db_operation_name="SELECT",db_system_name="postgresql",error_type="",server_address="127.23.0.31"`},
	"worker":           {`messaging_process_duration_seconds_count{`, `messaging_client_consumed_messages_total`},
	"postgres-primary": {`pg_up 1`, `pg_stat_database_xact_commit{datid=`, `pg_stat_replication_pg_wal_lsn_diff{`},
	"postgres-replica": {`pg_up 1`, `pg_stat_database_xact_commit{datid=`},
	"redis":            {`redis_up 1`, `redis_keyspace_hits_total`},
}

// Traffic flows through the whole shop, and each part tells of it by the names
// that everybody uses.
func TestTheShopIsOpen(t *testing.T) {
	stage, err := lab.NewStage("shop-test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer func() {
		cancel()
		if err := stage.Close(); err != nil {
			t.Error("could not be undone:", err)
		}
	}()
	b, err := open(ctx, stage)
	if errors.Is(err, lab.ErrCannot) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := newCustomers()
	go c.come(ctx)
	wait(ctx, 6*time.Second)
	felt := c.take(time.Time{})
	for _, route := range routes {
		if f := sumUp(felt, route); f.Requests < 3 || f.share() > .02 {
			t.Errorf("%s: %+v", route, f)
		}
	}
	scraped := map[string]string{}
	for _, s := range b.targets() {
		scraped[s.job] += get(t, "http://"+s.address+"/metrics")
	}
	for job, names := range expected {
		if scraped[job] == "" && (strings.HasPrefix(job, "postgres") || job == "redis") {
			t.Log("no exporter of ", job)
			continue
		}
		for _, name := range names {
			if !strings.Contains(scraped[job], "\n"+name) {
				t.Errorf("%s does not show %s", job, name)
			}
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	a, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, a.Status, err)
	}
	return string(text)
}

// What the shop's people write down for Evenkeel is a configuration.
func TestTheConfigurationIsSound(t *testing.T) {
	b := &bed{Stage: &lab.Stage{Dir: t.TempDir()}}
	b.database, b.cpu = &cluster{writes: "/sys/fs/cgroup/blkio/shop"}, "/sys/fs/cgroup/cpu/shop"
	b.cast()
	edges, err := b.edges()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Parse([]byte(b.config() + paging("http://127.0.0.1:1/") + edges)); err != nil {
		t.Fatal(err)
	}
}

// TestFaultsAreFound makes a few real faults on this machine, in about five
// minutes: each must be felt by customers, be one of the case's first three
// hypotheses, and stand in a case before they were ended; the control must not
// be felt, and nothing that customers can feel may be said to be wrong.
func TestFaultsAreFound(t *testing.T) {
	if os.Getenv("EVENKEEL_LAB") == "" {
		t.Skip("set EVENKEEL_LAB=1 to make real faults on this machine")
	}
	chosen, err := choose("bank-down,slow-pod,quiet-scale-down")
	if err != nil {
		t.Fatal(err)
	}
	stage, err := lab.NewStage("shop-test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer func() {
		cancel()
		if err := stage.Close(); err != nil {
			t.Error("could not be undone:", err)
		}
	}()
	r, err := newRunner(ctx, stage, "", true, pace{learn: 45 * time.Second, settle: beforeSpan + 2*time.Second, hold: 45 * time.Second, after: time.Second}, t.Output())
	if errors.Is(err, lab.ErrCannot) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	results, err := r.run(ctx, chosen)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range results {
		if o.Control == (o.Consequence != "") {
			t.Errorf("%s: customers felt %q", o.Fault, o.Consequence)
		}
		if o.Control {
			for _, other := range o.Others {
				if felt.MatchString(strings.SplitN(other, " ", 3)[1]) {
					t.Errorf("%s: it was said that %s", o.Fault, other)
				}
			}
			continue
		}
		if o.Opened == nil || o.Rank == nil || *o.Rank > 3 {
			t.Errorf("%s: case after %s, thought: %s", o.Fault, seconds(o.Opened, "none"), strings.Join(o.Thought, "; "))
		}
	}
}
