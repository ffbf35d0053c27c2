package probe

import "context"

// tcpCheck connects and hangs up.
type tcpCheck struct{ spec Spec }

func (c tcpCheck) label() string { return c.spec.Target }

func (c tcpCheck) run(ctx context.Context, t *timeline, r *Round) error {
	conn, err := dial(ctx, t, r, "tcp", c.spec.Target)
	if err != nil {
		return err
	}
	return conn.Close()
}
