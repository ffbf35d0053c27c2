// Package client speaks Evenkeel's HTTP API from Go; the command line uses it.
//
// Every method fails with an *Error where the server refused, which carries
// what the server said; other errors mean that the server could not be asked.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/oncall"
	"github.com/evenkeel/evenkeel/respond/route"
)

// maxAnswer bounds an answer that is read whole.
const maxAnswer = 64 << 20

// Client asks one server. It is safe for concurrent use.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// Error is a refusal by the server (RFC 9457).
type Error struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

func (e *Error) Error() string {
	text := e.Detail
	if text == "" {
		text = e.Title
	}
	for _, each := range e.Errors {
		text += "; " + each.Location + ": " + each.Message
	}
	if e.Status == http.StatusUnauthorized {
		text += "; the token may be revoked or of another server"
	}
	return text
}

// New returns a client of the server at base, such as http://127.0.0.1:7070.
func New(base, token string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("%q is not the address of a server, such as https://evenkeel.example.com", base)
	}
	return &Client{base: u, token: token, http: &http.Client{
		// The token must not follow a redirect to somewhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Findings lists one page. Query takes the parameters of GET /api/v1/findings.
func (c *Client) Findings(ctx context.Context, query url.Values) (page finding.Page, err error) {
	return page, c.call(ctx, http.MethodGet, "/api/v1/findings", query, nil, &page)
}

// OnCall tells who is on call at a time, in one schedule where named.
func (c *Client) OnCall(ctx context.Context, schedule string, at time.Time) (list []oncall.Standing, err error) {
	query := url.Values{"at": {at.UTC().Format(time.RFC3339)}}
	if schedule != "" {
		var one oncall.Standing
		err := c.call(ctx, http.MethodGet, "/api/v1/schedules/"+url.PathEscape(schedule)+"/oncall", query, nil, &one)
		return []oncall.Standing{one}, err
	}
	var all struct{ Schedules []oncall.Standing }
	err = c.call(ctx, http.MethodGet, "/api/v1/oncall", query, nil, &all)
	return all.Schedules, err
}

// OnCallProblems returns what will go wrong in the next days.
func (c *Client) OnCallProblems(ctx context.Context) ([]oncall.Problem, error) {
	var all struct{ Problems []oncall.Problem }
	err := c.call(ctx, http.MethodGet, "/api/v1/oncall/problems", nil, nil, &all)
	return all.Problems, err
}

// Finding returns one with its history.
func (c *Client) Finding(ctx context.Context, id string) (f api.FindingWithHistory, err error) {
	return f, c.call(ctx, http.MethodGet, "/api/v1/findings/"+url.PathEscape(id), nil, nil, &f)
}

// Acknowledge says that somebody looks at a finding.
func (c *Client) Acknowledge(ctx context.Context, id, note string) (f finding.Finding, err error) {
	return f, c.call(ctx, http.MethodPost, "/api/v1/findings/"+url.PathEscape(id)+"/acknowledge", nil, map[string]string{"note": note}, &f)
}

// Accept accepts a finding until a time.
func (c *Client) Accept(ctx context.Context, id string, until time.Time, reason string) (f finding.Finding, err error) {
	return f, c.call(ctx, http.MethodPost, "/api/v1/findings/"+url.PathEscape(id)+"/accept", nil, map[string]any{"until": until, "reason": reason}, &f)
}

// Reopen takes an answer to a finding back.
func (c *Client) Reopen(ctx context.Context, id, reason string) (f finding.Finding, err error) {
	return f, c.call(ctx, http.MethodPost, "/api/v1/findings/"+url.PathEscape(id)+"/reopen", nil, map[string]string{"reason": reason}, &f)
}

// Incidents lists one page. Query takes the parameters of GET /api/v1/incidents.
func (c *Client) Incidents(ctx context.Context, query url.Values) (page respond.IncidentPage, err error) {
	return page, c.call(ctx, http.MethodGet, "/api/v1/incidents", query, nil, &page)
}

// Incident returns one with its story.
func (c *Client) Incident(ctx context.Context, id string) (s api.IncidentStory, err error) {
	return s, c.call(ctx, http.MethodGet, "/api/v1/incidents/"+url.PathEscape(id), nil, nil, &s)
}

// AnswerIncident does one of acknowledge, resolve, escalate, reopen and note.
func (c *Client) AnswerIncident(ctx context.Context, id, verb, note string) (i respond.Incident, err error) {
	return i, c.call(ctx, http.MethodPost, "/api/v1/incidents/"+url.PathEscape(id)+"/"+verb, nil, map[string]string{"note": note}, &i)
}

// DeclareIncident opens one by hand. An empty severity is critical, an empty
// policy the default one; finding is the id of what it is about, or empty.
func (c *Client) DeclareIncident(ctx context.Context, title, severity, policy, finding string) (i respond.Incident, err error) {
	body := map[string]string{"title": title, "policy": policy, "finding": finding}
	if severity != "" {
		body["severity"] = severity
	}
	return i, c.call(ctx, http.MethodPost, "/api/v1/incidents", nil, body, &i)
}

// Cases lists them.
func (c *Client) Cases(ctx context.Context, query url.Values) (page cases.Page, err error) {
	return page, c.call(ctx, http.MethodGet, "/api/v1/cases", query, nil, &page)
}

// Case returns one with its history.
func (c *Client) Case(ctx context.Context, id string) (x api.CaseWithHistory, err error) {
	return x, c.call(ctx, http.MethodGet, "/api/v1/cases/"+url.PathEscape(id), nil, nil, &x)
}

// JudgeCase says that a case was useful, or noise.
func (c *Client) JudgeCase(ctx context.Context, id string, in api.CaseFeedback) (x cases.Case, err error) {
	return x, c.call(ctx, http.MethodPost, "/api/v1/cases/"+url.PathEscape(id)+"/feedback", nil, in, &x)
}

// Silences lists them.
func (c *Client) Silences(ctx context.Context) (list api.SilenceList, err error) {
	return list, c.call(ctx, http.MethodGet, "/api/v1/silences", nil, nil, &list)
}

// Silence makes one.
func (c *Client) Silence(ctx context.Context, in api.SilenceInput) (x api.Silence, err error) {
	return x, c.call(ctx, http.MethodPost, "/api/v1/silences", nil, in, &x)
}

// PreviewSilence says which of the alerts that stand a silence would take.
func (c *Client) PreviewSilence(ctx context.Context, in api.SilenceInput) (m route.Match, err error) {
	body := map[string]any{"matchers": in.Matchers, "environment": in.Environment}
	return m, c.call(ctx, http.MethodPost, "/api/v1/silences/preview", nil, body, &m)
}

// ExpireSilence ends one now.
func (c *Client) ExpireSilence(ctx context.Context, id string) (x api.Silence, err error) {
	return x, c.call(ctx, http.MethodPost, "/api/v1/silences/"+url.PathEscape(id)+"/expire", nil, nil, &x)
}

// Document returns what was learnt from an incident, as Markdown.
func (c *Client) Document(ctx context.Context, incident string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	resp, err := c.send(ctx, http.MethodGet, "/api/v1/incidents/"+url.PathEscape(incident)+"/document.md", nil, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return string(text), err
}

// Entities lists one page. Query takes the parameters of GET /api/v1/entities.
func (c *Client) Entities(ctx context.Context, query url.Values) (page estate.Page, err error) {
	return page, c.call(ctx, http.MethodGet, "/api/v1/entities", query, nil, &page)
}

// Changes lists one page. Query takes the parameters of GET /api/v1/changes.
func (c *Client) Changes(ctx context.Context, query url.Values) (page estate.ChangePage, err error) {
	return page, c.call(ctx, http.MethodGet, "/api/v1/changes", query, nil, &page)
}

// Checks lists what each check says of each entity.
func (c *Client) Checks(ctx context.Context, query url.Values) ([]api.Check, error) {
	var out struct {
		Checks []api.Check `json:"checks"`
	}
	return out.Checks, c.call(ctx, http.MethodGet, "/api/v1/checks", query, nil, &out)
}

// SLOs lists the service level objectives.
func (c *Client) SLOs(ctx context.Context) ([]api.SLO, error) {
	var out struct {
		SLOs []api.SLO `json:"slos"`
	}
	err := c.call(ctx, http.MethodGet, "/api/v1/slos", nil, nil, &out)
	return out.SLOs, err
}

// Suggestions are objectives that could be promised of what has none.
func (c *Client) Suggestions(ctx context.Context) (out api.Suggestions, err error) {
	return out, c.call(ctx, http.MethodGet, "/api/v1/slos/suggestions", nil, nil, &out)
}

// Health tells how the server itself does.
func (c *Client) Health(ctx context.Context) (h api.Health, err error) {
	return h, c.call(ctx, http.MethodGet, "/api/v1/health", nil, nil, &h)
}

// VerifyLedger has the whole page ledger read for what is lost or stuck.
func (c *Client) VerifyLedger(ctx context.Context) (r api.LedgerReport, err error) {
	return r, c.call(ctx, http.MethodGet, "/api/v1/ledger/report", nil, nil, &r)
}

// LoginLink returns the address of a link that lets the user in once.
func (c *Client) LoginLink(ctx context.Context, user string) (string, error) {
	var out struct {
		Path string `json:"path"`
	}
	err := c.call(ctx, http.MethodPost, "/api/v1/login-links", nil, map[string]string{"user": user}, &out)
	return strings.TrimRight(c.base.String(), "/") + out.Path, err
}

// Backup writes a backup to w. On an error what was written is not a backup.
func (c *Client) Backup(ctx context.Context, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodPost, "/api/v1/backups", nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the backup was cut off: %w; the server's log says why", err)
	}
	return nil
}

func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	resp, err := c.send(ctx, method, path, query, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("%s does not answer like an Evenkeel: %w", c.base.Host, err)
	}
	return nil
}

// send asks, and turns a refusal into an error.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, in any) (*http.Response, error) {
	u := strings.TrimRight(c.base.String(), "/") + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, u, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot reach Evenkeel at %s: %w", c.base.Host, errors.Unwrap(err))
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	refusal := &Error{}
	if json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(refusal) != nil || refusal.Title == "" {
		return nil, fmt.Errorf("%s answered %s; is it an Evenkeel?", c.base.Host, resp.Status)
	}
	refusal.Status = resp.StatusCode
	return nil, refusal
}
