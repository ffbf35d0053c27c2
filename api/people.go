package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/access"
)

// User is a person who can log in.
type User struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	Grants   []access.Grant `json:"grants"`
	Password bool           `json:"password" doc:"whether the person can log in by password"`
	Provider bool           `json:"provider" doc:"whether the person logs in by the identity provider"`
	Disabled bool           `json:"disabled"`
	Created  time.Time      `json:"created"`
}

// Token is an API token without its secret.
type Token struct {
	ID      string              `json:"id"`
	Name    string              `json:"name"`
	Grants  []access.Grant      `json:"grants"`
	Scopes  []access.Permission `json:"scopes,omitempty"`
	Created time.Time           `json:"created"`
	Expires time.Time           `json:"expires,omitzero"`
	By      string              `json:"by"`
	Seen    time.Time           `json:"seen,omitzero"`
}

// NewToken is an API token with its secret, which is shown this once.
type NewToken struct {
	Token
	Secret string `json:"secret"`
}

func userOf(u access.User) User {
	return User{ID: u.ID, Name: u.Name, Grants: u.Grants, Password: u.Password != "", Provider: u.Subject != "", Disabled: u.Disabled, Created: u.Created}
}

func tokenOf(t access.Token) Token {
	return Token{ID: t.ID, Name: t.Name, Grants: t.Grants, Scopes: t.Scopes, Created: t.Created, Expires: t.Expires, By: t.By, Seen: t.Seen}
}

// viewer is what a new person or token may do where nothing else is said.
var viewer = []access.Grant{{Tenant: access.DefaultTenant, Environment: access.Any, Role: access.Viewer}}

func (s *server) registerPeople(h huma.API) {
	type me struct {
		Actor access.Actor `json:"actor"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/me", "me", "People", "Who you are and what you may do"),
		func(ctx context.Context, _ *struct{}) (*body[me], error) { return answer(me{s.actor(ctx)}), nil })

	s.registerUsers(h)
	s.registerTokens(h)

	type auditInput struct {
		Paged
		Tenant string    `query:"tenant" maxLength:"80"`
		Actor  string    `query:"actor" maxLength:"100"`
		Action string    `query:"action" maxLength:"100"`
		Object string    `query:"object" maxLength:"1000"`
		From   time.Time `query:"from"`
		To     time.Time `query:"to"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/audit", "list-audit", "People", "The audit log: who wrote what, newest first"),
		func(ctx context.Context, in *auditInput) (*body[access.AuditPage], error) {
			page, err := s.Access.Audit(ctx, s.actor(ctx), access.AuditFilter{Tenant: Where{Tenant: in.Tenant}.tenant(), Actor: in.Actor,
				Action: in.Action, Object: in.Object, From: in.From, To: in.To, Limit: in.Limit, Cursor: in.Cursor})
			return answer(page), s.problem("list-audit", err)
		})
}

