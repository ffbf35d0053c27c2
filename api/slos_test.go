package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestObjectivesAreSuggested(t *testing.T) {
	s := serve(t)
	raw := s.ask(t, http.MethodGet, "/api/v1/slos/suggestions", admin, "")
	if raw.status != http.StatusOK {
		t.Fatalf("%d %s", raw.status, raw.body)
	}
	for _, want := range []string{`"yaml":"- id: cart-answers\n"`, `"target":99.5`, `"kept":19`, `"reason":"Too little is known."`, `"later":3`} {
		if !strings.Contains(raw.body, want) {
			t.Errorf("%s is not in %s", want, raw.body)
		}
	}
}
