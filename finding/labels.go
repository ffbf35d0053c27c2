package finding

// kindService is the kind of entity that has the label service.
const kindService = "service"

// Labels are what matchers of routes, silences and exemptions see of a finding:
// alertname (the check), practice, environment, severity, entity, entity_kind,
// entity_name; service where it is about one, host where it is on one, and
// foreseen ("true") where it hurts nobody yet.
func Labels(k Key, r Report) map[string]string {
	out := map[string]string{"alertname": k.Check, "practice": k.Practice, "environment": k.Environment, "severity": r.Severity.String(),
		"entity": k.Entity, "entity_kind": r.EntityKind, "entity_name": r.EntityName}
	if r.EntityKind == kindService {
		out["service"] = r.EntityName
	}
	if r.Foreseen {
		out["foreseen"] = "true"
	}
	if r.Host != "" {
		out["host"] = r.Host
	}
	return out
}
