package archtest

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const (
	module = "github.com/evenkeel/evenkeel"
	root   = "../.."
)

func theTable(t *testing.T) Table {
	t.Helper()
	text, err := os.ReadFile(root + "/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	table, err := ParseTable(string(text))
	if err != nil {
		t.Fatalf("ARCHITECTURE.md: %v", err)
	}
	return table
}

func thePackages(t *testing.T) []Package {
	t.Helper()
	packages, err := Packages(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 5 {
		t.Fatalf("only %d packages were found below %s; the walk is broken", len(packages), root)
	}
	return packages
}

func TestImportsGoDown(t *testing.T) {
	for _, problem := range Imports(module, theTable(t), thePackages(t)) {
		t.Error(problem)
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, problem := range Docs(thePackages(t)) {
		t.Error(problem)
	}
}

func TestTheSpineKeepsItsRows(t *testing.T) {
	table := theTable(t)
	for _, name := range []string{"cmd/evenkeel", "app", "store", "detect", "collect", "finding", "estate", "metric", "access", "internal"} {
		if !slices.ContainsFunc(table, func(r Rank) bool { return r.Package == name }) {
			t.Errorf("%s has lost its row in ARCHITECTURE.md", name)
		}
	}
}

// The rules themselves, on a small tree: each forbidden import is caught, and
// each allowed one is not.
func TestForbiddenImportsAreCaught(t *testing.T) {
	table, err := ParseTable(strings.Join([]string{
		"| rank | package | what lives there |",
		"|---|---|---|",
		"| 12 | cmd/tool | flags |",
		"| 10 | app | wires |",
		"| 8 | api | programs; client/ |",
		"| 8 | pages | people; may import its children |",
		"| 2 | finding | the noun |",
		"| 0 | internal | tools |",
		"| series | labels | meaning |",
	}, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	source := func(name string, imports ...string) *fstest.MapFile {
		text := "package " + name + "\n"
		for _, i := range imports {
			text += "import _ \"" + i + "\"\n"
		}
		return &fstest.MapFile{Data: []byte(text)}
	}
	tree := fstest.MapFS{
		"cmd/tool/main.go":        source("main", "m/app", "os"),
		"app/app.go":              source("app", "m/api/client", "m/app/parts", "m/pages", "m/finding"),
		"app/parts/p.go":          source("parts"),
		"api/api.go":              source("api", "m/finding", "m/api/client", "m/pages"),
		"api/client/client.go":    source("client", "m/api", "m/finding"),
		"pages/pages.go":          source("pages", "m/pages/draw", "m/internal/tool"),
		"pages/draw/draw.go":      source("draw"),
		"finding/finding.go":      source("finding", "m/app", "m/lost", "m2/app"),
		"finding/finding_test.go": source("finding_test", "m/app"),
		"internal/tool/tool.go":   source("tool", "m/finding"),
		"lost/lost.go":            source("lost"),
		"testbed/go.mod":          {Data: []byte("module other")},
		"testbed/t.go":            source("testbed", "m/app"),
		"finding/testdata/x.go":   source("x", "m/app"),
	}
	packages, err := Packages(tree)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"api imports its child api/client; let the child implement an interface of the parent, and app join them (api/api.go)",
		"api imports pages of its own rank 8; declare the interface that it needs, and let app join them (api/api.go)",
		"finding (rank 2) imports app (rank 10); imports go down only (finding/finding.go)",
		"finding imports lost, which has no row in ARCHITECTURE.md; add one with its rank (finding/finding.go)",
		"internal/tool (rank 0) imports finding (rank 2); imports go down only (internal/tool/tool.go)",
		"lost has no row in ARCHITECTURE.md; add one with its rank",
	}
	if diff := cmp.Diff(want, Imports("m", table, packages)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestPoorPackageCommentsAreCaught(t *testing.T) {
	long := strings.Repeat("It keeps its word and says what happens when it cannot. ", 4)
	packages, err := Packages(fstest.MapFS{
		"good/good.go":         {Data: []byte("// Package good does good. " + long + "\npackage good")},
		"good/rest.go":         {Data: []byte("package good")},
		"cmd/tool/main.go":     {Data: []byte("// Command tool runs. " + long + "\npackage main")},
		"none/none.go":         {Data: []byte("package none")},
		"short/short.go":       {Data: []byte("// Package short is short.\npackage short")},
		"two/a.go":             {Data: []byte("// Package two is said twice. " + long + "\npackage two")},
		"two/b.go":             {Data: []byte("// Package two is said twice. " + long + "\npackage two")},
		"wrong/wrong.go":       {Data: []byte("// This package is wrong. " + long + "\npackage wrong")},
		"detached/detached.go": {Data: []byte("// Package detached is set off. " + long + "\n\npackage detached")},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, problem := range Docs(packages) {
		got = append(got, problem[:strings.IndexAny(problem, " /:")])
	}
	if diff := cmp.Diff([]string{"detached", "none", "short", "two", "wrong"}, got); diff != "" {
		t.Errorf("packages with poor comments (-want +got):\n%s", diff)
	}
}

func TestATableThatCannotBeReadIsAnError(t *testing.T) {
	for name, text := range map[string]string{
		"empty":      "# Architecture\n",
		"two rows":   "| 1 | metric | a |\n| 2 | metric | b |\n",
		"no package": "| 1 |  | a |\n",
	} {
		if table, err := ParseTable(text); err == nil {
			t.Errorf("%s: got %v, want an error", name, table)
		}
	}
}
