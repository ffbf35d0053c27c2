package probe

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	probing "github.com/prometheus-community/pro-bing"
)

// icmpTries is how many echo requests a round may send; the first answer ends
// it, so that one lost packet is a slow round and not a dead host.
const icmpTries = 3

// icmpCheck sends echo requests: by a ping socket where the kernel gives one
// (net.ipv4.ping_group_range), else by a raw one where it gives that.
type icmpCheck struct{ spec Spec }

func (c icmpCheck) label() string { return c.spec.Target }

func (c icmpCheck) run(ctx context.Context, t *timeline, _ *Round) error {
	t.enter(PhaseResolve)
	addrs, err := net.DefaultResolver.LookupIPAddr(ctx, c.spec.Target)
	if err != nil {
		return err
	}
	t.enter(PhaseWait)
	err = c.ping(ctx, &addrs[0], false)
	if denied(err) {
		err = c.ping(ctx, &addrs[0], true)
	}
	if denied(err) {
		return unknown(ReasonPermission, `the system lets Evenkeel send no ICMP; allow it to all users by "sysctl -w net.ipv4.ping_group_range='0 2147483647'", or to Evenkeel by "setcap cap_net_raw+ep" on its binary`)
	}
	return err
}

func denied(err error) bool { return errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) }

func (c icmpCheck) ping(ctx context.Context, to *net.IPAddr, raw bool) error {
	deadline, _ := ctx.Deadline()
	left := time.Until(deadline)
	pinger := probing.New(c.spec.Target)
	pinger.SetIPAddr(to)
	pinger.SetPrivileged(raw)
	pinger.SetLogger(probing.NoopLogger{})
	pinger.RecordRtts = false
	pinger.Count = icmpTries
	pinger.Interval = left / (icmpTries + 1)
	pinger.Timeout = left
	pinger.OnRecv = func(*probing.Packet) { pinger.Stop() }
	if err := pinger.RunWithContext(ctx); err != nil {
		return err
	}
	if pinger.Statistics().PacketsRecv == 0 {
		return down(ReasonTimeout, "no answer to %d echo requests within %s; the host is down, or a firewall drops ICMP", icmpTries, c.spec.Timeout)
	}
	return nil
}
