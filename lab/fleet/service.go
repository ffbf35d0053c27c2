package fleet

import "fmt"

// service is an instance of a service with OpenTelemetry's figures, which calls
// three others and a database.
func (s Size) service(n int) func(*page) {
	return func(p *page) {
		me := label("service_name", fmt.Sprintf("svc-%d", n), "service_namespace", "shop")
		p.fixed("target_info", me+","+label("telemetry_sdk_language", "go", "telemetry_sdk_version", "1.27.0"), 1)
		for r := range 4 {
			on := me + "," + label("http_request_method", "GET", "http_route", fmt.Sprintf("/api/%d", r), "url_scheme", "http")
			p.histogram("http_server_request_duration_seconds", on+`,http_response_status_code="200"`, 5, .04)
			if r == 0 {
				p.histogram("http_server_request_duration_seconds", on+`,http_response_status_code="500"`, .002, .01)
			}
		}
		p.gauge("http_server_active_requests", me, 2)
		for c := 1; c <= 3; c++ {
			if to := n + c*c; to < s.Services {
				p.histogram("http_client_request_duration_seconds", me+","+label("http_request_method", "GET", "http_response_status_code", "200", "server_address", fmt.Sprintf("svc-%d", to), "server_port", "8080"), 4, .03)
			}
		}
		db := me + "," + label("db_system_name", "postgresql", "server_address", fmt.Sprintf("pg-%d", n%max(1, s.PostgreSQL)), "server_port", "5432")
		p.histogram("db_client_operation_duration_seconds", db+`,db_operation_name="SELECT"`, 12, .004)
		pool := me + `,db_client_connection_pool_name="main"`
		for _, state := range []string{"used", "idle"} {
			p.gauge("db_client_connection_count", pool+`,db_client_connection_state="`+state+`"`, 5)
		}
		p.fixed("db_client_connection_max", pool, 30)
		p.fixed("db_client_connection_pending_requests", pool, 0)
		runtime(p, "go1.23")
	}
}

// postgres is a postgres_exporter at a primary with 12 databases.
func postgres(p *page) {
	p.fixed("pg_up", "", 1)
	p.fixed("pg_static", label("server", "127.0.0.1:5432", "short_version", "15.5.0", "version", "PostgreSQL 15.5"), 1)
	p.fixed("pg_replication_is_replica", "", 0)
	p.fixed("pg_replication_lag", "", 0)
	p.fixed("pg_settings_max_connections", label("server", "127.0.0.1:5432"), 100)
	for d := range 12 {
		db := label("datid", fmt.Sprint(16000+d), "datname", fmt.Sprintf("app_%d", d), "server", "127.0.0.1:5432")
		for _, x := range []rate{{"xact_commit", 60}, {"xact_rollback", .1}, {"blks_read", 5}, {"blks_hit", 4000}, {"tup_returned", 9000}, {"tup_fetched", 4000}, {"tup_inserted", 20}, {"tup_updated", 20}, {"tup_deleted", 2},
			{"conflicts", 0}, {"deadlocks", 0}, {"temp_bytes", 0}, {"temp_files", 0}, {"blk_read_time", .1}, {"blk_write_time", .1}} {
			p.counter("pg_stat_database_"+x.name, db, x.is)
		}
		p.gauge("pg_stat_database_numbackends", db, 5)
		p.gauge("pg_database_size_bytes", label("datname", fmt.Sprintf("app_%d", d), "server", "127.0.0.1:5432"), 4e9)
		for _, state := range []string{"active", "idle", "idle in transaction", "idle in transaction (aborted)", "fastpath function call", "disabled"} {
			at := label("datname", fmt.Sprintf("app_%d", d), "server", "127.0.0.1:5432", "state", state)
			p.gauge("pg_stat_activity_count", at, map[string]float64{"active": 1, "idle": 3}[state])
			p.fixed("pg_stat_activity_max_tx_duration", at, 0)
		}
		for _, mode := range []string{"accesssharelock", "exclusivelock", "rowexclusivelock", "rowsharelock", "sharelock", "accessexclusivelock"} {
			p.gauge("pg_locks_count", label("datname", fmt.Sprintf("app_%d", d), "mode", mode, "server", "127.0.0.1:5432"), 1)
		}
	}
	for _, name := range []string{"buffers_alloc", "buffers_backend", "buffers_checkpoint", "buffers_clean", "checkpoint_sync_time", "checkpoint_write_time", "checkpoints_req", "checkpoints_timed"} {
		p.counter("pg_stat_bgwriter_"+name+"_total", label("server", "127.0.0.1:5432"), 1)
	}
	runtime(p, "go1.21")
}

// redis is a redis_exporter at a cache.
func redis(p *page) {
	p.fixed("redis_up", "", 1)
	p.fixed("redis_instance_info", label("redis_version", "7.0.15", "role", "master", "tcp_port", "6379", "os", "Linux"), 1)
	p.counter("redis_commands_processed_total", "", 300)
	p.counter("redis_keyspace_hits_total", "", 250)
	p.counter("redis_keyspace_misses_total", "", 20)
	p.counter("redis_evicted_keys_total", "", 0)
	p.counter("redis_expired_keys_total", "", 2)
	p.counter("redis_rejected_connections_total", "", 0)
	p.gauge("redis_connected_clients", "", 30)
	p.fixed("redis_blocked_clients", "", 0)
	p.gauge("redis_memory_used_bytes", "", 4e8)
	p.fixed("redis_memory_max_bytes", "", 2e9)
	p.fixed("redis_config_maxclients", "", 10000)
	for _, c := range []string{"get", "set", "del", "expire", "hget", "hset", "incr", "mget", "ping", "info", "eval", "lpush", "rpop", "sadd", "zadd"} {
		p.counter("redis_commands_total", label("cmd", c), 20)
		p.seconds("redis_commands_duration_seconds_total", label("cmd", c), 2e-4)
		p.counter("redis_commands_failed_calls_total", label("cmd", c), 0)
		p.counter("redis_commands_rejected_calls_total", label("cmd", c), 0)
	}
	for db := range 4 {
		p.gauge("redis_db_keys", label("db", fmt.Sprintf("db%d", db)), 1e5)
		p.gauge("redis_db_keys_expiring", label("db", fmt.Sprintf("db%d", db)), 1e4)
	}
	runtime(p, "go1.21")
}
