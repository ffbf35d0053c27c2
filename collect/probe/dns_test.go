package probe

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// nameserver answers by UDP and TCP on one port.
func nameserver(t *testing.T, handle dns.HandlerFunc) string {
	t.Helper()
	var udp net.PacketConn
	var tcp net.Listener
	for range 20 { // until one port is free for both
		var err error
		if udp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if tcp, err = net.Listen("tcp", udp.LocalAddr().String()); err == nil {
			break
		}
		udp.Close()
	}
	if tcp == nil {
		t.Fatal("no port is free for UDP and TCP")
	}
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: handle}, {Listener: tcp, Handler: handle}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go s.ActivateAndServe()
		<-started
		t.Cleanup(func() { s.Shutdown() })
	}
	return udp.LocalAddr().String()
}

func reply(w dns.ResponseWriter, q *dns.Msg, rcode int, records ...string) {
	m := new(dns.Msg)
	m.SetRcode(q, rcode)
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	w.WriteMsg(m)
}

func TestDNSTellsItsFailuresApart(t *testing.T) {
	byTCP := atomic.Int32{}
	server := nameserver(t, func(w dns.ResponseWriter, q *dns.Msg) {
		name := q.Question[0].Name
		switch {
		case name == "slow.test.":
			time.Sleep(120 * time.Millisecond)
			reply(w, q, dns.RcodeSuccess, name+" 60 IN A 192.0.2.1")
		case name == "silent.test.":
		case name == "broken.test.":
			reply(w, q, dns.RcodeServerFailure)
		case name == "gone.test.":
			reply(w, q, dns.RcodeNameError)
		case name == "refused.test.":
			reply(w, q, dns.RcodeRefused)
		case name == "empty.test.":
			reply(w, q, dns.RcodeSuccess)
		case name == "forged.test.": // an answer to somebody else's question comes first
			other := q.Copy()
			other.Id++
			reply(w, other, dns.RcodeNameError)
			w.Write([]byte("x"))
			reply(w, q, dns.RcodeSuccess, name+" 60 IN A 192.0.2.1")
		case name == "large.test.":
			if _, ok := w.RemoteAddr().(*net.UDPAddr); ok {
				m := new(dns.Msg)
				m.SetReply(q)
				m.Truncated = true
				w.WriteMsg(m)
				return
			}
			byTCP.Add(1)
			reply(w, q, dns.RcodeSuccess, name+" 60 IN A 192.0.2.1")
		case q.Question[0].Qtype == dns.TypeMX:
			reply(w, q, dns.RcodeSuccess, name+" 60 IN MX 10 mail.test.")
		case q.Question[0].Qtype == dns.TypeTXT:
			reply(w, q, dns.RcodeSuccess, name+` 60 IN TXT "v=spf1 -all"`)
		default:
			reply(w, q, dns.RcodeSuccess, name+" 60 IN CNAME www.test.", "www.test. 60 IN A 192.0.2.1", "www.test. 60 IN A 192.0.2.2")
		}
	})
	for _, c := range []struct {
		dns     DNSSpec
		outcome Outcome
		reason  Reason
		says    string
	}{
		{DNSSpec{Name: "ok.test"}, Up, "", ""},
		{DNSSpec{Name: "ok.test", Expect: DNSExpect{Answers: []string{"192.0.2.2"}}}, Up, "", ""},
		{DNSSpec{Name: "ok.test", Expect: DNSExpect{Answers: []string{"192.0.2.3"}}}, Down, ReasonAnswer, "192.0.2.3 is not among the 2 answers"},
		{DNSSpec{Name: "ok.test", Type: "mx", Expect: DNSExpect{Answers: []string{"Mail.test"}}}, Up, "", ""},
		{DNSSpec{Name: "ok.test", Type: "TXT", Expect: DNSExpect{Answers: []string{"v=spf1 -all"}}}, Up, "", ""},
		{DNSSpec{Name: "slow.test"}, Up, "", ""},
		{DNSSpec{Name: "silent.test"}, Down, ReasonTimeout, "no answer within 300ms"},
		{DNSSpec{Name: "broken.test"}, Down, ReasonServfail, "SERVFAIL"},
		{DNSSpec{Name: "gone.test"}, Down, ReasonNXDomain, "no name gone.test"},
		{DNSSpec{Name: "gone.test", Expect: DNSExpect{Rcodes: []string{"nxdomain"}}}, Up, "", ""},
		{DNSSpec{Name: "refused.test"}, Down, ReasonAnswer, "REFUSED"},
		{DNSSpec{Name: "empty.test"}, Down, ReasonAnswer, "has no A record"},
		{DNSSpec{Name: "forged.test"}, Up, "", ""},
		{DNSSpec{Name: "large.test"}, Up, "", ""},
	} {
		t.Run(fmt.Sprint(c.dns.Name, c.dns.Type, c.outcome), func(t *testing.T) {
			r := once(t, Spec{Type: DNS, Target: server, Timeout: 300 * time.Millisecond, DNS: c.dns})
			want(t, r, c.outcome, c.reason, c.says)
			if c.dns.Name == "slow.test" && phaseOf(r, PhaseWait) < 100*time.Millisecond {
				t.Errorf("the delay is not in wait: %v", r.Phases)
			}
		})
	}
	if byTCP.Load() == 0 {
		t.Error("a cut answer was not asked for again by TCP")
	}
	want(t, once(t, Spec{Type: DNS, Target: vacant(t), DNS: DNSSpec{Name: "ok.test"}}), Down, ReasonRefused)
}

func TestTheSystemsResolversAreReadAgainAndTriedInTurn(t *testing.T) {
	good := nameserver(t, func(w dns.ResponseWriter, q *dns.Msg) {
		reply(w, q, dns.RcodeSuccess, q.Question[0].Name+" 60 IN A 192.0.2.1")
	})
	bad := nameserver(t, func(w dns.ResponseWriter, q *dns.Msg) { reply(w, q, dns.RcodeServerFailure) })
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	c := newDNSCheck(Spec{Type: DNS, DNS: DNSSpec{Name: "ok.test", Type: "A", Expect: DNSExpect{Rcodes: []string{"NOERROR"}}}}, conf)
	ask := func() (Outcome, Reason, string) {
		err := c.run(t.Context(), newTimeline(), &Round{})
		if err == nil {
			return Up, "", ""
		}
		return explain(err, "", time.Second)
	}
	if o, r, m := ask(); o != Unknown || r != ReasonLocal || !strings.Contains(m, "set the probe's target") {
		t.Errorf("without a file: %s %s %s", o, r, m)
	}
	write := func(text string, at time.Time) {
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(conf, at, at); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	write("nameserver 192.0.2.1\n", now)
	if servers, err := c.servers(); err != nil || len(servers) != 1 || servers[0] != "192.0.2.1:53" {
		t.Errorf("read %v, %v", servers, err)
	}
	write("search x\n", now.Add(time.Second))
	if o, _, m := ask(); o != Unknown || !strings.Contains(m, "names no resolver") {
		t.Errorf("with an empty file: %s %s", o, m)
	}
	for _, list := range [][]string{{good}, {bad, good}} {
		c.servers = func() ([]string, error) { return list, nil }
		if o, _, m := ask(); o != Up {
			t.Errorf("%v: %s", list, m)
		}
	}
	c.servers = func() ([]string, error) { return []string{bad, bad}, nil }
	if o, r, m := ask(); o != Down || r != ReasonServfail || !strings.Contains(m, "none of the 2 resolvers") {
		t.Errorf("two bad ones: %s %s %s", o, r, m)
	}
}
