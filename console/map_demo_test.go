package console

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

// crowdSpaces are the namespaces of a cluster of 200 workloads: applications
// with their parts. What has a sort other than a deployment says so.
var crowdSpaces = []struct {
	name string
	apps map[string]string
}{
	{"shop", map[string]string{"storefront": "banners sitemap wishlist vouchers feeds recommendations", "basket": "cart-sync cart-expiry cart-events"}},
	{"payments", map[string]string{"cards": "gateway ledger vault fraud-score fraud-rules payouts", "invoices": "invoice-api invoice-render invoice-mail statefulset/invoice-store", "wallet": "wallet-api wallet-worker statefulset/wallet-db", "": "cronjob/settle reconcile"}},
	{"catalog", map[string]string{"products": "product-api product-index product-import price-feed stock", "media": "thumbs resize media-api statefulset/media-store", "reviews": "review-api moderation review-index", "": "cronjob/reindex taxonomy"}},
	{"identity", map[string]string{"login": "auth sessions mfa statefulset/session-store", "profiles": "profile-api avatar consent", "": "audit cronjob/key-rotation"}},
	{"delivery", map[string]string{"routing": "route-planner geocode maps tracking", "carriers": "carrier-api label-print carrier-sync returns", "warehouse": "picker packer slotting statefulset/warehouse-db", "": "eta cronjob/manifest"}},
	{"recommend", map[string]string{"features": "feature-api feature-writer statefulset/feature-store", "models": "ranker embedder candidate-api trainer", "": "experiments similar-items cronjob/retrain"}},
	{"search", map[string]string{"query": "query-api suggest spell facets", "index": "statefulset/index-0 statefulset/index-1 indexer index-merge", "": "synonyms cronjob/compact"}},
	{"analytics", map[string]string{"events": "collector enricher deduper sink", "reports": "report-api report-render dashboards scheduler", "warehouse": "loader transformer statefulset/columnar", "": "cronjob/nightly cronjob/weekly exports"}},
	{"messaging", map[string]string{"mail": "mail-api mail-render mail-sender bounce", "push": "push-api push-apns push-fcm", "chat": "chat-api chat-ws", "broker": "statefulset/kafka-0 statefulset/kafka-1 statefulset/kafka-2 schema-registry", "": "sms webhooks preferences"}},
	{"data", map[string]string{"orders": "statefulset/orders-db pgbouncer orders-backup", "cache": "statefulset/redis-sessions statefulset/redis-cart redis-sentinel", "": "statefulset/customers-db statefulset/catalog-db cronjob/vacuum migrations"}},
	{"platform", map[string]string{"edge": "edge-proxy rate-limit waf bot-check", "config": "flags flags-api secrets-sync", "ci": "runner runner-cache registry registry-gc", "": "cert-manager external-dns image-scan cronjob/cleanup status-page"}},
	{"monitoring", map[string]string{"metrics": "statefulset/prometheus alertmanager pushgateway kube-state", "logs": "statefulset/loki daemonset/promtail log-router", "traces": "otel-collector tempo tempo-query", "": "grafana daemonset/node-exporter blackbox uptime"}},
	{"kube-system", map[string]string{"": "coredns daemonset/kube-proxy daemonset/cilium cilium-operator hubble-relay metrics-server daemonset/csi-node csi-controller autoscaler"}},
	{"internal", map[string]string{"backoffice": "admin-api admin-web approvals support-tools", "finance": "tax currency bookkeeping audit-export", "hr": "rota people-api", "": "wiki chatbot forms uploads cronjob/digest printing translations glossary holidays badges parking meetings lunch canteen travel"}},
	{"batch", map[string]string{"": "dispatcher cronjob/archive cronjob/statements cronjob/newsletter importer sweeper resizer uploader"}},
}

