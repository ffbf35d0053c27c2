package main

import (
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/evenkeel/evenkeel/lab/knob"
)

// agreeing is how long the bank takes on a good day.
const agreeing = 90 * time.Millisecond

// bank is a third party: it agrees to pay. Nobody scrapes it.
func bank(fs *flag.FlagSet, k *knob.Set) func() error {
	s := newService("bank", fs, k)
	return func() error {
		s.handle("POST", "/authorise", func(w http.ResponseWriter, _ *http.Request) int {
			time.Sleep(agreeing)
			return answerWith(w, http.StatusOK, map[string]any{"agreed": true})
		})
		return s.run()
	}
}

// names is the shop's name server. Knobs: delay, fail (share of questions that
// are answered with SERVFAIL), and a.NAME, the addresses of a service, with
// commas.
func names(fs *flag.FlagSet, k *knob.Set) func() error {
	listen := fs.String("listen", "", "`address`, UDP and TCP")
	hosts := fs.String("hosts", "", "services and addresses: `front=127.23.0.10;catalogue=127.23.0.21,127.23.0.22`")
	return func() error {
		for host := range strings.SplitSeq(*hosts, ";") {
			if name, addresses, ok := strings.Cut(host, "="); ok {
				k.Set("a."+name, addresses)
			}
		}
		handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			time.Sleep(k.Duration("delay", 0))
			m := new(dns.Msg)
			m.SetReply(q)
			if rand.Float64() < k.Number("fail", 0) {
				m.Rcode = dns.RcodeServerFailure
				_ = w.WriteMsg(m) // the asker may have given up waiting
				return
			}
			asked := q.Question[0]
			list := k.Text("a." + strings.TrimSuffix(strings.ToLower(asked.Name), zone))
			if list == "" {
				m.Rcode = dns.RcodeNameError
			} else if asked.Qtype == dns.TypeA {
				for a := range strings.SplitSeq(list, ",") {
					m.Answer = append(m.Answer, &dns.A{A: net.ParseIP(a),
						Hdr: dns.RR_Header{Name: asked.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}})
				}
			}
			_ = w.WriteMsg(m)
		})
		failed := make(chan error, 2)
		for _, network := range []string{"udp", "tcp"} {
			go func() { failed <- (&dns.Server{Addr: *listen, Net: network, Handler: handler}).ListenAndServe() }()
		}
		return <-failed
	}
}

// wire is the network between two services: it hands on what it gets. Knob:
// delay of each piece on its way there.
func wire(fs *flag.FlagSet, k *knob.Set) func() error {
	listen := fs.String("listen", "", "`address`")
	to := fs.String("to", "", "`address`")
	return func() error {
		l, err := net.Listen("tcp", *listen)
		if err != nil {
			return err
		}
		for {
			near, err := l.Accept()
			if err != nil {
				return err
			}
			go func() {
				defer near.Close()
				far, err := net.DialTimeout("tcp", *to, 2*time.Second)
				if err != nil {
					return // the caller sees the connection end
				}
				defer far.Close()
				go func() {
					_, _ = io.Copy(near, far) // an end of either side ends both
					_ = errors.Join(near.Close(), far.Close())
				}()
				piece := make([]byte, 32<<10)
				for {
					n, err := near.Read(piece)
					if err != nil {
						return
					}
					time.Sleep(k.Duration("delay", 0))
					if _, err := far.Write(piece[:n]); err != nil {
						return
					}
				}
			}()
		}
	}
}
