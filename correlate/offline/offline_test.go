package offline

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/correlate"
)

const metrics = `microservice,shop,shop,base
metric,latency,requests,availability
statistic,Average,Sum,Average
time,,,
0.0,0.1,10,100
300.0,,0,99
`

func all([3]string) bool { return true }

func TestReadTable(t *testing.T) {
	tab, err := readTable("m.csv", strings.NewReader(metrics), all)
	if err != nil {
		t.Fatal(err)
	}
	if len(tab.times) != 2 || len(tab.columns) != 3 || !math.IsNaN(tab.values[0][1]) || tab.values[1][1] != 0 {
		t.Errorf("read %+v", tab)
	}
}

// What is wrong is told with file, line and remedy.
func TestWhatIsWrongIsTold(t *testing.T) {
	table := func(s string) error { _, err := readTable("f.csv", strings.NewReader(s), all); return err }
	wide := func(s string) error { _, err := readWide("f.csv", strings.NewReader(s), Options{}); return err }
	edges := func(s string) error { _, err := readEdges("f.csv", strings.NewReader(s)); return err }
	matrix := func(s string) error { _, err := readMatrix("f.csv", strings.NewReader(s)); return err }
	for _, x := range []struct {
		name string
		err  error
		want string
	}{
		{"no header", table("time,a\n1,2\n"), "line 1: begins with"},
		{"no samples", table("microservice,a\nmetric,b\nstatistic,c\n"), "no samples"},
		{"no number", table(strings.Replace(metrics, "0.1", "fast", 1)), `line 5: field 2: "fast" is no number; leave it empty`},
		{"no time", table(strings.Replace(metrics, "300.0", "noon", 1)), `line 6: the time "noon"`},
		{"time goes back", table(strings.Replace(metrics, "300.0", "0", 1)), "line 6: the time 0 does not come after 0; sort"},
		{"a field too many", table(metrics + "600,1,2,3,4\n"), "line 7"},
		{"an open quote", table(metrics + "\"600,1\n"), "quotes must be closed"},
		{"wide: no time", wide("a_cpu\n1\n"), `line 1: there is no column "time"`},
		{"wide: parted otherwise", wide("time|a_cpu\n1|1\n"), `line 1: there is no column "time", where fields are parted by ','`},
		{"wide: a decimal comma", wide("time;a_cpu\n1;0,5\n"), `line 2: field 2: "0,5" is no number; leave it empty where there is none, and write fractions with a point`},
		{"wide: milliseconds", wide("time,a_cpu\n1700000000000,1\n"), "divide milliseconds by 1000"},
		{"wide: a column without a name", wide("time,a_cpu,\n1,1,1\n"), `column 3, "", is not ENTITY_METRIC`},
		{"wide: a fraction of a second goes back", wide("time,a_cpu\n1.5,1\n1.25,1\n"), "line 3: the time 1.25 does not come after 1.5"},
		{"wide: no metric", wide("time,cpu\n1,1\n"), "is not ENTITY_METRIC"},
		{"wide: twice", wide("time,a_cpu,a_cpu\n1,1,1\n"), "there twice"},
		{"wide: no number", wide("time,a_cpu\n1,x\n"), `line 2: field 2: "x"`},
		{"edges: header", edges("a,b\n"), "line 1: the header must be caller,callee"},
		{"edges: empty", edges(""), "the file is empty"},
		{"edges: half", edges("caller,callee\na,\n"), "line 2: caller or callee is empty"},
		{"matrix", matrix(",a\na,yes\n"), "a call is 1"},
	} {
		if x.err == nil || !strings.Contains(x.err.Error(), x.want) || !strings.Contains(x.err.Error(), "f.csv") {
			t.Errorf("%s: %v, want %q and the file's name", x.name, x.err, x.want)
		}
	}
	for _, text := range []string{"shop", "shop,latency,Average,noon", ""} {
		if _, err := ParseNoticed(text); err == nil || !strings.Contains(err.Error(), "NODE,METRIC,STATISTIC,UNIXTIME") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if n, err := ParseNoticed("a,b,latency,Average,12"); err != nil || n.Node != "a,b" || n.At != 12 {
		t.Errorf("a node with a comma: %+v, %v", n, err)
	}
}

func TestSpacesAboutNamesAreNoPartOfThem(t *testing.T) {
	calls, err := readEdges("f.csv", strings.NewReader("caller, callee\nweb , db\n"))
	if err != nil || len(calls) != 1 || calls[0] != (correlate.Call{Caller: "web", Callee: "db"}) {
		t.Errorf("%q, %v", calls, err)
	}
}

// What programs and spreadsheets call CSV is read as it was meant.
func TestFormsOfCSV(t *testing.T) {
	for name, text := range map[string]string{
		"commas":                 "time,a_cpu,b_latency\n1,2,3\n2,,4\n",
		"semicolons":             "time;a_cpu;b_latency\n1;2;3\n2;;4\n",
		"tabs":                   "time\ta_cpu\tb_latency\n1\t2\t3\n2\t\t4\n",
		"a mark before a quote":  "\ufeff\"time\",\"a_cpu\",\"b_latency\"\n1,2,3\n2,,4\n",
		"spaces":                 "time, a_cpu , \"b_latency\"\n1, 2, 3\n 2, , 4\n",
		"the number of the row":  ",time,a_cpu,b_latency\n0,1,2,3\n1,2,,4\n",
		"Windows' ends of lines": "time;a_cpu;b_latency\r\n1;2;3\r\n2;;4\r\n",
		"fractions of a second":  "time,a_cpu,b_latency\n1.2,2,3\n2.7,,4\n",
		"two in one second":      "time,a_cpu,b_latency\n2.25,2,3\n2.5,,4\n",
	} {
		p, err := readWide("f.csv", strings.NewReader(text), Options{Symptom: "b_latency"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(p.Times) != 2 || p.Times[1] != 2 || p.Symptom != 1 || len(p.Series) != 2 || p.Series[0].Entity != "a" || p.Series[1].Name != "latency" ||
			p.Series[0].Window[0] != 2 || !math.IsNaN(p.Series[0].Window[1]) || p.Series[1].Window[1] != 4 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	for _, text := range []string{"\ufeffcaller,callee\nweb,db\n", "\ufeff\"caller\";\"callee\"\nweb;db\n", "caller\tcallee\nweb\tdb\n"} {
		if calls, err := readEdges("f.csv", strings.NewReader(text)); err != nil || len(calls) != 1 || calls[0] != (correlate.Call{Caller: "web", Callee: "db"}) {
			t.Errorf("%q: %v, %v", text, calls, err)
		}
	}
}

func TestPetShopNeedsTheSymptomsColumn(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	graph, table := file("g.csv", ",shop,base\nshop,0,1.0\nbase,0,0\n"), file("m.csv", metrics)
	c, err := PetShop(graph, table, table, Noticed{"shop", "latency", "Average", 301})
	if err != nil || len(c.Calls) != 1 || len(c.Series) != 2 || c.Step != 300 {
		t.Errorf("read %+v, %v", c, err)
	}
	if _, err := PetShop(graph, table, table, Noticed{"nobody", "latency", "Average", 301}); err == nil || !strings.Contains(err.Error(), "no column nobody") {
		t.Errorf("a node that is not there: %v", err)
	}
	for _, noticed := range []int64{-1, 600, 1_700_000_000} {
		if _, err := PetShop(graph, table, table, Noticed{"shop", "latency", "Average", noticed}); err == nil || !strings.Contains(err.Error(), "m.csv, which goes from 0 to 300") {
			t.Errorf("a symptom outside of the window: %v", err)
		}
	}
	if _, err := PetShop(graph, table, table, Noticed{"shop", "colour", "Average", 301}); err == nil {
		t.Error("a metric that is no symptom was taken")
	}
	if _, err := PetShop(graph, filepath.Join(dir, "absent.csv"), table, Noticed{}); err == nil || !strings.Contains(err.Error(), "absent.csv") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func FuzzReaders(f *testing.F) {
	f.Add(metrics)
	f.Add("time,a_cpu,b_latency\n1,2,3\n2,,nan\n")
	f.Add("caller,callee\na,b\n")
	f.Add(",a\na,1\n")
	f.Fuzz(func(t *testing.T, s string) {
		if tab, err := readTable("f", strings.NewReader(s), all); err == nil {
			for _, v := range tab.values {
				if len(v) != len(tab.times) {
					t.Fatal("ragged")
				}
			}
		}
		if p, err := readWide("f", strings.NewReader(s), Options{}); err == nil {
			for _, x := range p.Series {
				if len(x.Window) != len(p.Times) || x.Entity == "" || x.Name == "" {
					t.Fatal("ragged or nameless")
				}
			}
		}
		_, _ = readEdges("f", strings.NewReader(s))
		_, _ = readMatrix("f", strings.NewReader(s))
		_, _ = ParseNoticed(s)
	})
}
