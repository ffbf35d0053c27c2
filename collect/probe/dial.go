package probe

import (
	"context"
	"net"
	"syscall"
)

// dial connects to host:port and moves the timeline along. The connection
// ends with ctx's deadline.
func dial(ctx context.Context, t *timeline, r *Round, network, address string) (net.Conn, error) {
	if network != "unix" && net.ParseIP(hostOf(address)) == nil {
		t.enter(PhaseResolve)
	}
	d := net.Dialer{ControlContext: func(context.Context, string, string, syscall.RawConn) error {
		t.enter(PhaseConnect) // the name is known: a socket for one of its addresses
		return nil
	}}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	r.Remote = remoteOf(conn.RemoteAddr())
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return conn, nil
}
