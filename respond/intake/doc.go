// Package intake takes alerts in, in the dialects that programs already speak.
//
//	/alertmanager/api/v2/...                       Alertmanager's API: Prometheus, amtool
//	/pagerduty/v2/enqueue, /v2/change/enqueue      PagerDuty Events v2
//	/opsgenie/v2/alerts                            Opsgenie alerts
//	/webhook/{grafana,alertmanager,json}/{id}      webhooks; json is mapped by CEL
//	/heartbeat/{id}                                a sign of life; silence is an alert
//
// Each dialect is a pure function from a body to alerts and refusals; one way
// leads from there to the Receiver. Who sends is an Integration of the
// configuration, proven by its secret: in the header or the body where the
// dialect has it, or by a signature. A path names an integration and proves
// nothing.
//
//	| dialect      | what proves the sender                                            |
//	| alertmanager | Authorization: Bearer, or Basic with the integration as the user  |
//	| pagerduty    | routing_key in the body                                           |
//	| opsgenie     | Authorization: GenieKey                                           |
//	| grafana      | X-Grafana-Alerting-Signature, or Authorization as above           |
//	| json         | Standard Webhooks' signature, or Authorization as above           |
//	| heartbeat    | Authorization as above, or no secret where none is configured     |
//
// Invariants: a request is answered with success only after the Receiver has
// returned, so that what was acknowledged is stored; of a batch with a bad
// alert the good ones are kept, and the answer names the bad one by its index;
// every body, label set, queue and wait has a bound; secrets are compared in
// constant time and reach no log, answer or alert.
//
// Failure behaviour: where alerts cannot be stored, or more requests run than
// may, the answer is 503 with Retry-After, never 429: Alertmanager's senders do
// not come again after that. What is malformed is 400, in the dialect's own
// form. An annotation that is too long is cut, since that is no reason to lose
// a page; labels name the alert and are refused.
package intake
