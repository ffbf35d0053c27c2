package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/evenkeel/evenkeel/lab"
)

// items are how many the shop sells, of so many words.
const (
	items = 300_000
	words = 2_000
)

// cluster is PostgreSQL with a replica that it streams to. As root, the
// primary's data and its log of writes lie on disks of their own, and it is in
// a group whose writes can be slowed.
type cluster struct {
	bed        *bed
	postgres   lab.Postgres
	data, log  lab.LoopDisk // without Device where they are mere folders
	writes     lab.Cgroup   // empty where there is none
	below      string       // the number of the disk below both
	primary    *lab.Process
	replicaDir string
}

// run runs one of PostgreSQL's programs to its end.
func (c *cluster) run(program string, args ...string) error {
	if out, err := c.postgres.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// openCluster makes, fills and starts both.
func openCluster(ctx context.Context, b *bed) (*cluster, error) {
	pg, err := lab.FindPostgres()
	if err != nil {
		return nil, err
	}
	c := &cluster{bed: b, postgres: pg, replicaDir: b.file("replica")}
	if err := c.disks(); err != nil {
		return nil, err
	}
	folders := []string{c.replicaDir, filepath.Join(c.data.Mount, "data"), filepath.Join(c.log.Mount, "wal")}
	for _, dir := range folders {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
		if err := c.postgres.Give(dir); err != nil {
			return nil, err
		}
	}
	err = c.run("initdb", "-D", folders[1], "--waldir="+folders[2], "-A", "trust", "-U", "postgres", "--no-sync")
	if err == nil {
		err = c.settings(folders[1], primaryIP, "wal_level=replica", "max_connections=60", "max_wal_size=128MB", "min_wal_size=80MB",
			"wal_keep_size=32MB", "shared_buffers=64MB", "track_io_timing=on", "checkpoint_timeout=60s", "max_parallel_workers_per_gather=0")
	}
	if err == nil {
		err = c.startPrimary(ctx)
	}
	if err == nil {
		err = c.fill(ctx)
	}
	if err == nil {
		err = c.run("pg_basebackup", "-h", primaryIP, "-U", "postgres", "-D", c.replicaDir, "-R", "-c", "fast", "-X", "stream", "--no-sync")
	}
	if err == nil {
		err = c.settings(c.replicaDir, replicaIP)
	}
	if err == nil {
		_, err = b.Start("postgres-replica", c.postgres.Command("postgres", "-D", c.replicaDir))
	}
	if err == nil {
		err = await(ctx, replicaAt)
	}
	if err == nil && c.writes != "" {
		err = c.throttle(provisioned)
	}
	return c, err
}

// provisioned is how many bytes the primary may write in a second, as one
// rents disks; it is far more than the shop needs.
const provisioned = 8 << 20

// throttle lets the primary write so many bytes in a second.
func (c *cluster) throttle(bytes int) error {
	return c.writes.Set("blkio.throttle.write_bps_device", fmt.Sprintf("%s %d", c.below, bytes))
}

// disks makes the primary's disks where that can be done.
func (c *cluster) disks() error {
	b := c.bed
	err := lab.NeedTools("mkfs.ext4", "losetup")
	if err == nil {
		c.below, err = lab.DeviceOf(b.Dir)
	}
	if err == nil {
		c.writes, err = lab.NewCgroup(b.Stage, "blkio", "evenkeel-shop-database", nil)
	}
	if err != nil {
		b.without = append(b.without, "disks of its own for PostgreSQL: "+err.Error())
		c.data.Mount, c.log.Mount = b.file("pgdata"), b.file("pgwal")
		return errors.Join(os.Mkdir(c.data.Mount, 0o755), os.Mkdir(c.log.Mount, 0o755))
	}
	if c.data, err = lab.NewLoopDisk(b.Stage, "pgdata", 384<<20); err != nil {
		return err
	}
	c.log, err = lab.NewLoopDisk(b.Stage, "pgwal", 384<<20)
	return err
}

func (c *cluster) settings(dir, ip string, more ...string) error {
	f, err := os.OpenFile(filepath.Join(dir, "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for _, s := range append([]string{"listen_addresses='" + ip + "'", "port=5432", "unix_socket_directories=''", "fsync=on"}, more...) {
		fmt.Fprintln(f, s)
	}
	return f.Close()
}

// startPrimary starts the primary, also after it has ended of its own.
func (c *cluster) startPrimary(ctx context.Context) error {
	p, err := c.bed.Start("postgres-primary", c.postgres.Command("postgres", "-D", filepath.Join(c.data.Mount, "data")))
	if err != nil {
		return err
	}
	c.primary = p
	if c.writes != "" {
		if err := c.writes.Add(p.PID); err != nil { // before it has children
			return err
		}
	}
	return await(ctx, primaryAt)
}

// await waits until a PostgreSQL answers.
func await(ctx context.Context, address string) error {
	var last error
	for range 150 {
		c, err := connect(ctx, address, "postgres", "postgres")
		if err == nil {
			return c.Close(ctx)
		}
		last = err
		wait(ctx, 100*time.Millisecond)
	}
	return fmt.Errorf("PostgreSQL at %s did not answer within 15 s: %w", address, last)
}

func connect(ctx context.Context, address, user, database string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return pgx.Connect(ctx, fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable&application_name=%s", user, address, database, user))
}

// do runs statements on the primary as its administrator.
func (c *cluster) do(ctx context.Context, statements ...string) error {
	return c.on(ctx, primaryAt, statements...)
}

func (c *cluster) on(ctx context.Context, address string, statements ...string) error {
	conn, err := connect(ctx, address, "postgres", "shop")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// wordIndex is what search lives by.
const wordIndex = "CREATE INDEX items_word ON items (lower(word))"

func (c *cluster) fill(ctx context.Context) error {
	conn, err := connect(ctx, primaryAt, "postgres", "postgres")
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE shop")
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return err
	}
	return c.do(ctx,
		"CREATE ROLE app LOGIN", "CREATE ROLE report LOGIN",
		"CREATE TABLE items (id int PRIMARY KEY, word text NOT NULL, price int NOT NULL, title text NOT NULL)",
		fmt.Sprintf("INSERT INTO items SELECT i, 'w' || i %% %d, 100 + i %% 900, 'An item for people who like things, number ' || i FROM generate_series(1, %d) i", words, items),
		wordIndex,
		"CREATE TABLE stock (item int PRIMARY KEY, sold bigint NOT NULL)",
		"INSERT INTO stock SELECT i, 0 FROM generate_series(1, 2000) i",
		"CREATE TABLE orders (id bigserial PRIMARY KEY, item int NOT NULL, at timestamptz NOT NULL DEFAULT now(), receipt text NOT NULL DEFAULT repeat(md5(random()::text), 40), "+
			"address text NOT NULL DEFAULT repeat('Someone, somewhere; ', 25))",
		"CREATE TABLE outbox (id bigserial PRIMARY KEY, order_id bigint NOT NULL)",
		"GRANT ALL ON ALL TABLES IN SCHEMA public TO app", "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app",
		"GRANT SELECT ON ALL TABLES IN SCHEMA public TO report", "GRANT CREATE ON SCHEMA public TO report",
		"VACUUM ANALYZE")
}
