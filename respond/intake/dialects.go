package intake

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"

	"github.com/evenkeel/evenkeel/respond"
)

// pdProblem answers as PagerDuty does.
func pdProblem(w http.ResponseWriter, status int, text string) {
	pdAnswer(w, status, "invalid event", "Event object is invalid", []string{text})
}

func pdAnswer(w http.ResponseWriter, status int, state, message string, faults []string) {
	writeJSON(w, status, map[string]any{"status": state, "message": message, "errors": faults})
}

// pdEvents reads an event, finds whose it is, and hands both on.
func (s *Server) pdEvents(next func(w http.ResponseWriter, r *http.Request, x *source, e pdEvent, body []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, done, err := s.stranger.read(w, r, maxPagerDuty)
		if err != nil {
			s.refuseBody(w, nil, err, pdProblem)
			return
		}
		defer done()
		e, err := parsePagerDuty(body)
		if err != nil {
			pdProblem(w, http.StatusBadRequest, err.Error())
			return
		}
		x, err := s.bySecret(r.Context(), PagerDuty, e.RoutingKey)
		switch {
		case errors.Is(err, errUnproven):
			// PagerDuty says so too, and its senders know it.
			pdProblem(w, http.StatusBadRequest, "'routing_key' is not one of an integration here")
		case err != nil:
			s.refuseProof(w, err, pdProblem)
		default:
			next(w, r, x, e, body)
		}
	}
}

func (s *Server) pagerDuty(w http.ResponseWriter, r *http.Request, x *source, e pdEvent, _ []byte) {
	if faults := e.check(); len(faults) > 0 {
		s.refused(x, strings.Join(faults, "; "))
		pdAnswer(w, http.StatusBadRequest, "invalid event", "Event object is invalid", faults)
		return
	}
	key := e.key()
	accepted := func() {
		writeJSON(w, http.StatusAccepted, map[string]string{"status": "success", "message": "Event processed", "dedup_key": key})
	}
	if e.EventAction == pdAcknowledge {
		s.acknowledge(w, r, x, key, pdProblem, accepted)
		return
	}
	b := s.batch(x)
	b.add(e.alert())
	s.take(r.Context(), w, x, b, pdProblem, accepted)
}

// acknowledge tells that the source says somebody has taken an alert up. What
// does not stand cannot be: that is no error, as the sender may be late.
func (s *Server) acknowledge(w http.ResponseWriter, r *http.Request, x *source, key string, say answerer, accepted func()) {
	id := respond.AlertKey{Tenant: x.by.Tenant, Source: x.by.ID, Fingerprint: key}
	known, err := s.opt.Alerts.AlertsByID(r.Context(), []string{id.ID()})
	if err != nil {
		s.unstored(w, x, err, say)
		return
	}
	b := s.batch(x)
	if len(known) == 1 && known[0].Fate != respond.Over {
		a := known[0].Alert
		a.Acknowledged = true
		b.alerts = []respond.Alert{a}
	}
	s.take(r.Context(), w, x, b, say, accepted)
}

func (s *Server) pagerDutyChange(w http.ResponseWriter, r *http.Request, x *source, e pdEvent, body []byte) {
	now := s.now()
	o, faults := e.change(x.by, body, now)
	if len(faults) > 0 {
		s.refused(x, strings.Join(faults, "; "))
		pdAnswer(w, http.StatusBadRequest, "invalid event", "Change event object is invalid", faults)
		return
	}
	if err := s.opt.Changes(r.Context(), o); err != nil {
		s.refused(x, "A change could not be stored; the sender was asked to come again.")
		s.opt.Log.Warn("a change could not be stored", "source", x.id(), "error", err)
		s.busy(w, "The change could not be stored; come again soon.", pdProblem)
		return
	}
	x.hear(now, 0)
	writeJSON(w, http.StatusAccepted, map[string]string{"status": "success", "message": "Change event processed"})
}

