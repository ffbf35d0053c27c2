package host

import (
	"bufio"
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

func TestUnits(t *testing.T) {
	got, err := unitsOf([]systemd.UnitStatus{
		{Name: "nginx.service", Description: "A web server", ActiveState: "active", SubState: "running"},
		{Name: "backup.service", ActiveState: "failed", SubState: "failed"},
		{Name: "loop.service", ActiveState: "activating", SubState: "auto-restart"},
		{Name: "idle.service", ActiveState: "inactive", SubState: "dead"},
	})
	want := []unit{{"nginx.service", "A web server", "active"}, {"backup.service", "", "failed"}, {"loop.service", "", "restarting"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// manager answers as systemd does.
type manager struct{ hangs bool }

func (m manager) ListUnitsByPatterns(states, patterns []string) ([]systemd.UnitStatus, *dbus.Error) {
	if m.hangs {
		time.Sleep(5 * time.Second)
	}
	if len(states) != 0 || !slices.Equal(patterns, []string{"*.service"}) {
		return nil, dbus.MakeFailedError(context.Canceled)
	}
	return []systemd.UnitStatus{{
		Name: "nginx.service", Description: "A web server", LoadState: "loaded", ActiveState: "active", SubState: "running",
		Path: "/org/freedesktop/systemd1/unit/nginx_2eservice", JobPath: "/",
	}}, nil
}

// TestSystemdIsAskedOverTheBus asks over a real bus; who answers at its end is
// this test, for no machine of a test is run by systemd.
func TestSystemdIsAskedOverTheBus(t *testing.T) {
	daemon, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Skip("needs dbus-daemon")
	}
	socket := filepath.Join(t.TempDir(), "bus")
	cmd := exec.Command(daemon, "--session", "--nofork", "--nopidfile", "--print-address", "--address=unix:path="+socket)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	begin(t, cmd)
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Skipf("dbus-daemon did not start: %v", err)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", strings.TrimSpace(address))
	conn, err := dbus.Connect(strings.TrimSpace(address))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer := func(m manager) {
		t.Helper()
		if err := conn.Export(m, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"); err != nil {
			t.Fatal(err)
		}
	}
	answer(manager{})
	if _, err := conn.RequestName("org.freedesktop.systemd1", dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	units, err := askUnits(t.Context())
	if err != nil || !slices.Equal(units, []unit{{"nginx.service", "A web server", "active"}}) {
		t.Errorf("systemd's units are %+v, %v", units, err)
	}
	answer(manager{hangs: true})
	start := time.Now()
	if _, err := askUnits(t.Context()); err == nil || time.Since(start) > unitTimeout+2*time.Second {
		t.Errorf("a systemd that hangs: %v after %s", err, time.Since(start))
	}
}
