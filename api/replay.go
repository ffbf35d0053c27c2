package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/review/replay"
)

// Replay asks for a time that has passed to be run again.
type Replay struct {
	Tenant      string    `json:"tenant,omitempty" maxLength:"80"`
	Environment string    `json:"environment,omitempty" maxLength:"80" doc:"default: the one that is watched from here"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to,omitzero" doc:"default: now"`
	Learn       string    `json:"learn,omitempty" maxLength:"20" doc:"how long before the time is learned what is usual, such as 24h; default: 3h"`
	Draft       string    `json:"draft,omitempty" maxLength:"262144" doc:"checks that stand over those that there are, as YAML in the form of a file of checks; they are not kept"`
	Only        []string  `json:"only,omitempty" maxItems:"200" doc:"ids of checks of which the findings are told; default: all"`
}

// ReplayLine is one line of the answer.
type ReplayLine struct {
	Progress *float64       `json:"progress,omitempty" doc:"share that is done, 0 to 1"`
	Error    string         `json:"error,omitempty" doc:"why it could not be ended"`
	Result   *replay.Result `json:"result,omitempty" doc:"in the last line"`
}

func (s *server) registerReplay(h huma.API) {
	o := op(http.MethodPost, "/api/v1/replays", "replay", "Checks", "Run a time that has passed again, with the checks of today or with a draft: what would be found, and who would be paged. Nothing is stored or sent. Each line of the answer is a JSON object: how far it is, and in the end the result")
	o.MaxBodyBytes = 2 * replay.MaxDraft
	o.Responses = map[string]*huma.Response{"200": {Description: "lines of JSON", Content: map[string]*huma.MediaType{
		"application/x-ndjson": {Schema: h.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[ReplayLine](), true, "ReplayLine")}}}}
	huma.Register(h, o, s.replay)
}

func (s *server) replay(ctx context.Context, in *struct{ Body Replay }) (*huma.StreamResponse, error) {
	b := in.Body
	ask := replay.Ask{From: b.From, To: b.To, Draft: b.Draft, Only: b.Only}
	ask.Tenant, ask.Environment = s.place(One{Tenant: b.Tenant, Environment: b.Environment})
	if b.Learn != "" {
		var err error
		if ask.Learn, err = time.ParseDuration(b.Learn); err != nil {
			return nil, huma.Error422UnprocessableEntity("a duration cannot be read", &huma.ErrorDetail{Location: "body.learn", Value: b.Learn, Message: "write it as 24h or 90m"})
		}
	}
	actor, now := s.actor(ctx), time.Now()
	if err := s.Replay.Check(actor, &ask, now); err != nil {
		return nil, s.problem("replay", err)
	}
	if err := s.Figures(); err != nil {
		return nil, s.problem("replay", err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		// The question had to arrive within seconds. When that time ends while the
		// connection is only watched for whether the asker is still there, it would
		// be taken for one who left.
		if err := hc.SetReadDeadline(time.Time{}); err != nil {
			s.Log.Warn("a replay may be cut off", "error", err)
		}
		hc.SetHeader("Content-Type", "application/x-ndjson")
		out := json.NewEncoder(hc.BodyWriter())
		flusher, _ := hc.BodyWriter().(http.Flusher)
		// Where nobody reads any more, the context has ended, and so does the replay.
		line := func(l ReplayLine) {
			if out.Encode(l) == nil && flusher != nil {
				flusher.Flush()
			}
		}
		result, err := s.Replay.Run(hc.Context(), actor, ask, now, func(done float64) { line(ReplayLine{Progress: &done}) })
		if err != nil {
			line(ReplayLine{Error: s.problem("replay", err).Error()})
			return
		}
		line(ReplayLine{Result: &result})
	}}, nil
}