// ogProblem answers as Opsgenie does.
func ogProblem(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, map[string]any{"message": text, "took": 0, "requestId": rand.Text()})
}

// ogProve finds whose request it is.
func (s *Server) ogProve(w http.ResponseWriter, r *http.Request) (x *source, ok bool) {
	err := errUnproven
	if given, is := strings.CutPrefix(r.Header.Get("Authorization"), "GenieKey "); is {
		x, err = s.bySecret(r.Context(), Opsgenie, given)
	}
	if err != nil {
		s.refuseProof(w, err, ogProblem)
		return nil, false
	}
	return x, true
}

func ogAccepted(w http.ResponseWriter) func() {
	return func() {
		writeJSON(w, http.StatusAccepted, map[string]any{"result": "Request will be processed", "took": 0, "requestId": rand.Text()})
	}
}

func (s *Server) opsgenie(w http.ResponseWriter, r *http.Request) {
	x, ok := s.ogProve(w, r)
	if !ok {
		return
	}
	body, done, err := s.proven.read(w, r, maxPagerDuty)
	if err != nil {
		s.refuseBody(w, x, err, ogProblem)
		return
	}
	defer done()
	b := s.batch(x)
	if err := parseOpsgenie(b, body); err != nil {
		s.refused(x, err.Error())
		ogProblem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	s.take(r.Context(), w, x, b, ogProblem, ogAccepted(w))
}

// opsgenieAnswer closes or acknowledges an alert by its alias.
func (s *Server) opsgenieAnswer(w http.ResponseWriter, r *http.Request) {
	x, ok := s.ogProve(w, r)
	if !ok {
		return
	}
	alias := r.PathValue("alias")
	if r.URL.Query().Get("identifierType") != "alias" || len(alias) > maxAlias {
		const why = "only identifierType=alias is taken, and aliases of 512 bytes at most: Evenkeel gives out no ids of Opsgenie's"
		s.refused(x, why)
		ogProblem(w, http.StatusUnprocessableEntity, why)
		return
	}
	if strings.HasSuffix(r.URL.Path, "/acknowledge") {
		s.acknowledge(w, r, x, ogKey(alias), ogProblem, ogAccepted(w))
		return
	}
	b := s.batch(x)
	b.add(respond.Alert{AlertKey: respond.AlertKey{Fingerprint: ogKey(alias)}, Status: respond.Ended})
	s.take(r.Context(), w, x, b, ogProblem, ogAccepted(w))
}

// webhook takes webhooks of a dialect in, from the integration that the path
// names and that proves itself.
func (s *Server) webhook(d Dialect) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := s.integration(d, r.PathValue("id"))
		if x == nil {
			s.plain(w, http.StatusNotFound, "There is no such integration of the dialect "+string(d)+". Add it to respond.integrations.")
			return
		}
		from := s.stranger
		signature := map[Dialect]string{Grafana: grafanaSignature, JSON: webhookSignature}[d]
		bySignature := signature != "" && r.Header.Get(signature) != ""
		if !bySignature {
			if err := s.authorized(r, x, x.by.Secret); err != nil {
				s.refuseProof(w, err, s.plain)
				return
			}
			from = s.proven
		}
		body, done, err := from.read(w, r, maxBody)
		if err != nil {
			s.refuseBody(w, x, err, s.plain)
			return
		}
		defer done()
		if bySignature {
			if err := s.signed(r, x, body); err != nil {
				s.refuseProof(w, err, s.plain)
				return
			}
		}
		b, note := s.batch(x), ""
		if d == JSON {
			err = x.mapper.parse(r.Context(), b, body)
		} else {
			note, err = parseWebhook(b, body)
		}
		if err != nil {
			s.refused(x, err.Error())
			s.plain(w, http.StatusBadRequest, err.Error())
			return
		}
		if note != "" {
			s.refused(x, note)
		}
		s.take(r.Context(), w, x, b, s.plain, func() { s.plain(w, http.StatusOK, "Stored.") })
	}
}
