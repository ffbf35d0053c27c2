package probe

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// dnsCheck asks a resolver, by UDP and, where the answer does not fit, again
// by TCP.
type dnsCheck struct {
	spec    Spec
	servers func() ([]string, error)
}

// maxServers is how many of the system's resolvers are asked, as the C
// library does.
const maxServers = 3

func newDNSCheck(s Spec, resolvConf string) *dnsCheck {
	c := &dnsCheck{spec: s}
	if s.Target != "" {
		server := withPort(s.Target, "53")
		c.servers = func() ([]string, error) { return []string{server}, nil }
	} else {
		c.servers = (&resolvers{path: resolvConf}).servers
	}
	return c
}

func (c *dnsCheck) label() string {
	if c.spec.Target == "" {
		return "system"
	}
	return c.spec.Target
}

// run asks one server after the other until one answers, with an equal share
// of the time for each. What the last one said is the outcome.
func (c *dnsCheck) run(ctx context.Context, t *timeline, r *Round) error {
	servers, err := c.servers()
	if err != nil {
		return err
	}
	for i, server := range servers {
		err = c.ask(ctx, len(servers)-i, t, r, server)
		var f *failure
		if err == nil || ctx.Err() != nil || errors.As(err, &f) && f.reason != ReasonServfail {
			break
		}
		t.hop()
	}
	if err != nil && len(servers) > 1 {
		_, reason, message := explain(err, t.last(), c.spec.Timeout)
		return down(reason, "none of the %d resolvers gave a good answer; the last, %s: %s", len(servers), r.Remote, message)
	}
	return err
}

func (c *dnsCheck) ask(ctx context.Context, left int, t *timeline, r *Round, server string) error {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
	}
	query := new(dns.Msg)
	query.SetQuestion(dns.Fqdn(c.spec.DNS.Name), dns.StringToType[strings.ToUpper(c.spec.DNS.Type)])
	query.SetEdns0(1232, false)
	answer, err := exchange(ctx, t, r, "udp", server, query)
	if err == nil && answer.Truncated {
		t.hop()
		answer, err = exchange(ctx, t, r, "tcp", server, query)
	}
	if err != nil {
		return err
	}
	return c.judge(answer)
}

func exchange(ctx context.Context, t *timeline, r *Round, network, server string, query *dns.Msg) (*dns.Msg, error) {
	conn, err := dial(ctx, t, r, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c := &dns.Conn{Conn: conn, UDPSize: 1232}
	t.enter(PhaseSend)
	if err := c.WriteMsg(query); err != nil {
		return nil, err
	}
	t.enter(PhaseWait)
	for {
		answer, err := c.ReadMsg()
		var lost net.Error
		switch {
		case err == nil && answersTo(answer, query):
			return answer, nil
		case errors.As(err, &lost), network == "tcp" && err != nil:
			return nil, err
		}
		// Damaged, late or forged, as anybody may send us a datagram: ours
		// may still come.
	}
}

// answersTo tells whether a message answers the query. One that says no may
// leave the question out.
func answersTo(answer, query *dns.Msg) bool {
	if answer.Id != query.Id || !answer.Response {
		return false
	}
	if len(answer.Question) == 0 {
		return answer.Rcode != dns.RcodeSuccess
	}
	got, sent := answer.Question[0], query.Question[0]
	return strings.EqualFold(got.Name, sent.Name) && got.Qtype == sent.Qtype
}

func (c *dnsCheck) judge(answer *dns.Msg) error {
	code := dns.RcodeToString[answer.Rcode]
	name := excerpt(c.spec.DNS.Name, 100)
	wanted := slices.ContainsFunc(c.spec.DNS.Expect.Rcodes, func(w string) bool { return strings.EqualFold(w, code) })
	switch {
	case wanted:
	case answer.Rcode == dns.RcodeServerFailure:
		return down(ReasonServfail, "the resolver answers SERVFAIL: it could not find out %s; look at the resolver's own servers or at the zone", name)
	case answer.Rcode == dns.RcodeNameError:
		return down(ReasonNXDomain, "the resolver answers NXDOMAIN: there is no name %s", name)
	default:
		return down(ReasonAnswer, "the resolver answers %s to %s; wanted is %s", code, name, listed(c.spec.DNS.Expect.Rcodes))
	}
	values := answersOf(answer, dns.StringToType[strings.ToUpper(c.spec.DNS.Type)])
	for _, want := range c.spec.DNS.Expect.Answers {
		if !slices.Contains(values, canonicalAnswer(want)) {
			return down(ReasonAnswer, "%s is not among the %d answers for %s: %s", excerpt(want, 100), len(values), name, excerpt(strings.Join(values, ", "), 160))
		}
	}
	if len(values) == 0 && answer.Rcode == dns.RcodeSuccess && len(c.spec.DNS.Expect.Rcodes) == 1 {
		return down(ReasonAnswer, "the resolver knows %s but has no %s record of it", name, strings.ToUpper(c.spec.DNS.Type))
	}
	return nil
}

// answersOf are the values of the records of a type.
func answersOf(m *dns.Msg, qtype uint16) []string {
	var values []string
	for _, rr := range m.Answer {
		if rr.Header().Rrtype != qtype && qtype != dns.TypeANY {
			continue
		}
		value := strings.TrimPrefix(rr.String(), rr.Header().String())
		if txt, ok := rr.(*dns.TXT); ok {
			value = strings.Join(txt.Txt, "")
		}
		values = append(values, canonicalAnswer(value))
		if mx, ok := rr.(*dns.MX); ok { // so that the name alone will do
			values = append(values, canonicalAnswer(mx.Mx))
		}
	}
	return values
}

func canonicalAnswer(s string) string {
	if ip := net.ParseIP(s); ip != nil {
		return ip.String()
	}
	return strings.ToLower(strings.TrimSuffix(s, "."))
}

// resolvers are those of a resolv.conf, read anew when it changes.
type resolvers struct {
	path    string
	changed time.Time
	size    int64
	known   []string
}

func (r *resolvers) servers() ([]string, error) {
	info, err := os.Stat(r.path)
	if err != nil {
		return nil, unknown(ReasonLocal, "the machine's resolvers are not known: %s; set the probe's target to a resolver", err)
	}
	if r.known != nil && info.ModTime().Equal(r.changed) && info.Size() == r.size {
		return r.known, nil
	}
	conf, err := dns.ClientConfigFromFile(r.path)
	if err != nil {
		return nil, unknown(ReasonLocal, "the machine's resolvers are not known: %s; set the probe's target to a resolver", err)
	}
	r.known = nil
	for _, server := range conf.Servers[:min(len(conf.Servers), maxServers)] {
		r.known = append(r.known, net.JoinHostPort(server, conf.Port))
	}
	if len(r.known) == 0 {
		return nil, unknown(ReasonLocal, "%s names no resolver; add one, or set the probe's target", r.path)
	}
	r.changed, r.size = info.ModTime(), info.Size()
	return r.known, nil
}
