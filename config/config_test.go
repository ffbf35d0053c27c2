package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheDefaultsAreGood(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	fromNothing, err := Parse(nil)
	if err != nil || fromNothing.Listen != Default().Listen {
		t.Fatalf("an empty file: %+v, %v", fromNothing, err)
	}
}

func TestAFileSaysOnlyWhatDiffers(t *testing.T) {
	c, err := Parse([]byte(`
listen: 127.0.0.1:9999
metrics:
  retention_time: 30d
scrape_configs:
  - job_name: node
    static_configs: [{targets: ["web-1:9100"]}]
probes:
  - name: shop
    type: http
    target: https://shop.example.com/health
`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:9999" || c.Metrics.RetentionTime.String() != "30d" || len(c.Probes.Probes) != 1 || c.Scrape.Empty() {
		t.Errorf("%+v", c)
	}
	if c.Interval != Default().Interval || c.Data != Default().Data {
		t.Error("what the file does not say has lost its default")
	}
}

// What has ended is no error: a configuration that could be loaded yesterday can be
// loaded today.
func TestAnExemptionThatHasEndedIsTaken(t *testing.T) {
	c, err := Parse([]byte(`
detect:
  exemptions:
    - id: old-disks
      checks: [disk-*, filesystem-filling]
      entities: ["disk:web-1:*"]
      matchers: ['severity!="critical"']
      until: 2001-02-03
      owner: storage team
      reason: they are replaced in May
`))
	if err != nil {
		t.Fatal(err)
	}
	x := c.Detect.Exemptions[0]
	if len(c.Detect.Exemptions) != 1 || len(x.Checks) != 2 || len(x.Matchers) != 1 || x.Until.Format("2006-01-02 15:04 MST") != "2001-02-03 00:00 UTC" || c.Detect.MaxEntities == 0 {
		t.Errorf("%+v", x)
	}
}

func TestErrorsNameThePlaceAndTheRemedy(t *testing.T) {
	for _, c := range []struct{ yaml, place, remedy string }{
		{"listne: x", "evenkeel.yaml:1", "unknown key listne"},
		{"interval: 5h", "interval", "between 1s and 1m"},
		{"interval: quickly", "evenkeel.yaml", "quickly"},
		{"tls: {cert_file: a.pem}", "tls", "name both or none"},
		{"store: {dsn: x, dsn_file: y}", "store", "not both"},
		{"log_level: loud", "log_level", "debug, info, warn, error"},
		{"environment: 'a b'", "environment", "without spaces"},
		{"---\na: 1\n---\n", "evenkeel.yaml", ""},
		{"probes:\n  - name: x\n    type: htpp\n    target: y\n", "probes[0]", "http"},
		{"scrape_configs: [{job_name: ''}]", "scrape_configs", ""},
		{"metrics: {external: {url: 'nonsense'}}", "metrics.external", ""},
		{"access: {trusted_proxies: [everybody]}", "trusted_proxies", "10.0.0.0/8"},
		{"kubernetes: [{name: 'a:b', in_cluster: true}]", "kubernetes[0].name", "without spaces"},
		{"kubernetes: [{name: a}]", "kubernetes[0].kubeconfig", "in_cluster"},
		{"kubernetes: [{name: local, in_cluster: true}]", "kubernetes[0].name", "one of its own"},
		{"public_url: nonsense", "public_url", "https://"},
		{"detect: {exemptions: [{id: a, checks: ['*'], entities: ['*'], until: 2026-01-01, owner: b, reason: why}]}", "detect.exemptions[0] (a).checks", "name the checks"},
		{"detect: {exemptions: [{id: a, checks: [disk-slow], entities: ['*'], until: 9000-01-01, owner: b, reason: why}]}", "detect.exemptions[0] (a).until", "more than a year"},
		{"detect: {exemptions: [{id: a, checks: [disk-slow], entities: ['*'], until: 2026-01-01, reason: why}]}", "detect.exemptions[0] (a).owner", "whom to ask"},
		{"detect:\n  exemptions:\n    - {id: a, check: [disk-slow]}", "evenkeel.yaml:3", "unknown key check"},
		{"detect:\n  exemptions:\n    - id: a\n      matchers: ['host=~(']", "evenkeel.yaml:4", "regular expression"},
	} {
		path := filepath.Join(t.TempDir(), "evenkeel.yaml")
		if err := os.WriteFile(path, []byte(c.yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if err == nil {
			t.Errorf("%q was taken", c.yaml)
			continue
		}
		if !strings.Contains(err.Error(), c.place) || !strings.Contains(err.Error(), c.remedy) {
			t.Errorf("%q: %q does not name %q and %q", c.yaml, err, c.place, c.remedy)
		}
		if strings.Contains(err.Error(), "config.Config") || strings.Contains(err.Error(), "unmarshal") {
			t.Errorf("%q: %q speaks of Go types", c.yaml, err)
		}
	}
}

func TestTheDSNMayStandInAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(path, []byte("postgres://u:p@db/evenkeel\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.Store.DSNFile = path
	if dsn, err := c.StateDSN(); err != nil || dsn != "postgres://u:p@db/evenkeel" {
		t.Errorf("%q, %v", dsn, err)
	}
	c.Store.DSNFile += ".gone"
	if _, err := c.StateDSN(); err == nil || !strings.Contains(err.Error(), "dsn_file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("listen: 127.0.0.1:1\nprobes: [{name: a, type: tcp, target: 'b:1'}]\n"))
	f.Add([]byte("scrape_configs: [{job_name: a, static_configs: [{targets: [a]}]}]"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := Parse(raw)
		if err == nil && c.Validate() != nil {
			t.Errorf("what was parsed does not hold: %v", c.Validate())
		}
	})
}
