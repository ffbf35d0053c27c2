package probe

import "context"

// tlsCheck shakes hands, looks at the certificate and hangs up.
type tlsCheck struct{ spec Spec }

func (c tlsCheck) label() string { return c.spec.Target }

func (c tlsCheck) run(ctx context.Context, t *timeline, r *Round) error {
	hands, err := newHandshake(c.spec.TLS)
	if err != nil {
		return err
	}
	defer func() { r.Certificate = hands.certificate() }()
	hands.expect(hostOf(c.spec.Target))
	conn, err := dial(ctx, t, r, "tcp", c.spec.Target)
	if err != nil {
		return err
	}
	defer conn.Close()
	t.enter(PhaseTLS)
	_, err = hands.client(ctx, conn)
	return err
}
