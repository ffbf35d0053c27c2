package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/internal/figure"
)

var small = []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}

// number writes a count as a word where it is small, as people do in a sentence.
func number(n int) string {
	if n >= 0 && n < len(small) {
		return small[n]
	}
	return grouped(n)
}

// grouped writes 12345 as 12,345.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural picks the word for n.
func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// upperFirst begins a sentence.
func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// spanWords is figure.Span for the middle of a sentence: "2 minutes".
func spanWords(d time.Duration) string {
	n, one := int(d.Seconds()), "second"
	switch {
	case d >= 48*time.Hour:
		n, one = int(d.Hours()/24), "day"
	case d >= 2*time.Hour:
		n, one = int(d.Hours()), "hour"
	case d >= time.Minute:
		n, one = int(d.Minutes()), "minute"
	}
	return fmt.Sprintf("%d %s", n, plural(n, one, one+"s"))
}

// ago writes how long before now t was.
func ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case t.IsZero():
		return "never"
	case d < 0:
		return "in " + figure.Span(d)
	case d < 5*time.Second:
		return "just now"
	default:
		return figure.Span(d) + " ago"
	}
}

// clock writes a time of day, with the date where it is not today's.
func clock(t, now time.Time) string {
	t = t.In(now.Location())
	switch {
	case t.IsZero():
		return "never"
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return t.Format("15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	default:
		return t.Format("2 Jan 2006 15:04")
	}
}

// kindWord is how people call a kind of entity.
var kindWords = map[estate.Kind][2]string{
	estate.Host: {"host", "hosts"}, estate.Disk: {"disk", "disks"},
	estate.Filesystem: {"filesystem", "filesystems"}, estate.Interface: {"network interface", "network interfaces"},
	estate.Unit: {"service unit", "service units"}, estate.Container: {"container", "containers"},
	estate.Group: {"process group", "process groups"}, estate.Listener: {"listening port", "listening ports"},
	estate.Endpoint: {"endpoint", "endpoints"}, estate.Certificate: {"certificate", "certificates"},
	estate.KindService: {"service", "services"}, "process": {"process", "processes"}, "pod": {"pod", "pods"},
	"workload": {"workload", "workloads"}, "route": {"route of a proxy", "routes of proxies"}, "database": {"database", "databases"},
	"cache": {"cache", "caches"}, "queue": {"queue", "queues"}, "consumer": {"consumer of a queue", "consumers of queues"},
	"broker": {"broker", "brokers"}, "resolver": {"resolver", "resolvers"},
	kindCluster: {"Kubernetes cluster", "Kubernetes clusters"}, kindNode: {"node", "nodes"}, kindNamespace: {"namespace", "namespaces"},
	"ingress": {"ingress", "ingresses"}, "network-policy": {"network policy", "network policies"}, "claim": {"volume claim", "volume claims"},
	"persistent-volume": {"volume", "volumes"}, "autoscaler": {"autoscaler", "autoscalers"}, "disruption-budget": {"disruption budget", "disruption budgets"},
	kindQuota: {"quota", "quotas"}, "config-map": {"config map", "config maps"}, "secret": {"secret", "secrets"},
	"role-binding": {"role binding", "role bindings"}, "webhook": {"webhook", "webhooks"}, "api-service": {"API service", "API services"},
	"release": {"Helm release", "Helm releases"}, "gateway": {"gateway", "gateways"}, "gitops-app": {"application of GitOps", "applications of GitOps"},
	"limit-range": {"limit range", "limit ranges"}, "service-account": {"service account", "service accounts"},
	"vertical-autoscaler": {"vertical autoscaler", "vertical autoscalers"}, "cluster-autoscaler": {"cluster-autoscaler", "cluster-autoscalers"},
	"custom-resource-definition": {"custom resource definition", "custom resource definitions"}, "storage-class": {"storage class", "storage classes"},
	"storage-driver": {"storage driver", "storage drivers"}, "volume-snapshot": {"volume snapshot", "volume snapshots"},
	"node-pool": {"node pool", "node pools"}, "node-claim": {"node that was asked for", "nodes that were asked for"},
	"virtual-service": {"virtual service", "virtual services"}, "destination-rule": {"destination rule", "destination rules"},
	"mesh-gateway": {"gateway of the mesh", "gateways of the mesh"}, "peer-authentication": {"peer authentication", "peer authentications"},
	"mesh-server": {"server of Linkerd", "servers of Linkerd"}, "service-profile": {"service profile", "service profiles"},
	estate.Target: {"scraped exporter", "scraped exporters"}, estate.Collector: {"collector", "collectors"},
}

func kindWord(k estate.Kind, n int) string {
	w, known := kindWords[k]
	switch {
	case !known:
		return string(k)
	case n == 1:
		return w[0]
	default:
		return w[1]
	}
}

// relationWords says a relation from either side.
var relationWords = map[estate.RelationKind][2]string{
	estate.RunsOn: {"runs on", "runs"}, estate.StoredOn: {"is stored on", "stores"},
	estate.PartOf: {"is part of", "has"}, estate.Serves: {"serves", "is served by"},
	estate.Answers: {"answers for", "is answered by"}, estate.Secures: {"secures", "is secured by"},
	estate.ServedBy: {"is served by", "serves"}, estate.ReachedOver: {"is reached as", "is"}, estate.Shows: {"shows", "is shown by"},
	estate.Calls: {"calls", "is called by"}, estate.Owns: {"owns", "is owned by"},
	"in": {"is in", "holds"}, "mounts": {"mounts", "is mounted by"}, "binds": {"is bound to", "is bound by"},
	"routes-to": {"leads to", "is led to by"}, "scaled-by": {"is scaled by", "scales"},
	"limited-by": {"is limited by", "limits"}, "allowed-by": {"is held to", "binds"},
	"runs-as": {"runs as", "is the account of"}, "copy-of": {"is a copy of", "was copied to"},
}

func relationWord(k estate.RelationKind, forward bool) string {
	w, known := relationWords[k]
	switch {
	case !known && forward:
		return string(k)
	case !known:
		return string(k) + " (from)"
	case forward:
		return w[0]
	default:
		return w[1]
	}
}

// changeWord is how people call a kind of change: "unit-restart" reads "unit restart".
func changeWord(kind string) string { return strings.ReplaceAll(kind, "-", " ") }
