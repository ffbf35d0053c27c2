package kube

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// All clusters' figures come from one registry.
func TestFiguresOfSeveralClusters(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := "apiVersion: v1\nkind: Config\nclusters: [{name: x, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: x, user: {}}]\n" +
		"contexts: [{name: 'arn:aws:x', context: {cluster: x, user: x}}]\ncurrent-context: 'arn:aws:x'\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	for _, name := range []string{"", "other"} {
		cfg, err := FromFile(file, "")
		if err != nil {
			t.Fatal(err)
		}
		if name != "" {
			cfg.Name = name
		}
		if err := (Configs{cfg}).Validate(); err != nil {
			t.Fatal(err)
		}
		w, err := New(cfg, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := registry.Register(w.Figures()); err != nil {
			t.Fatal(err)
		}
	}
	families, err := registry.Gather()
	if err != nil || len(families) != 6 {
		t.Fatalf("%d families, %v", len(families), err)
	}
	for _, f := range families {
		if len(f.Metric) != 2 {
			t.Errorf("%s has %d series, want one for each cluster", f.GetName(), len(f.Metric))
		}
	}
	if _, err := FromFile(file, "none"); err == nil {
		t.Error("a context that is not there was taken")
	}
}
