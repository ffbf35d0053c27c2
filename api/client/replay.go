package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/review/replay"
)

// Replay runs a time that has passed again. It takes as long as that takes, and
// tells progress the share that is done, 0 to 1.
func (c *Client) Replay(ctx context.Context, ask api.Replay, progress func(float64)) (r replay.Result, err error) {
	resp, err := c.send(ctx, http.MethodPost, "/api/v1/replays", nil, ask)
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	for lines := json.NewDecoder(resp.Body); ; {
		var line api.ReplayLine
		switch err := lines.Decode(&line); {
		case err != nil:
			return r, fmt.Errorf("the replay was cut off: %w; the server's log says why", err)
		case line.Error != "":
			return r, errors.New(line.Error)
		case line.Result != nil:
			return *line.Result, nil
		case line.Progress != nil:
			progress(*line.Progress)
		}
	}
}

// Exemptions says what each exemption of the configuration does now.
func (c *Client) Exemptions(ctx context.Context) (r api.Exemptions, err error) {
	return r, c.call(ctx, http.MethodGet, "/api/v1/checks/exemptions", nil, nil, &r)
}

// Records says what became of what each check found between two times; zero
// times are the last four weeks.
func (c *Client) Records(ctx context.Context, query url.Values) (r api.Records, err error) {
	return r, c.call(ctx, http.MethodGet, "/api/v1/checks/records", query, nil, &r)
}
