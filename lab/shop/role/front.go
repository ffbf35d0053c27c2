package main

import (
	"flag"
	"fmt"
	"net/http"
	"net/url"

	"github.com/evenkeel/evenkeel/lab/knob"
)

// front is what customers reach: it asks the others and puts together what
// they say.
func front(fs *flag.FlagSet, k *knob.Set) func() error {
	s := newService("front", fs, k)
	nameServer := fs.String("names", "", "`address` of the name server")
	ca := fs.String("ca", "", "`file` of the authority that checkout is signed by")
	return func() error {
		others := newNeighbours(s, *nameServer)
		// Calls to checkout are by TLS; both share the metrics.
		secure, err := others.secured(*ca)
		if err != nil {
			return err
		}
		relay := func(n *neighbours, method, scheme, name string, path func(r *http.Request) string) func(http.ResponseWriter, *http.Request) int {
			return func(w http.ResponseWriter, r *http.Request) int {
				var said any
				status, err := n.call(r.Context(), method, scheme, name, path(r), &said)
				switch {
				case err != nil:
					status = http.StatusBadGateway
				case status >= 400: // front asks only for what there is
					status = http.StatusServiceUnavailable
				default:
					status = http.StatusOK
					w.Header().Set("Shop-Order", orderOf(said))
				}
				w.WriteHeader(status)
				fmt.Fprintln(w, http.StatusText(status))
				return status
			}
		}
		s.handle("GET", "/items/{id}", relay(others, "GET", "http", "catalogue", func(r *http.Request) string { return "/items/" + url.PathEscape(r.PathValue("id")) }))
		s.handle("GET", "/search", relay(others, "GET", "http", "search", func(r *http.Request) string { return "/search?" + r.URL.RawQuery }))
		s.handle("POST", "/orders", relay(secure, "POST", "https", "checkout", func(r *http.Request) string { return "/orders?" + r.URL.RawQuery }))
		s.handle("GET", "/orders/{id}", relay(secure, "GET", "https", "checkout", func(r *http.Request) string { return "/orders/" + url.PathEscape(r.PathValue("id")) }))
		return s.run()
	}
}

// orderOf is the number of an order in an answer.
func orderOf(said any) string {
	if m, ok := said.(map[string]any); ok && m["order"] != nil {
		return fmt.Sprintf("%.0f", m["order"])
	}
	return ""
}
