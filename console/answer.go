package console

import (
	"net/http"

	"github.com/evenkeel/evenkeel/respond/reach"
)

// answerPaths are where the links of messages land. They work without a login:
// the link is the proof.
var answerPaths = []string{reach.AckPath, reach.ReachedPath}

// Answers serves those pages. A GET changes nothing, for mail scanners open
// links; the button's POST does.
func (c *Console) Answers() http.Handler {
	mux := http.NewServeMux()
	for _, path := range answerPaths {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			c.writeLogin(w, r, http.StatusOK, AnswerPage(path))
		})
		mux.HandleFunc("POST "+path, c.takeAnswer)
	}
	return mux
}

// maxAnswerForm bounds the form, in bytes.
const maxAnswerForm = 4 << 10

// takeAnswer does what the link is for. Nothing of the request is logged: it
// holds the token.
func (c *Console) takeAnswer(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxAnswerForm)
	a, err := c.Reach.Answer(r.Context(), r.PostFormValue("secret"), c.opt.Now())
	status := http.StatusOK
	switch {
	case err != nil:
		c.opt.Log.Error("the answer to a message could not be taken", "error", err)
		status, a = http.StatusServiceUnavailable, reach.Answer{Text: "Evenkeel could not store your answer. Try again in a moment, or log in."}
	case !a.Done:
		status = http.StatusConflict
	}
	c.writeLogin(w, r, status, AnsweredPage(a))
}
