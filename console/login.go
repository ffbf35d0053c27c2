package console

import (
	"net/http"

	"github.com/a-h/templ"
)

// publicPaths are served to those who have not logged in.
var publicPaths = []string{"/assets/{file}", "/favicon.svg", "/login", "/login/link"}

// Public serves what stands before the login: GET of the login page, of the
// page where a one-time link lands, and of the assets. Whoever owns the login
// answers the POSTs to the same paths, and shows a failed try by LoginFailed
// or LinkFailed.
func (c *Console) Public() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /assets/{file}", serveAsset)
	mux.HandleFunc("GET /favicon.svg", serveFavicon)
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		c.writeLogin(w, r, http.StatusOK, LoginPage(LoginForm{Next: r.URL.Query().Get("next"), Provider: c.opt.Provider}))
	})
	mux.HandleFunc("GET /login/link", func(w http.ResponseWriter, r *http.Request) {
		c.writeLogin(w, r, http.StatusOK, LinkPage("", ""))
	})
	return mux
}

// LoginFailed shows the password form again, with what went wrong.
func (c *Console) LoginFailed(w http.ResponseWriter, r *http.Request, status int, message string) {
	c.writeLogin(w, r, status, LoginPage(LoginForm{
		Problem: message, Name: r.PostFormValue("name"), Next: r.PostFormValue("next"), Provider: c.opt.Provider,
	}))
}

// LinkFailed says why a one-time link does not let anybody in.
func (c *Console) LinkFailed(w http.ResponseWriter, r *http.Request, status int, message string) {
	c.writeLogin(w, r, status, LinkPage("", message))
}

func (c *Console) writeLogin(w http.ResponseWriter, r *http.Request, status int, content templ.Component) {
	if err := c.write(w, r, status, content); err != nil {
		c.opt.Log.Error("the login page failed", "error", err)
		http.Error(w, "The login page could not be made.", http.StatusInternalServerError)
	}
}
