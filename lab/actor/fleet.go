package main

import (
	"flag"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/lab/fleet"
	"github.com/evenkeel/evenkeel/lab/knob"
)

// wholeFleet serves the pages of all exporters of an installation of about
// 100,000 series.
func wholeFleet(fs *flag.FlagSet, k *knob.Set) func() error {
	listen := fs.String("listen", "127.0.0.1:0", "`address`")
	return func() error {
		for _, target := range fleet.Hundred.Targets() {
			http.HandleFunc(target.Path, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
				target.Write(w, time.Now())
			})
		}
		return (&http.Server{Addr: *listen, ReadHeaderTimeout: 5 * time.Second}).ListenAndServe()
	}
}