// crowdCalls are who calls whom, and how often a second; 0 is not known.
const crowdCalls = `
platform/edge-proxy shop/web 420, platform/edge-proxy identity/auth 65, shop/web shop/cart 120, shop/web search/query-api 180, shop/web recommend/candidate-api 95, shop/web catalog/product-api 310,
shop/cart shop/checkout 22, shop/checkout payments/gateway 20, shop/checkout delivery/eta 21, shop/checkout data/pgbouncer 64, shop/cart data/redis-cart 240, shop/checkout identity/sessions 22, shop/search search/query-api 12,
payments/gateway payments/ledger 20, payments/gateway payments/fraud-score 20, payments/fraud-score payments/fraud-rules 20, payments/gateway payments/vault 20, payments/ledger data/pgbouncer 60, payments/invoice-api payments/invoice-store 4,
payments/invoice-mail messaging/mail-api 3, payments/payouts payments/ledger 1, payments/wallet-api payments/wallet-db 6, payments/fraud-score recommend/feature-api 20,
catalog/product-api data/catalog-db 410, catalog/product-api catalog/stock 160, catalog/product-api catalog/media-api 90, catalog/media-api catalog/media-store 85, catalog/review-api catalog/moderation 2, catalog/price-feed catalog/product-api 5,
identity/auth identity/sessions 65, identity/sessions identity/session-store 130, identity/auth identity/mfa 8, identity/profile-api data/customers-db 14, identity/mfa messaging/sms 3,
delivery/eta delivery/route-planner 21, delivery/route-planner delivery/geocode 44, delivery/route-planner delivery/maps 37, delivery/tracking delivery/carrier-api 12, delivery/picker delivery/warehouse-db 9,
recommend/candidate-api recommend/ranker 95, recommend/ranker recommend/feature-api 190, recommend/feature-api recommend/feature-store 380, recommend/candidate-api recommend/embedder 95,
search/query-api search/index-0 190, search/query-api search/index-1 190, search/query-api search/suggest 60, search/indexer messaging/kafka-0 15, search/indexer catalog/product-api 15,
analytics/collector messaging/kafka-1 900, analytics/enricher messaging/kafka-1 880, analytics/sink analytics/columnar 30, analytics/report-api analytics/columnar 2, messaging/mail-sender messaging/kafka-2 3, messaging/mail-api messaging/mail-render 3,
shop/web analytics/collector 400, internal/admin-api data/pgbouncer 1, internal/admin-web internal/admin-api 1, internal/tax payments/invoice-api 0, monitoring/grafana monitoring/prometheus 6, monitoring/grafana monitoring/loki 2, monitoring/otel-collector monitoring/tempo 45,
platform/flags-api platform/flags 70, shop/web platform/flags-api 70, payments/gateway bank.example.com 20, messaging/sms sms.example.net 3`

