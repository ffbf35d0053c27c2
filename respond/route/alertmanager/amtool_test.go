package alertmanager

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/route"
)

// labelSets are those of the issue: they reach every route of shop.yml.
var labelSets = []string{
	`alertname=Up`,
	`alertname=Watchdog`,
	`alertname=Watchdog severity=critical`,
	`severity=critical`,
	`severity=critical service=mysql cluster=a`,
	`severity=critical service=mysqld`,
	`severity=warning service=postgres`,
	`severity=warning service=mongo cluster=b`,
	`severity=info service=mysql`,
	`severity=none service=mysql`,
	`service=mysql`,
	`team=payments`,
	`team=payments environment=staging`,
	`team=payments environment=prod method=card severity=warning`,
	`team=payments method=sepa severity=info`,
	`team=payments method=cash severity=critical`,
	`team=payments method=card severity=critical service=mysql`,
	`team=legacy`,
	`team=legacy severity=critical`,
	`team=web path=/api/orders`,
	`team=web path=/apiary country=de`,
	`team=app country=fr`,
	`team=app country=at path=/api`,
	`team=application country=fr`,
	`alertname=Watchdog team=payments`,
}

// amtool finds Alertmanager's own tool.
func amtool(t testing.TB) string {
	t.Helper()
	bin, err := exec.LookPath("amtool")
	if err != nil {
		t.Skip("no amtool here; install the package prometheus-alertmanager")
	}
	return bin
}

