package main

import (
	"bufio"
	"flag"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/lab/knob"
)

// series is an exporter with a given number of series: ten metrics with
// labels such as an application has. Half of the counters move with each
// scrape, as they do in life.
func series(fs *flag.FlagSet, k *knob.Set) func() error {
	listen := fs.String("listen", "127.0.0.1:0", "`address`")
	count := fs.Int("count", 100_000, "`number` of series")
	return func() error {
		var scrapes atomic.Int64
		http.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
			n := scrapes.Add(1)
			w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			out := bufio.NewWriterSize(w, 64<<10)
			defer out.Flush()
			const metrics = 10
			for m := range metrics {
				fmt.Fprintf(out, "# TYPE lab_requests_%d_total counter\n", m)
				for i := range *count / metrics {
					value := int64(i)
					if i%2 == 0 {
						value += n * int64(1+i%97)
					}
					fmt.Fprintf(out, "lab_requests_%d_total{handler=\"/api/v1/%d\",method=\"GET\",code=\"200\",pod=\"shop-%d\"} %d\n", m, i%100, i/100, value)
				}
			}
		})
		return (&http.Server{Addr: *listen, ReadHeaderTimeout: 5 * time.Second}).ListenAndServe()
	}
}
