package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/evenkeel/evenkeel/respond"
)

// Secrets gives the secret of a name.
type Secrets interface {
	// Secret returns it, or an error that does not carry it.
	Secret(ctx context.Context, name string) (string, error)
}

// LocalSecrets reads secrets from this machine: env:NAME from the environment,
// file:/path from a file that not everybody may read. Files are read anew each
// time, so that a changed secret needs no restart.
type LocalSecrets struct{}

// secretSize bounds a secret, in bytes.
const secretSize = 16 << 10

// Secret returns the secret of the name, without white space around it. An
// empty one is an error.
func (LocalSecrets) Secret(_ context.Context, name string) (string, error) {
	if err := checkSecretName(name); err != nil {
		return "", err
	}
	kind, place, _ := strings.Cut(name, ":")
	if kind == "env" {
		value := strings.TrimSpace(os.Getenv(place))
		if value == "" {
			return "", fmt.Errorf("secret %s: the variable is not set or empty", name)
		}
		return value, nil
	}
	file, err := os.Open(place)
	if err != nil {
		return "", fmt.Errorf("secret: %w", err)
	}
	defer file.Close()
	about, err := file.Stat()
	if err != nil {
		return "", fmt.Errorf("secret: %w", err)
	}
	if !about.Mode().IsRegular() {
		return "", fmt.Errorf("secret %s: is not a plain file", name)
	}
	if about.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("secret %s: everybody on this machine may read or change the file; chmod o-rwx it", name)
	}
	raw, err := io.ReadAll(io.LimitReader(file, secretSize+1))
	if err != nil {
		return "", fmt.Errorf("secret: %w", err)
	}
	value := strings.TrimSpace(string(raw))
	switch {
	case len(raw) > secretSize:
		return "", fmt.Errorf("secret %s: is larger than %d KiB", name, secretSize>>10)
	case value == "":
		return "", fmt.Errorf("secret %s: the file is empty", name)
	}
	return value, nil
}

// checkSecretName tells whether a name can be one.
func checkSecretName(name string) error {
	kind, place, ok := strings.Cut(name, ":")
	switch {
	case !ok:
		// The text itself may be the secret that somebody wrote into the wrong place.
		return errors.New("a secret is named, not written: use env:NAME or file:/path")
	case kind == "env" && place != "" && !strings.ContainsAny(place, "= \t\n\x00"):
		return nil
	case kind == "file" && strings.HasPrefix(place, "/"):
		return nil
	}
	return errors.New("a secret is named as env:NAME or file:/path with the whole path")
}

// ContactSecret is a secret that contacts may use. Contacts are made by people
// who may not read every secret of this machine, so they use a short name that
// the operator has given out.
type ContactSecret struct {
	Name   string `yaml:"name"`   // as contacts write it
	From   string `yaml:"from"`   // env:NAME or file:/path
	Tenant string `yaml:"tenant"` // whose contacts may use it; empty: all
}

// errNoSecret is what is wrong with a contact whose secret it may not use.
var errNoSecret = errors.New("the contact names a secret that is not listed for it; ask the operator to add it to contact_secrets")

// vault reads secrets for the senders.
type vault struct {
	secrets  Secrets
	contacts []ContactSecret
}

// of returns the secret of a contact.
func (v vault) of(ctx context.Context, c respond.Contact) (string, error) {
	for _, s := range v.contacts {
		if s.Name == c.Secret && (s.Tenant == "" || s.Tenant == c.Tenant) {
			return v.secrets.Secret(ctx, s.From)
		}
	}
	return "", errNoSecret
}

// noSecret is the outcome of a try without its secret. The error is not shown:
// a Secrets of somebody else's may be less careful than ours.
func noSecret(err error, what string) respond.Outcome {
	if errors.Is(err, errNoSecret) {
		return respond.Outcome{State: respond.Failed, Reason: sentence(errNoSecret.Error())}
	}
	return respond.Outcome{State: respond.Due, Reason: fmt.Sprintf("The secret of %s could not be read; check that it is set and that Evenkeel may read it.", what)}
}
