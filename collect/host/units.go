package host

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
)

// unit is a service that systemd runs or failed to run.
type unit struct {
	name, description, state string
}

const (
	maxUnits    = 300
	unitTimeout = 2 * time.Second
)

// readUnits asks systemd for its services. A machine without systemd has none.
func readUnits(ctx context.Context, r roots) ([]unit, error) {
	if _, err := os.Stat(r.rootPath("run/systemd/system")); err != nil || r.root != "/" {
		return nil, nil // not run by systemd, or not ours to ask
	}
	return askUnits(ctx)
}

func askUnits(ctx context.Context) ([]unit, error) {
	ctx, cancel := context.WithTimeout(ctx, unitTimeout)
	defer cancel()
	conn, err := dbus.NewWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("systemd cannot be asked for its units: %w", err)
	}
	defer conn.Close()
	states, err := conn.ListUnitsByPatternsContext(ctx, nil, []string{"*.service"})
	if err != nil {
		return nil, fmt.Errorf("systemd's units: %w", err)
	}
	return unitsOf(states)
}

// unitsOf keeps the services that matter: those that are active or failed.
func unitsOf(states []dbus.UnitStatus) ([]unit, error) {
	var units []unit
	for _, s := range states {
		u := unit{name: clean(s.Name), description: clean(s.Description)}
		switch {
		case s.SubState == "auto-restart":
			u.state = "restarting"
		case s.ActiveState == "failed":
			u.state = "failed"
		case s.ActiveState == "active", s.ActiveState == "reloading", s.ActiveState == "activating":
			u.state = "active"
		default:
			continue
		}
		if len(units) == maxUnits {
			return units, fmt.Errorf("systemd has more than %d services; the rest is left out", maxUnits)
		}
		units = append(units, u)
	}
	return units, nil
}
