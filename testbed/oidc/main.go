// Command oidc is a real OpenID provider on loopback for tests: the provider
// of github.com/zitadel/oidc with its example storage, and a groups claim.
//
//	oidc -listen 127.0.0.1:PORT -redirect URL [-redirect URL ...]
//
// Users: alice (groups: ops, everybody) and bob (none); the password of both
// is "verysecure". The client is "evenkeel" with the secret "client-secret".
// It prints "ready" when it answers.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	var redirects []string
	flag.Func("redirect", "URL to which a login returns", func(u string) error { redirects = append(redirects, u); return nil })
	flag.Parse()
	if err := serve(*listen, redirects); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(address string, redirects []string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	storage.RegisterClients(storage.WebClient("evenkeel", "client-secret", redirects...))
	store := grouped{storage.NewStorage(people{})}
	issuer := "http://" + l.Addr().String() + "/"
	handler := exampleop.SetupServer(issuer, store, slog.New(slog.DiscardHandler), false)
	fmt.Println("ready", issuer)
	return http.Serve(l, handler)
}

// people are who can log in.
type people struct{}

var everybody = map[string]*storage.User{
	"1": {ID: "1", Username: "alice", Password: "verysecure", FirstName: "Alice", Email: "alice@example.com", EmailVerified: true, PreferredLanguage: language.English},
	"2": {ID: "2", Username: "bob", Password: "verysecure", FirstName: "Bob", Email: "bob@example.com", EmailVerified: true, PreferredLanguage: language.English},
}

func (people) GetUserByID(id string) *storage.User { return everybody[id] }

func (people) GetUserByUsername(name string) *storage.User {
	for _, u := range everybody {
		if u.Username == name {
			return u
		}
	}
	return nil
}

func (people) ExampleClientID() string { return "service" }

// grouped adds the groups of a user to what the provider tells.
type grouped struct{ *storage.Storage }

func addGroups(info *oidc.UserInfo, user string) {
	if user == "1" {
		info.AppendClaims("groups", []string{"ops", "everybody"})
	}
}

func (g grouped) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, token op.IDTokenRequest, scopes []string) error {
	addGroups(info, token.GetSubject())
	return g.Storage.SetUserinfoFromRequest(ctx, info, token, scopes)
}

func (g grouped) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	addGroups(info, subject)
	return g.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin)
}
