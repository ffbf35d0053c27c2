// Package archtest holds the project to its own map: it reads the table of
// packages and ranks from ARCHITECTURE.md and finds every import that the
// table does not allow, and every package that does not say what it is.
//
// The rules, as ARCHITECTURE.md states them: a package imports lower ranks
// only, never one of its own rank; a child package counts as its parent; a
// parent does not import its child, except app, which wires everything, and
// packages whose row says "may import its children". Every directory with Go
// files has a row. Files ending in _test.go are free to use real parts from
// above, since nothing can depend on them.
//
// Invariants: only text is read (go/parser), so that the rules hold for every
// build tag and operating system at once, and a tree that does not compile is
// still judged. A nested module (a directory with a go.mod of its own) is not
// looked into. Failure behaviour: a table or a file that cannot be read is an
// error, never an empty list of problems.
package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Rank is one row of the table.
type Rank struct {
	Package  string // directory relative to the module's root, such as "cmd/evenkeel"
	Rank     int
	Children bool // may import its own children
}

// Table holds the rows of ARCHITECTURE.md.
type Table []Rank

// ParseTable reads the rows "| rank | package | ... |" of a Markdown text.
// Other tables in the text are passed over: a row counts where its first cell
// is a whole number. Several packages may share a row, separated by commas.
func ParseTable(markdown string) (Table, error) {
	var t Table
	for n, line := range strings.Split(markdown, "\n") {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || len(cells) < 3 {
			continue
		}
		rank, err := strconv.Atoi(strings.TrimSpace(cells[0]))
		if err != nil {
			continue
		}
		for name := range strings.SplitSeq(cells[1], ",") {
			name = strings.Trim(strings.TrimSpace(name), "`/")
			if name == "" {
				return nil, fmt.Errorf("line %d: a row of rank %d names no package", n+1, rank)
			}
			if slices.ContainsFunc(t, func(r Rank) bool { return r.Package == name }) {
				return nil, fmt.Errorf("line %d: %s has two rows; keep one", n+1, name)
			}
			t = append(t, Rank{Package: name, Rank: rank,
				Children: name == "app" || strings.Contains(cells[2], "may import its children")})
		}
	}
	if len(t) == 0 {
		return nil, fmt.Errorf("no row of the form \"| rank | package | ... |\" was found")
	}
	return t, nil
}

// row returns the row that a directory belongs to: the longest package name
// that is the directory or one of its parents.
func (t Table) row(dir string) (best Rank, found bool) {
	for _, r := range t {
		if (dir == r.Package || strings.HasPrefix(dir, r.Package+"/")) && (!found || len(r.Package) > len(best.Package)) {
			best, found = r, true
		}
	}
	return best, found
}

// Judge says why a package in directory from must not import the one in
// directory to, or "" where it may.
func (t Table) Judge(from, to string) string {
	a, ok := t.row(from)
	if !ok {
		return fmt.Sprintf("%s has no row in ARCHITECTURE.md; add one with its rank", from)
	}
	b, ok := t.row(to)
	switch {
	case !ok:
		return fmt.Sprintf("%s imports %s, which has no row in ARCHITECTURE.md; add one with its rank", from, to)
	case a.Package == b.Package && strings.HasPrefix(to, from+"/") && !a.Children:
		return fmt.Sprintf("%s imports its child %s; let the child implement an interface of the parent, and app join them", from, to)
	case a.Package == b.Package:
		return ""
	case b.Rank == a.Rank:
		return fmt.Sprintf("%s imports %s of its own rank %d; declare the interface that it needs, and let app join them", from, to, a.Rank)
	case b.Rank > a.Rank:
		return fmt.Sprintf("%s (rank %d) imports %s (rank %d); imports go down only", from, a.Rank, to, b.Rank)
	}
	return ""
}

// Package is what one directory's Go files say.
type Package struct {
	Dir     string
	Name    string
	Doc     string              // the package comment, without comment marks
	Docs    []string            // files that carry a package comment
	Imports map[string][]string // path as written -> files, without _test.go files
}

// Packages reads every package of the module whose root is fsys.
func Packages(fsys fs.FS) ([]Package, error) {
	byDir := map[string]*Package{}
	err := fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if file != "." && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata" || isModule(fsys, file)) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		p := byDir[path.Dir(file)]
		if p == nil {
			p = &Package{Dir: path.Dir(file), Name: parsed.Name.Name, Imports: map[string][]string{}}
			byDir[p.Dir] = p
		}
		return p.add(file, parsed)
	})
	if err != nil {
		return nil, err
	}
	out := make([]Package, 0, len(byDir))
	for _, p := range byDir {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Package) int { return strings.Compare(a.Dir, b.Dir) })
	return out, nil
}

func (p *Package) add(file string, parsed *ast.File) error {
	// What generators write above the package clause is no comment on it.
	if doc := parsed.Doc.Text(); doc != "" && !ast.IsGenerated(parsed) {
		p.Doc = doc
		p.Docs = append(p.Docs, file)
	}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("%s: import %s: %w", file, spec.Path.Value, err)
		}
		p.Imports[imported] = append(p.Imports[imported], file)
	}
	return nil
}

func isModule(fsys fs.FS, dir string) bool {
	_, err := fs.Stat(fsys, path.Join(dir, "go.mod"))
	return err == nil
}

// Imports returns a line for each import within the module that the table
// does not allow.
func Imports(module string, t Table, packages []Package) []string {
	var out []string
	for _, p := range packages {
		if _, ok := t.row(p.Dir); !ok {
			out = append(out, fmt.Sprintf("%s has no row in ARCHITECTURE.md; add one with its rank", p.Dir))
			continue
		}
		for imported, files := range p.Imports {
			to, within := strings.CutPrefix(imported, module+"/")
			if !within {
				continue
			}
			if problem := t.Judge(p.Dir, to); problem != "" {
				out = append(out, problem+" ("+strings.Join(files, ", ")+")")
			}
		}
	}
	slices.Sort(out)
	return out
}

// MinDoc is the least length, in bytes, of a package comment that says
// something.
const MinDoc = 160

// Docs returns a line for each package that does not say what it is: one
// package comment in one file, which begins as Go's tools expect and is long
// enough to hold a purpose and what happens on failure.
func Docs(packages []Package) []string {
	var out []string
	for _, p := range packages {
		first := "Package " + p.Name + " "
		if p.Name == "main" {
			first = "Command " + path.Base(p.Dir) + " "
		}
		switch {
		case len(p.Docs) == 0:
			out = append(out, p.Dir+" has no package comment; say its purpose, its invariants and what happens on failure")
		case len(p.Docs) > 1:
			out = append(out, fmt.Sprintf("%s has package comments in %s; keep one", p.Dir, strings.Join(p.Docs, " and ")))
		case !strings.HasPrefix(strings.ReplaceAll(p.Doc, "\n", " "), first):
			out = append(out, fmt.Sprintf("%s: the package comment does not begin with %q", p.Docs[0], first))
		case len(p.Doc) < MinDoc:
			out = append(out, fmt.Sprintf("%s: the package comment has %d characters; it cannot hold purpose, invariants and failure behaviour in fewer than %d", p.Docs[0], len(p.Doc), MinDoc))
		}
	}
	return out
}
