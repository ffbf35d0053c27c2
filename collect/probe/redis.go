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
	// The connection is made here and handed over: the client would log a
	// failed dial by itself.
	conn, err := c.connect(ctx, t, r, options, hands)
	if err != nil {
		return err
	}
	defer conn.Close()
	options.TLSConfig = nil
	options.Dialer = func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	t.enter(PhaseLogin)
	options.OnConnect = func(context.Context, *redis.Conn) error { t.enter(PhaseWait); return nil }
	// One connection, one try, and no command beyond the login and PING.
	options.PoolSize, options.MaxRetries, options.DialerRetries = 1, -1, 1
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	options.ContextTimeoutEnabled = true
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = c.spec.Timeout, c.spec.Timeout, c.spec.Timeout
	client := redis.NewClient(options)
	defer client.Close()
	return explainRedis(client.Ping(ctx).Err())
}

func (c redisCheck) connect(ctx context.Context, t *timeline, r *Round, options *redis.Options, hands *handshake) (net.Conn, error) {
	conn, err := dial(ctx, t, r, options.Network, options.Addr)
	if err != nil || options.TLSConfig == nil {
		return conn, err
	}
	hands.expect(hostOf(options.Addr))
	t.enter(PhaseTLS)
	secure, err := hands.client(ctx, conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
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
