package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/respond"
)

// ogAlert is an alert as Opsgenie's API takes it.
type ogAlert struct {
	Message     string         `json:"message"`
	Alias       string         `json:"alias"`
	Description string         `json:"description"`
	Tags        []string       `json:"tags"`
	Details     map[string]any `json:"details"`
	Entity      string         `json:"entity"`
	Source      string         `json:"source"`
	Priority    string         `json:"priority"`
}

// maxAlias bounds an alias, as Opsgenie does.
const maxAlias = 512

// ogKey is the key of an alias.
func ogKey(alias string) string {
	if len(alias) <= maxKey {
		return alias
	}
	return hashLabels(map[string]string{"alias": alias})
}

// parseOpsgenie reads the body of POST /v2/alerts.
func parseOpsgenie(b *batch, body []byte) error {
	var a ogAlert
	if err := json.Unmarshal(body, &a); err != nil {
		return readable(err)
	}
	switch {
	case strings.TrimSpace(a.Message) == "":
		return errors.New("message is missing")
	case len(a.Alias) > maxAlias:
		return fmt.Errorf("alias is longer than %d bytes", maxAlias)
	case a.Priority != "" && severity(a.Priority) == 0:
		return errors.New("priority is not one of P1, P2, P3, P4, P5")
	}
	out := respond.Alert{Status: respond.Firing, Title: a.Message, Text: a.Description, Severity: severity(a.Priority), Labels: map[string]string{}}
	label := func(name, value string) {
		if name != "" && value != "" && len(out.Labels) < maxLabels/2 {
			out.Labels[cut(name, maxLabelName)] = cut(value, maxLabelValue)
		}
	}
	label("entity", a.Entity)
	label("source", a.Source)
	label("priority", a.Priority)
	for _, name := range slices.Sorted(maps.Keys(a.Details)) {
		if text, ok := a.Details[name].(string); ok && name != "entity" && name != "source" && name != "priority" && name != "tags" {
			label(name, text)
		}
	}
	label("tags", strings.Join(a.Tags, ","))
	out.Fingerprint = ogKey(a.Alias)
	if out.Fingerprint == "" {
		// As Opsgenie does: without an alias the message names it.
		out.Fingerprint = hashLabels(map[string]string{"message": a.Message})
	}
	b.add(out)
	return nil
}
