package lab

import (
	"log/slog"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/store"
)

func TestAPastIsThereWhenTheStoreIsOpenedAgain(t *testing.T) {
	dir := t.TempDir()
	open, hosts, err := FillHistory(t.Context(), dir, Past{Entities: 200, Findings: 1200, Open: 30}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(open) != 30 || len(hosts) != 20 {
		t.Errorf("%d open findings and %d hosts, want 30 and 20", len(open), len(hosts))
	}
	s, err := store.Open(t.Context(), store.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	found, err := s.Findings(t.Context(), finding.Filter{Tenant: access.DefaultTenant})
	if err != nil || found.Total != 1200 {
		t.Errorf("%d findings are stored, want 1200 (%v)", found.Total, err)
	}
	existing, err := s.Entities(t.Context(), estate.Filter{Tenant: access.DefaultTenant})
	if err != nil || existing.Total != 200 {
		t.Errorf("%d entities are stored, want 200 (%v)", existing.Total, err)
	}
}
