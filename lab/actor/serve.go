package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/miekg/dns"

	"github.com/evenkeel/evenkeel/lab/knob"
)

// web answers HTTP, or HTTPS where -cert is given. Knobs: delay before each
// answer, status, and cert and key, which are read anew for each handshake.
func web(fs *flag.FlagSet, k *knob.Set) func() error {
	listen := fs.String("listen", "127.0.0.1:0", "`address`")
	cert := fs.String("cert", "", "certificate `file`")
	key := fs.String("key", "", "key `file`")
	return func() error {
		k.Set("cert", *cert)
		k.Set("key", *key)
		s := &http.Server{Addr: *listen, ReadHeaderTimeout: 5 * time.Second}
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(k.Duration("delay", 0)):
			case <-r.Context().Done():
				return
			}
			w.WriteHeader(int(k.Number("status", http.StatusOK)))
			fmt.Fprintln(w, "steady")
		})
		if *cert == "" {
			return s.ListenAndServe()
		}
		s.TLSConfig = &tls.Config{
			MinVersion:             tls.VersionTLS12,
			SessionTicketsDisabled: true, // each probe is to see the certificate
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				c, err := tls.LoadX509KeyPair(k.Text("cert"), k.Text("key"))
				return &c, err
			},
		}
		return s.ListenAndServeTLS("", "")
	}
}

// nameServer answers every A query with 127.0.0.1. Knob: delay.
func nameServer(fs *flag.FlagSet, k *knob.Set) func() error {
	listen := fs.String("listen", "127.0.0.1:0", "`address`, UDP and TCP")
	return func() error {
		answer := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			time.Sleep(k.Duration("delay", 0))
			m := new(dns.Msg)
			m.SetReply(q)
			if len(q.Question) == 1 && q.Question[0].Qtype == dns.TypeA {
				m.Answer = append(m.Answer, &dns.A{
					Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 5},
					A:   net.IPv4(127, 0, 0, 1),
				})
			}
			_ = w.WriteMsg(m) // the asker may have given up waiting
		})
		failed := make(chan error, 2)
		for _, network := range []string{"udp", "tcp"} {
			go func() {
				failed <- (&dns.Server{Addr: *listen, Net: network, Handler: answer}).ListenAndServe()
			}()
		}
		return <-failed
	}
}
