package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	oidclib "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/access/httpauth"
)

const (
	// CallbackPath is where the provider sends people back to.
	CallbackPath = "/login/oidc/callback"

	cookieName = "evenkeel-oidc"
	// patience bounds how long a person may take at the provider.
	patience = 10 * time.Minute
	// askTime bounds what is asked of the provider in one request.
	askTime = 10 * time.Second
)

// Provider lets people in by an OpenID provider. It is safe for concurrent use.
type Provider struct {
	cfg    Config
	secret string
	base   string // public URL of Evenkeel
	access *access.Service
	guard  *httpauth.Guard
	failed httpauth.Failed
	log    *slog.Logger

	mu         sync.Mutex
	discovered *oidclib.Provider // nil until the provider has answered
	failure    error             // of the last try to discover it
	retry      time.Time         // when it is tried again
}

// New returns the provider of a valid configuration. PublicURL is how people's
// browsers reach Evenkeel; the provider must know PublicURL + CallbackPath.
func New(cfg Config, publicURL string, service *access.Service, guard *httpauth.Guard, failed httpauth.Failed, log *slog.Logger) (*Provider, error) {
	cfg = cfg.withDefaults()
	secret, err := cfg.secret()
	if err != nil {
		return nil, err
	}
	return &Provider{cfg: cfg, secret: secret, base: strings.TrimRight(publicURL, "/"), access: service, guard: guard, failed: failed, log: log}, nil
}

// flight is what must come back from the provider as it was sent.
type flight struct {
	State, Nonce, Verifier, Next string
}

// Start sends the browser to the provider.
func (p *Provider) Start() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), askTime)
		defer cancel()
		client, _, err := p.client(ctx)
		if err != nil {
			p.refuse(w, r, http.StatusBadGateway, p.cfg.Name+" does not answer just now. Try again, or log in another way.", err)
			return
		}
		f := flight{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: httpauth.Local(r.FormValue("next"))}
		raw, err := json.Marshal(f)
		if err != nil {
			p.refuse(w, r, http.StatusInternalServerError, "Logging in does not work just now.", err)
			return
		}
		p.setCookie(w, base64.RawURLEncoding.EncodeToString(raw), patience)
		http.Redirect(w, r, client.AuthCodeURL(f.State, oidclib.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), http.StatusSeeOther)
	})
}

// Callback takes the person back from the provider and opens the session.
func (p *Provider) Callback() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), askTime)
		defer cancel()
		f, ok := p.flight(r)
		p.setCookie(w, "", -1)
		if !ok || subtle.ConstantTimeCompare([]byte(f.State), []byte(r.FormValue("state"))) != 1 {
			p.refuse(w, r, http.StatusBadRequest, "This login took too long or was begun in another browser. Please try again.", errors.New("the state does not match"))
			return
		}
		if said := r.FormValue("error"); said != "" {
			p.refuse(w, r, http.StatusForbidden, p.cfg.Name+" refused the login.", fmt.Errorf("the provider said %.100q", said))
			return
		}
		who, err := p.identify(ctx, r.FormValue("code"), f)
		if err != nil {
			p.refuse(w, r, http.StatusBadGateway, "What "+p.cfg.Name+" answered could not be checked. Please try again.", err)
			return
		}
		grants := p.cfg.grants(who.groups)
		if len(grants) == 0 {
			p.refuse(w, r, http.StatusForbidden, "You are in no group that may use Evenkeel. Ask whoever runs it.", fmt.Errorf("%s is in none of the groups with a role", who.name))
			return
		}
		secret, err := p.access.LoginBySubject(ctx, who.subject, who.name, grants, p.guard.Browser(r))
		if err != nil {
			p.refuse(w, r, http.StatusForbidden, "You may not log in. Ask whoever runs Evenkeel.", err)
			return
		}
		p.guard.Begin(w, secret)
		http.Redirect(w, r, httpauth.Local(f.Next), http.StatusSeeOther)
	})
}