// crowd makes the demo's cluster one of 200 workloads, of which some are not
// well, with calls between them as a mesh tells of.
func (d *demo) crowd(t testing.TB) *bed {
	t.Helper()
	b := d.cluster(t)
	born := d.now.Add(-4 * time.Hour)
	sick := map[string]int{"payments/ledger": 0, "identity/sessions": 1, "catalog/price-feed": 1, "recommend/trainer": 1} // ready of two
	for _, space := range crowdSpaces {
		b.space(space.name)
		apps := []string{}
		for app := range space.apps {
			apps = append(apps, app)
		}
		slices.Sort(apps)
		for _, app := range apps {
			for _, part := range strings.Fields(space.apps[app]) {
				sort, name, other := strings.Cut(part, "/")
				if !other {
					sort, name = "deployment", part
				}
				more := map[string]string{"application": app}
				ready, isSick := sick[space.name+"/"+name]
				if !isSick {
					ready = 2
				} else {
					more["unavailable_since"] = d.now.Add(-18 * time.Minute).UTC().Format(time.RFC3339)
				}
				if sort == "deployment" {
					b.deploy(space.name, name, "registry.example.org/"+space.name+"/"+name+":1.8.2", "5f6d7c8b9", 2, ready, born, more)
					continue
				}
				kind := map[string]string{"statefulset": "StatefulSet", "daemonset": "DaemonSet", "cronjob": "CronJob"}[sort]
				facts := map[string]string{"kind": kind, "wanted": "3", "ready": "3", "updated": "3", "application": app, "images": name + ":1.0"}
				if kind == "CronJob" {
					facts = map[string]string{"kind": kind, "schedule": "30 2 * * *", "last_success": d.now.Add(-9 * time.Hour).UTC().Format(time.RFC3339), "application": app}
				}
				b.join(b.add(kindWorkload, space.name+"/"+name, facts, space.name, sort+"/"+name), "in", b.id(kindNamespace, space.name))
			}
		}
	}
	for _, at := range []string{"platform/edge-proxy", "identity/auth", "internal/admin-web", "monitoring/grafana"} {
		space, name, _ := strings.Cut(at, "/")
		service := b.within("service", space, name, map[string]string{"type": "ClusterIP", "ports": "80/TCP", "endpoints_ready": "2"})
		b.join(service, "routes-to", b.id(kindWorkload, space, "deployment/"+name))
		b.join(b.within("ingress", space, name, map[string]string{"hosts": name + ".example.org", "class": "nginx", "backends": name + ":80"}), "routes-to", service)
	}
	if err := d.estate.Observe(t.Context(), b.observation(d.now.Add(-20*time.Minute))); err != nil {
		t.Fatal(err)
	}
	var courses []detect.Course
	mesh := estate.Observation{Tenant: access.DefaultTenant, Environment: demoEnv, Source: "figures", At: d.now.Add(-30 * time.Minute)}
	seen := map[string]bool{}
	for _, line := range strings.Split(crowdCalls, ",") {
		f := strings.Fields(line)
		id := func(end string) string {
			id := "service:" + strings.Replace(end, "/", ":", 1)
			if !seen[id] {
				seen[id] = true
				mesh.Entities = append(mesh.Entities, estate.Entity{ID: id, Kind: estate.KindService, Name: strings.TrimPrefix(id, "service:")})
			}
			return id
		}
		from, to := id(f[0]), id(f[1])
		mesh.Relations = append(mesh.Relations, estate.Relation{From: from, Kind: estate.Calls, To: to, Confidence: .95})
		if rate, _ := strconv.ParseFloat(f[2], 64); rate > 0 {
			courses = append(courses, detect.Course{Kind: "edge", Signal: "traffic", Caller: from, Callee: to, Value: rate})
		}
	}
	if err := d.estate.Observe(t.Context(), mesh); err != nil {
		t.Fatal(err)
	}
	d.Console.Events = func(_ context.Context, _, space string, of func(kind, name string) bool) (out []Event, _ error) {
		for _, e := range []Event{
			{d.now.Add(-40 * time.Second), "Pod", "checkout-5b8c4d6f9-5lmnp", "BackOff", "Back-off restarting failed container app in pod checkout-5b8c4d6f9-5lmnp", true, 41},
			{d.now.Add(-4 * time.Minute), "Pod", "checkout-5b8c4d6f9-5lmnp", "Pulled", "Container image \"registry.example.org/shop/checkout:5.2.0\" already present on machine", false, 7},
			{d.now.Add(-5 * time.Minute), "Pod", "cart-7d4b9c6f5-2bcdf", "Unhealthy", "Readiness probe failed", true, 2},
			{d.now.Add(-22 * time.Minute), "Pod", "checkout-5b8c4d6f9-4ghjk", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", true, 3},
			{d.now.Add(-24 * time.Minute), "HorizontalPodAutoscaler", "checkout", "SuccessfulRescale", "New size: 3; reason: cpu resource utilization above target", false, 1},
			{d.now.Add(-25 * time.Minute), "Deployment", "checkout", "ScalingReplicaSet", "Scaled up replica set checkout-5b8c4d6f9 to 3", false, 1},
		} {
			if space == "shop" && of(e.Kind, e.Name) {
				out = append(out, e)
			}
		}
		return out, nil
	}
	d.Console.Courses = func() []detect.Course { return courses }
	for i, f := range []struct {
		entity string
		report finding.Report
	}{
		{b.id(kindWorkload, "payments", "deployment/ledger"), finding.Report{Severity: finding.Critical, Title: "No pod of payments/ledger answers, and it is called 21 times a second", EntityName: "payments/ledger", EntityKind: "workload", Effect: "Cards cannot be charged."}},
		{b.id(kindWorkload, "data", "statefulset/orders-db"), finding.Report{Severity: finding.Warning, Foreseen: true, Title: "The volume of data/orders-db is full in nine days", EntityName: "data/orders-db", EntityKind: "workload"}},
		{b.id(kindPod, "delivery", "route-planner-5f6d7c8b9-4ghjk"), finding.Report{Severity: finding.Warning, Title: "delivery/route-planner is held back: it needs more processor than it may have", EntityName: "delivery/route-planner", EntityKind: "workload"}},
		{b.id(kindWorkload, "messaging", "deployment/mail-sender"), finding.Report{Severity: finding.Warning, Title: "messaging/mail-sender falls behind: 12,000 mails wait", EntityName: "messaging/mail-sender", EntityKind: "workload"}},
	} {
		since := d.now.Add(-time.Duration(15-i) * time.Minute)
		d.record(t, finding.Observation{Key: finding.Key{Tenant: access.DefaultTenant, Environment: b.name, Practice: "kubernetes", Check: fmt.Sprintf("demo-%d", i), Entity: f.entity},
			At: since, Since: since, Sign: finding.Firing, Report: f.report})
	}
	return b
}

// workloads counts those of a bed.
func (b *bed) workloads() (n int) {
	for _, e := range b.entities {
		if e.Kind == kindWorkload {
			n++
		}
	}
	return n
}
