package probe

import (
	"net/url"
	"os"
	"sync"
)

// dsn finds a database's DSN anew in each round, so that a rotated password
// is used at once, and remembers the part of it that people may see.
type dsn struct {
	spec Spec
	show func(text string) (string, error) // the DSN without its secrets

	mu    sync.Mutex
	shown string
}

func newDSN(s Spec, show func(string) (string, error)) *dsn {
	d := &dsn{spec: s, show: show, shown: "unknown"}
	d.read() // for the label; the rounds tell of a failure
	return d
}

func (d *dsn) label() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shown
}

// read returns the DSN. Its errors never quote it.
func (d *dsn) read() (string, error) {
	db := d.spec.Database
	text, err := d.spec.Target, error(nil)
	setting := "target"
	switch {
	case db.DSNFile != "":
		setting = "database.dsn_file"
		text, err = readSecret(setting, db.DSNFile)
	case db.DSNEnv != "":
		setting = "database.dsn_env"
		if text = os.Getenv(db.DSNEnv); text == "" {
			err = unknown(ReasonSecret, "%s: the environment variable %s is empty or not set where Evenkeel runs", setting, db.DSNEnv)
		}
	}
	if err != nil {
		return "", err
	}
	shown, err := d.show(text)
	if err != nil {
		return "", unknown(ReasonSecret, "%s holds no DSN for %s; write one such as %s", setting, d.spec.Type, dsnExample[d.spec.Type])
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shown = shown
	return text, nil
}

var dsnExample = map[Type]string{
	Postgres: "postgres://USER:PASSWORD@HOST:5432/DATABASE",
	MySQL:    "mysql://USER:PASSWORD@HOST:3306/DATABASE",
	Redis:    "redis://USER:PASSWORD@HOST:6379/0",
}

// showURL is show for DSNs that are URLs of the type's schemes.
func showURL(t Type) func(string) (string, error) {
	return func(text string) (string, error) {
		u, err := url.Parse(text)
		if err != nil {
			return "", err
		}
		for _, scheme := range dsnSchemes[t] {
			if u.Scheme == scheme && u.Host != "" {
				return shownURL(u), nil
			}
		}
		return "", url.InvalidHostError("")
	}
}