// person is who the provider vouches for.
type person struct {
	subject, name string
	groups        []string
}

// identify trades the code for an ID token, checks it, and reads the claims;
// what the token lacks is asked of the userinfo endpoint.
func (p *Provider) identify(ctx context.Context, code string, f flight) (person, error) {
	client, provider, err := p.client(ctx)
	if err != nil {
		return person{}, err
	}
	token, err := client.Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) {
			// The whole error repeats the provider's answer, which may hold a token.
			return person{}, fmt.Errorf("the provider refused the code: %s", refused.ErrorCode)
		}
		return person{}, err
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return person{}, errors.New("the provider sent no ID token")
	}
	id, err := provider.Verifier(&oidclib.Config{ClientID: p.cfg.ClientID}).Verify(ctx, raw)
	if err != nil {
		return person{}, fmt.Errorf("the ID token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.Nonce)) != 1 {
		return person{}, errors.New("the ID token is not for this login (nonce)")
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return person{}, err
	}
	if (claims[p.cfg.GroupsClaim] == nil || claims[p.cfg.NameClaim] == nil) && provider.UserInfoEndpoint() != "" {
		info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return person{}, errors.New("the provider's userinfo endpoint did not answer")
		}
		if info.Subject != id.Subject {
			return person{}, errors.New("the userinfo is of somebody else")
		}
		more := map[string]any{}
		if err := info.Claims(&more); err != nil {
			return person{}, err
		}
		for k, v := range more {
			if _, known := claims[k]; !known {
				claims[k] = v
			}
		}
	}
	who := person{subject: id.Issuer + "|" + id.Subject, groups: texts(claims[p.cfg.GroupsClaim])}
	for _, claim := range []string{p.cfg.NameClaim, "email", "sub"} {
		if name, _ := claims[claim].(string); name != "" && who.name == "" {
			who.name = name
		}
	}
	return who, nil
}

// texts reads a claim that is one text or a list of them.
func texts(claim any) []string {
	switch v := claim.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, each := range v {
			if text, ok := each.(string); ok {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}

// client discovers the provider at the first login; a failure is tried again
// at the next.
func (p *Provider) client(ctx context.Context) (*oauth2.Config, *oidclib.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.discovered == nil && time.Now().Before(p.retry) {
		return nil, nil, p.failure // so that a provider that hangs does not queue the logins
	}
	if p.discovered == nil {
		// The provider keeps the context for fetching keys later, so it must
		// not be the request's.
		found, err := oidclib.NewProvider(oidclib.ClientContext(context.Background(), &http.Client{Timeout: askTime}), p.cfg.Issuer)
		if err != nil {
			p.failure, p.retry = fmt.Errorf("discover %s: %w", p.cfg.Issuer, err), time.Now().Add(askTime)
			return nil, nil, p.failure
		}
		p.discovered = found
	}
	return &oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.secret, Endpoint: p.discovered.Endpoint(),
		RedirectURL: p.base + CallbackPath, Scopes: p.cfg.Scopes}, p.discovered, ctx.Err()
}

func (p *Provider) flight(r *http.Request) (f flight, ok bool) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return f, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || json.Unmarshal(raw, &f) != nil {
		return f, false
	}
	return f, f.State != "" && f.Nonce != "" && f.Verifier != ""
}

// setCookie is SameSite=Lax, because the way back from the provider is a
// navigation from another site, which Strict would strip it from.
func (p *Provider) setCookie(w http.ResponseWriter, value string, age time.Duration) {
	c := &http.Cookie{Name: cookieName, Value: value, Path: "/login/oidc", HttpOnly: true,
		Secure: strings.HasPrefix(p.base, "https:"), SameSite: http.SameSiteLaxMode, MaxAge: int(age.Seconds())}
	if age < 0 {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func (p *Provider) refuse(w http.ResponseWriter, r *http.Request, status int, message string, err error) {
	p.log.Warn("a login by the identity provider failed", "error", err)
	p.failed(w, r, status, message)
}