func (s *server) registerUsers(h huma.API) {
	type users struct {
		Users []User `json:"users"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/users", "list-users", "People", "List who can log in"),
		func(ctx context.Context, _ *struct{}) (*body[users], error) {
			list, err := s.Access.Users(ctx, s.actor(ctx))
			out := users{[]User{}}
			for _, u := range list {
				out.Users = append(out.Users, userOf(u))
			}
			return answer(out), s.problem("list-users", err)
		})

	type createUser struct {
		Body struct {
			Name     string         `json:"name" minLength:"1" maxLength:"80"`
			Password string         `json:"password,omitempty" maxLength:"200" doc:"without one the person logs in by link"`
			Grants   []access.Grant `json:"grants,omitempty" maxItems:"100" doc:"default: viewer everywhere"`
		}
	}
	huma.Register(h, op(http.MethodPost, "/api/v1/users", "create-user", "People", "Add a person"),
		func(ctx context.Context, in *createUser) (*body[User], error) {
			if len(in.Body.Grants) == 0 {
				in.Body.Grants = viewer
			}
			u, err := s.Access.CreateUser(ctx, s.actor(ctx), in.Body.Name, in.Body.Password, in.Body.Grants)
			return answer(userOf(u)), s.problem("create-user", err)
		})

	type changeUser struct {
		ID   string `path:"id" maxLength:"100"`
		Body struct {
			Password string         `json:"password,omitempty" maxLength:"200"`
			Grants   []access.Grant `json:"grants,omitempty" maxItems:"100"`
			Disabled *bool          `json:"disabled,omitempty"`
		}
	}
	patch := op(http.MethodPatch, "/api/v1/users/{id}", "change-user", "People", "Change one thing of a person: the password, the grants, or whether they are locked out")
	patch.DefaultStatus = http.StatusNoContent
	huma.Register(h, patch, func(ctx context.Context, in *changeUser) (*struct{}, error) {
		asked := 0
		for _, given := range []bool{in.Body.Password != "", in.Body.Grants != nil, in.Body.Disabled != nil} {
			if given {
				asked++
			}
		}
		if asked != 1 {
			return nil, huma.Error422UnprocessableEntity("give exactly one of password, grants and disabled, so that nothing is half done")
		}
		actor := s.actor(ctx)
		switch {
		case in.Body.Password != "":
			return nil, s.problem("change-user", s.Access.SetPassword(ctx, actor, in.ID, in.Body.Password))
		case in.Body.Grants != nil:
			return nil, s.problem("change-user", s.Access.SetGrants(ctx, actor, in.ID, in.Body.Grants))
		}
		return nil, s.problem("change-user", s.Access.SetDisabled(ctx, actor, in.ID, *in.Body.Disabled))
	})

	type linkInput struct {
		Body struct {
			User    string `json:"user,omitempty" maxLength:"80" doc:"name; default: admin"`
			Minutes int    `json:"minutes,omitempty" minimum:"1" maximum:"1440" doc:"how long it is good for; default: 15"`
		}
	}
	type loginLink struct {
		Path string `json:"path" doc:"what comes behind the address of Evenkeel; it lets its holder in, once"`
	}
	huma.Register(h, op(http.MethodPost, "/api/v1/login-links", "create-login-link", "People", "Make a link that lets a person in once"),
		func(ctx context.Context, in *linkInput) (*body[loginLink], error) {
			if in.Body.User == "" {
				in.Body.User = access.AdminName
			}
			if in.Body.Minutes == 0 {
				in.Body.Minutes = 15
			}
			secret, err := s.Access.NewLoginLink(ctx, s.actor(ctx), in.Body.User, time.Duration(in.Body.Minutes)*time.Minute)
			return answer(loginLink{"/login/link#" + secret}), s.problem("create-login-link", err)
		})
}

func (s *server) registerTokens(h huma.API) {
	type tokens struct {
		Tokens []Token `json:"tokens"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/tokens", "list-tokens", "People", "List the API tokens, without their secrets"),
		func(ctx context.Context, _ *struct{}) (*body[tokens], error) {
			list, err := s.Access.Tokens(ctx, s.actor(ctx))
			out := tokens{[]Token{}}
			for _, t := range list {
				out.Tokens = append(out.Tokens, tokenOf(t))
			}
			return answer(out), s.problem("list-tokens", err)
		})

	type createToken struct {
		Body struct {
			Name    string              `json:"name" minLength:"1" maxLength:"80"`
			Grants  []access.Grant      `json:"grants,omitempty" maxItems:"100" doc:"default: viewer everywhere"`
			Scopes  []access.Permission `json:"scopes,omitempty" maxItems:"5" doc:"read, respond, operate, write, manage; default: all that the grants allow"`
			Expires time.Time           `json:"expires,omitzero" doc:"default: never"`
		}
	}
	create := op(http.MethodPost, "/api/v1/tokens", "create-token", "People", "Make an API token; its secret is shown this once")
	create.DefaultStatus = http.StatusCreated
	huma.Register(h, create, func(ctx context.Context, in *createToken) (*body[NewToken], error) {
		if len(in.Body.Grants) == 0 {
			in.Body.Grants = viewer
		}
		secret, t, err := s.Access.CreateToken(ctx, s.actor(ctx), in.Body.Name, in.Body.Grants, in.Body.Scopes, in.Body.Expires)
		return answer(NewToken{tokenOf(t), secret}), s.problem("create-token", err)
	})

	type tokenInput struct {
		ID string `path:"id" maxLength:"100"`
	}
	revoke := op(http.MethodDelete, "/api/v1/tokens/{id}", "revoke-token", "People", "End an API token at once")
	revoke.DefaultStatus = http.StatusNoContent
	huma.Register(h, revoke, func(ctx context.Context, in *tokenInput) (*struct{}, error) {
		return nil, s.problem("revoke-token", s.Access.RevokeToken(ctx, s.actor(ctx), in.ID))
	})
}
