package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shopCSV is a wide file of three services in which, where broken, the last gets
// slow and busy, and those above it slow.
func shopCSV(t *testing.T, broken bool) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("time,front_latency,shop_latency,base_latency,front_cpu,shop_cpu,base_cpu\n")
	for i := range 300 {
		slow, busy := 0., 0.
		if broken && i >= 200 {
			slow, busy = .4, 50
		}
		fmt.Fprintf(&b, "%d", 1_700_000_000+10*i)
		for _, base := range []float64{.1, .07, .05} {
			fmt.Fprintf(&b, ",%g", base*(1+.1*rng.NormFloat64())+slow)
		}
		for _, extra := range []float64{0, 0, busy} {
			fmt.Fprintf(&b, ",%g", 20+2*rng.NormFloat64()+extra)
		}
		b.WriteString("\n")
	}
	return file(t, "data.csv", b.String())
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDiagnose(t *testing.T) {
	edges := file(t, "edges.csv", "caller,callee\nfront,shop\nshop,base\n")
	bad, well := shopCSV(t, true), shopCSV(t, false)
	ask := func(args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"diagnose"}, args...), &out, &errs)
		return code, out.String(), errs.String()
	}

	code, out, _ := ask("--graph", edges, "--symptom", "front_latency", bad)
	if code != exitFound || !strings.Contains(out, "Verdict: cause.") || !strings.Contains(out, "base") {
		t.Errorf("exit %d:\n%s", code, out)
	}

	code, out, _ = ask("--format", "wide", "--output", "json", bad)
	var d struct {
		Verdict string
		Reason  string
		Causes  []struct {
			Entity   string
			Score    float64
			Evidence []string
		}
		Excluded []any
	}
	dec := json.NewDecoder(strings.NewReader(out))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if code != exitFound || d.Verdict != "cause" || d.Causes[0].Entity != "base" || len(d.Causes[0].Evidence) == 0 || d.Excluded == nil || !strings.HasPrefix(d.Reason, "Something began at") {
		t.Errorf("exit %d: %s", code, out)
	}

	code, out, _ = ask("--output", "json", well)
	if code != exitOK || !strings.Contains(out, `"verdict": "none"`) || !strings.Contains(out, `"causes": []`) || !strings.Contains(out, `"excluded": []`) ||
		!strings.Contains(out, `"reason": "Nothing changed`) {
		t.Errorf("all is well: exit %d: %s", code, out)
	}

	code, out, _ = ask("--graph", file(t, "slip.csv", "caller,callee\nfrontt,shop\nshop, base\n"), "--symptom", "front_latency", bad)
	if code != exitFound || !strings.Contains(out, "Note: 1 of 2 calls name something that there are no figures of (frontt)") ||
		!strings.Contains(out, "it is not known whether front depends on it") {
		t.Errorf("a slip in a name: exit %d:\n%s", code, out)
	}

	code, out, _ = ask("--output", "json", file(t, "short.csv", "time,a_cpu\n1,1\n2,1\n"))
	if code != exitUnsure || !strings.Contains(out, `"verdict": "unknown"`) || !strings.Contains(out, `"reason": "There are 2 samples; at least 23 are needed."`) {
		t.Errorf("too short a file: exit %d: %s", code, out)
	}

	for _, x := range []struct {
		args []string
		want string
	}{
		{[]string{file(t, "broken.csv", "time,a_cpu\n1,x\n")}, "broken.csv, line 2"},
		{[]string{"--format", "petshop", bad}, "needs --graph, --normal and --symptom"},
		{[]string{"--format", "xml", bad}, "--format is"},
		{[]string{"--symptom", "nobody_latency", bad}, `"nobody_latency"`},
		{[]string{"absent.csv"}, "absent.csv"},
		{[]string{"--from", "-3h", bad}, "--from belongs to --format tsdb; the format here is wide"},
		{[]string{"--format", "petshop", "--onset", "1700002000", bad}, "--onset belongs to --format wide or tsdb; the format here is petshop"},
		{[]string{"--format", "tsdb", "--normal", bad, bad}, "--normal belongs to --format petshop; the format here is tsdb"},
		{[]string{"--onset", "1700002000000", bad}, "outside of the data"},
	} {
		if code, _, errs := ask(x.args...); code != exitUnsure || !strings.Contains(errs, x.want) {
			t.Errorf("%v: exit %d, %q; want %q", x.args, code, errs, x.want)
		}
	}
}
