package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgresCheck logs in and asks a query.
type postgresCheck struct {
	*dsn
}

func newPostgresCheck(s Spec) postgresCheck {
	return postgresCheck{newDSN(s, func(text string) (string, error) {
		c, err := pgconn.ParseConfig(text)
		if err != nil {
			return "", err
		}
		return excerpt(fmt.Sprintf("postgres://%s/%s", net.JoinHostPort(c.Host, fmt.Sprint(c.Port)), c.Database), 200), nil
	})}
}

func (c postgresCheck) run(ctx context.Context, t *timeline, r *Round) error {
	text, err := c.read()
	if err != nil {
		return err
	}
	config, err := pgconn.ParseConfig(text)
	if err != nil {
		return unknown(ReasonSecret, "the DSN cannot be used; write one such as %s", dsnExample[Postgres])
	}
	config.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		t.enter(PhaseResolve)
		return net.DefaultResolver.LookupHost(ctx, host)
	}
	// When a query takes too long the driver asks the server, by a connection
	// of its own and after the round, to give it up.
	var connected atomic.Bool
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if connected.Load() {
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		}
		if t.last() == PhaseLogin {
			t.hop() // the next host, or the same without encryption
		}
		conn, err := dial(ctx, t, r, network, address)
		if err == nil {
			t.enter(PhaseLogin)
		}
		return conn, err
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = userAgent
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return explainPostgres(err)
	}
	connected.Store(true)
	defer func() {
		// The round is over; a server that hangs gets a moment to say goodbye.
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), 100*time.Millisecond)
		defer cancel()
		conn.Close(bye)
	}()
	t.enter(PhaseWait)
	return explainPostgres(ask(conn.Exec(ctx, c.spec.Database.Query), t))
}

// maxRows is how much of an answer is read; more is not an error.
const maxRows = 1000

func ask(answer *pgconn.MultiResultReader, t *timeline) error {
	for rows := 0; answer.NextResult(); {
		t.enter(PhaseReceive)
		for answer.ResultReader().NextRow() {
			if rows++; rows == maxRows {
				return nil // closing the connection ends the rest
			}
		}
	}
	return answer.Close()
}

func explainPostgres(err error) error {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return err
	}
	reason := ReasonAnswer
	if len(said.Code) == 5 && said.Code[:2] == "28" {
		reason = ReasonAuth
	}
	return down(reason, "PostgreSQL refuses: %s (%s)", excerpt(said.Message, 160), excerpt(said.Code, 5))
}
