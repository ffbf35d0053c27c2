package probe

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// redisCheck logs in and sends PING.
type redisCheck struct {
	*dsn
}

func newRedisCheck(s Spec) redisCheck { return redisCheck{newDSN(s, showURL(Redis))} }

func (c redisCheck) run(ctx context.Context, t *timeline, r *Round) error {
	text, err := c.read()
	if err != nil {
		return err
	}
	options, err := redis.ParseURL(text)
	if err != nil {
		return unknown(ReasonSecret, "the DSN cannot be used; write one such as %s", dsnExample[Redis])
	}
	hands, err := newHandshake(c.spec.TLS)
	if err != nil {
		return err
	}
	defer func() { r.Certificate = hands.certificate() }()
	encrypted := options.TLSConfig != nil
	options.TLSConfig = nil
	// The client reports a failed dial in words of its own; the cause is ours.
	var failed error
	options.Dialer = func(_ context.Context, network, address string) (net.Conn, error) {
		var conn net.Conn
		conn, failed = dial(ctx, t, r, network, address)
		if failed != nil {
			return nil, failed
		}
		if encrypted {
			hands.expect(hostOf(address))
			t.enter(PhaseTLS)
			var wrapped net.Conn
			if wrapped, failed = hands.client(ctx, conn); failed != nil {
				conn.Close()
				return nil, failed
			}
			conn = wrapped
		}
		t.enter(PhaseLogin)
		return conn, nil
	}
	options.OnConnect = func(context.Context, *redis.Conn) error { t.enter(PhaseWait); return nil }
	// One connection, one try, and no command beyond the login and PING.
	options.PoolSize, options.MaxRetries, options.DialerRetries = 1, -1, 1
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	options.ContextTimeoutEnabled = true
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = c.spec.Timeout, c.spec.Timeout, c.spec.Timeout
	client := redis.NewClient(options)
	defer client.Close()
	err = client.Ping(ctx).Err()
	if failed != nil {
		return failed
	}
	return explainRedis(err)
}

func explainRedis(err error) error {
	var said redis.Error
	if !errors.As(err, &said) {
		return err
	}
	reason := ReasonAnswer
	for _, code := range []string{"NOAUTH", "WRONGPASS", "NOPERM", "ERR invalid password"} {
		if strings.HasPrefix(said.Error(), code) {
			reason = ReasonAuth
		}
	}
	return down(reason, "Redis refuses: %s", excerpt(said.Error(), 160))
}
