package probe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	byProbe = []string{"probe", "type", "target"}

	upDesc          = describe("up", "1 where the probe got the answer that it wants, 0 where not; absent where it is unknown.")
	unknownDesc     = describe("unknown", "1 for the reason why the probe cannot be told to be up or down.", "reason")
	durationDesc    = describe("duration_seconds", "Whole time of the last round.")
	phaseDesc       = describe("phase_seconds", "Time of one phase of the last round.", "phase")
	failureDesc     = describe("failure", "1 for the reason of the last round's failure.", "reason")
	statusDesc      = describe("http_status", "Last HTTP status code.")
	notAfterDesc    = describe("certificate_not_after_timestamp_seconds", "When the certificate that was shown ends.")
	chainDesc       = describe("certificate_chain_not_after_timestamp_seconds", "When the first certificate of the chain ends.")
	certificateDesc = describe("certificate_valid", "1 where the certificate is valid, 0 with the problem where not.", "problem")
	firstUpDesc     = describe("first_up_timestamp_seconds", "When the probe was up for the first time that is remembered; absent if never, and in the first half hour of one that was discovered.")
	failedDesc      = describe("failed_ratio", "Share of the last rounds, 12 at most, that did not get the answer that is wanted; absent while there are fewer than 6.")
	relapsesDesc    = describe("relapses", "How often one of those rounds failed just after one that did not.")
	infoDesc        = describe("info", "1; origin says whether the probe was configured or discovered.", "origin")
)

func describe(name, help string, more ...string) *prometheus.Desc {
	return prometheus.NewDesc("evenkeel_probe_"+name, help, append(byProbe[:len(byProbe):len(byProbe)], more...), nil)
}

// Gatherer yields the latest round of each probe as evenkeel_probe_* series.
func (p *Prober) Gatherer() prometheus.Gatherer {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collector{p})
	return reg
}

type collector struct{ prober *Prober }

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{upDesc, unknownDesc, durationDesc, phaseDesc, failureDesc, statusDesc, notAfterDesc, chainDesc, certificateDesc, firstUpDesc, failedDesc, relapsesDesc, infoDesc} {
		ch <- d
	}
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	for _, r := range c.prober.results(time.Now()) {
		gauge := func(d *prometheus.Desc, value float64, more ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, append([]string{r.Name, string(r.Type), r.Target}, more...)...)
		}
		gauge(infoDesc, 1, string(r.Origin))
		if !r.FirstUp.IsZero() {
			gauge(firstUpDesc, seconds(r.FirstUp))
		}
		if r.Outcome == Unknown {
			if r.Reason != "" { // before the first round there is nothing to say yet
				gauge(unknownDesc, 1, string(r.Reason))
			}
			continue
		}
		last := r.Rounds[len(r.Rounds)-1]
		if r.Outcome == Up {
			gauge(upDesc, 1)
		} else {
			gauge(upDesc, 0)
			gauge(failureDesc, 1, string(r.Reason))
		}
		if share, relapses, enough := lately(r.Rounds); enough {
			gauge(failedDesc, share)
			gauge(relapsesDesc, float64(relapses))
		}
		gauge(durationDesc, last.Took.Seconds())
		for _, p := range last.Phases {
			gauge(phaseDesc, p.Took.Seconds(), string(p.Phase))
		}
		if last.Status != 0 {
			gauge(statusDesc, float64(last.Status))
		}
		if cert := last.Certificate; cert != nil {
			gauge(notAfterDesc, seconds(cert.NotAfter))
			gauge(chainDesc, seconds(cert.ChainNotAfter))
			valid := 1.0
			if cert.Problem != "" {
				valid = 0
			}
			gauge(certificateDesc, valid, string(cert.Problem))
		}
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// The bounds of how many rounds say how reliable an answer is.
const latelyLeast, latelyMost = 6, 12

// lately tells what share of the last rounds failed, and how often one did just
// after one that was well. Rounds in which nobody could be asked say nothing.
func lately(rounds []Round) (share float64, relapses int, enough bool) {
	n, failed := 0, 0
	after := Unknown // the outcome of the round that follows
	for k := len(rounds) - 1; k >= 0 && n < latelyMost; k-- {
		now := rounds[k].Outcome
		if now == Unknown {
			continue
		}
		n++
		if now == Down {
			failed++
		} else if after == Down {
			relapses++
		}
		after = now
	}
	return float64(failed) / float64(max(1, n)), relapses, n >= latelyLeast
}