// itsRoutes asks amtool which receivers get labels.
func itsRoutes(t *testing.T, bin, file string, labels []string) string {
	t.Helper()
	cmd := exec.Command(bin, append([]string{"config", "routes", "test", "--config.file=" + file}, labels...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("amtool with %q: %v\n%s", labels, err, out)
	}
	return strings.TrimSpace(string(out))
}

// ourRoutes says which of the file's receivers get labels, as the imported
// configuration has it.
func ourRoutes(p *route.Plan, labels []string) string {
	a := respond.Alert{Labels: map[string]string{}}
	for _, l := range labels {
		name, value, _ := strings.Cut(l, "=")
		if unquoted, err := strconv.Unquote(value); err == nil {
			value = unquoted
		}
		a.Labels[name] = value
	}
	var out []string
	for _, target := range route.NewRouter(p, nil, nil).Route(a, time.Date(2027, 3, 24, 11, 0, 0, 0, time.UTC)) {
		name, ok := strings.CutPrefix(target.Muted, "The receiver ")
		if name, _, _ = strings.Cut(name, " "); !ok {
			name = target.Policy
		}
		if name == respond.DefaultPolicy {
			name = "opsgenie-team" // of which nothing could be carried over
		}
		out = append(out, name)
	}
	return strings.Join(out, ",")
}

func TestLabelSetsRouteAsAmtoolSays(t *testing.T) {
	bin := amtool(t)
	in, err := Read(shop(t))
	if err != nil {
		t.Fatal(err)
	}
	p, err := route.Compile(reread(t, in).Respond.Routing)
	if err != nil {
		t.Fatal(err)
	}
	// Debian's amtool does not know Teams yet; what routes is the same.
	file := filepath.Join(t.TempDir(), "alertmanager.yml")
	text := strings.Replace(string(shop(t)), "msteamsv2_configs: [{webhook_url", "webhook_configs: [{url", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, set := range labelSets {
		labels := strings.Fields(set)
		theirs, ours := itsRoutes(t, bin, file, labels), ourRoutes(p, labels)
		if theirs != ours {
			t.Errorf("%s\n amtool: %s\n   ours: %s", set, theirs, ours)
		}
		for _, name := range strings.Split(theirs, ",") {
			used[name] = true
		}
	}
	for _, p := range in.Policies {
		if !used[p.ID] {
			t.Errorf("no label set reaches %s", p.ID)
		}
	}
}

// forest writes trees and label sets at random, so that both match often.
type forest struct {
	*rand.Rand
	b         strings.Builder
	receivers []string
}

var (
	someNames  = []string{"severity", "team", "service", "a_b", "x1"}
	someValues = []string{"critical", "warning", "web", "api v2", "é", "", "a.b", "a+b", `q"q`}
	patterns   = []string{"critical|warning", "w.*", ".+", ".*", "", "a.b", "(web|api).*", "[a-w].*", "a\\\\.b", "^web$", "(?i)WEB"}
)

func (f *forest) pick(list []string) string { return list[f.IntN(len(list))] }

// quoted is a value as a matcher has it within a YAML text in single quotes.
func quoted(value string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(value, `"`, `\"`), "'", "''") + `"`
}

func (f *forest) matcher() string {
	name, op := f.pick(someNames), f.pick([]string{"=", "!=", "=~", "!~"})
	if strings.HasSuffix(op, "~") {
		return name + op + quoted(f.pick(patterns))
	}
	return name + op + quoted(f.pick(someValues))
}

func (f *forest) route(indent string, depth int) {
	f.receivers = append(f.receivers, fmt.Sprintf("r%d", len(f.receivers)))
	line := func(format string, args ...any) { fmt.Fprintf(&f.b, indent+format+"\n", args...) }
	// A child may have none, and then its parent's.
	if depth == 0 || f.IntN(4) > 0 {
		line("receiver: %s", f.receivers[len(f.receivers)-1])
	}
	if depth > 0 {
		switch f.IntN(4) {
		case 0:
			line("match: {%s: '%s'}", f.pick(someNames), f.pick(someValues[:5]))
		case 1:
			line("match_re: {%s: '%s'}", f.pick(someNames), strings.ReplaceAll(f.pick(patterns), `\\`, `\`))
		case 2:
			line("matchers: ['{%s, %s}']", f.matcher(), f.matcher())
		default:
			line("matchers: ['%s']", f.matcher())
		}
		if f.IntN(3) == 0 {
			line("continue: true")
		}
	}
	if n := f.IntN(4); depth < 4 && n > 0 || depth == 0 {
		line("routes:")
		for range n + 1 {
			fmt.Fprintf(&f.b, "%s- # %d\n", indent, depth)
			f.route(indent+"  ", depth+1)
		}
	}
}

func (f *forest) labels() (out []string) {
	for _, name := range someNames {
		if v := f.pick(someValues); v != "" && f.IntN(2) == 0 {
			out = append(out, name+"="+quoted(v))
		}
	}
	return out
}

// Trees and labels at random route as amtool says. EVENKEEL_TEST_TREES makes it
// more than a few trees.
func TestAnyTreeRoutesAsAmtoolSays(t *testing.T) {
	bin := amtool(t)
	trees := 8
	if n, err := strconv.Atoi(os.Getenv("EVENKEEL_TEST_TREES")); err == nil {
		trees = n
	}
	depth := 0
	for seed := range trees {
		f := &forest{Rand: rand.New(rand.NewPCG(uint64(seed), 5))}
		f.b.WriteString("route:\n")
		f.route("  ", 0)
		f.b.WriteString("receivers:\n")
		for _, r := range f.receivers {
			fmt.Fprintf(&f.b, "- name: %s\n  webhook_configs: [{url: 'http://127.0.0.1/'}]\n", r)
		}
		text := f.b.String()
		in, err := Read([]byte(text))
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		p, err := route.Compile(reread(t, in).Respond.Routing)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "alertmanager.yml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			labels := f.labels()
			theirs, ours := itsRoutes(t, bin, file, labels), ourRoutes(p, labels)
			if theirs != ours {
				t.Errorf("seed %d: %q\n amtool: %s\n   ours: %s\n%s", seed, labels, theirs, ours, text)
			}
			if !slices.Equal(strings.Split(theirs, ","), []string{"r0"}) {
				depth++
			}
		}
	}
	if depth < trees {
		t.Errorf("only %d of %d label sets went below the root; the test proves little", depth, 10*trees)
	}
}
