// Package oidc lets people log in by an OpenID provider: the authorization
// code flow with PKCE (OpenID Connect Core 1.0, RFC 7636), and groups to
// roles.
//
// Start sends the browser to the provider and leaves what must come back
// (state, nonce, verifier, where the person wanted to be) in a short-lived
// cookie that no script can read. Callback checks all of it, asks the provider
// for the person's groups, and opens a session with the roles that the
// configuration gives to these groups. The roles hold for that session: the
// next login asks anew.
//
// Failure behaviour: the provider is first asked when somebody wants to log
// in, so that one that is down stops no start. A person in no group that has a
// role is refused, with the reason. Tokens and codes are never logged.
package oidc

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/evenkeel/evenkeel/access"
)

// Config says which provider to trust, and what its groups may do.
type Config struct {
	Issuer           string   `yaml:"issuer"`    // URL, as the provider writes it
	ClientID         string   `yaml:"client_id"` // of Evenkeel at the provider
	ClientSecretFile string   `yaml:"client_secret_file"`
	Name             string   `yaml:"name"`         // on the login button; default: the issuer's host
	Scopes           []string `yaml:"scopes"`       // default: openid, profile, email
	GroupsClaim      string   `yaml:"groups_claim"` // default: groups
	NameClaim        string   `yaml:"name_claim"`   // default: preferred_username
	Roles            []Role   `yaml:"roles"`
}

// Role gives who is in a group a role in a tenant and an environment; both
// default to all.
type Role struct {
	Group       string      `yaml:"group"`
	Role        access.Role `yaml:"role"`
	Tenant      string      `yaml:"tenant"`
	Environment string      `yaml:"environment"`
}

// Validate returns everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		errs = append(errs, fmt.Errorf("issuer: %q is not the URL of a provider, such as https://login.example.com", c.Issuer))
	} else if u.Scheme == "http" && u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost" && u.Hostname() != "::1" {
		errs = append(errs, fmt.Errorf("issuer: %s would send logins in the clear; use https", c.Issuer))
	}
	if c.ClientID == "" {
		errs = append(errs, errors.New("client_id: name the client that the provider knows Evenkeel by"))
	}
	if len(c.Roles) == 0 {
		errs = append(errs, errors.New("roles: give at least one group a role, or nobody can log in"))
	}
	for i, r := range c.Roles {
		if r.Group == "" {
			errs = append(errs, fmt.Errorf("roles[%d].group: name a group", i))
		}
		switch r.Role {
		case access.Viewer, access.Responder, access.Operator, access.Admin:
		default:
			errs = append(errs, fmt.Errorf("roles[%d].role: %q is not one of viewer, responder, operator, admin", i, r.Role))
		}
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"openid", "profile", "email"}
	}
	if c.GroupsClaim == "" {
		c.GroupsClaim = "groups"
	}
	if c.NameClaim == "" {
		c.NameClaim = "preferred_username"
	}
	c.Name = c.Title()
	return c
}

// Title is what people call the provider.
func (c Config) Title() string {
	if u, err := url.Parse(c.Issuer); c.Name == "" && err == nil {
		return u.Hostname()
	}
	return c.Name
}

func (c Config) secret() (string, error) {
	if c.ClientSecretFile == "" {
		return "", nil // a public client: PKCE alone
	}
	raw, err := os.ReadFile(c.ClientSecretFile)
	if err != nil {
		return "", fmt.Errorf("access.oidc.client_secret_file: %w", err)
	}
	return strings.TrimSpace(string(raw)), nil
}

// grants are the roles of who is in the groups.
func (c Config) grants(groups []string) []access.Grant {
	var out []access.Grant
	for _, r := range c.Roles {
		for _, g := range groups {
			if g != r.Group {
				continue
			}
			grant := access.Grant{Tenant: r.Tenant, Environment: r.Environment, Role: r.Role}
			if grant.Tenant == "" {
				grant.Tenant = access.Any
			}
			if grant.Environment == "" {
				grant.Environment = access.Any
			}
			out = append(out, grant)
			break
		}
	}
	return out
}
