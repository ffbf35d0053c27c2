// Command evenkeel watches production and says what is not as it should be.
//
// "evenkeel up" runs everything. The other verbs ask a running Evenkeel, or
// work on its files. All print tables for people and, with --output json, JSON
// for programs. They exit with 0 when all is well, 1 when something was found,
// and 2 when they could not tell.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
)

// Exit codes of every verb.
const (
	exitOK     = 0
	exitFound  = 1
	exitUnsure = 2
)

// verb is one thing that the command can do.
type verb struct {
	name, args, help string
	run              func(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error)
}

func verbs() []verb {
	return []verb{
		{"up", "", "watch this machine and serve the console; needs no flags", up},
		{"login", "", "print a new one-time login link of the Evenkeel that runs here", login},
		{"status", "", "say whether production is steady", status},
		{"findings", "", "list what is not as it should be", findings},
		{"finding", "ID", "show one finding with its evidence and history", showFinding},
		{"ack", "ID", "say that you look after a finding (by its id) or an incident (by its number)", acknowledge},
		{"accept", "ID", "accept a finding until a date, with a reason", accept},
		{"reopen", "ID", "take an acceptance or an acknowledgement back", reopen},
		{"cases", "", "list what belongs to one trouble, with its most likely cause", listCases},
		{"case", "ID", "show one case: its causes with evidence, what was excluded, what could not be seen; or say --useful or --noise of it", showCase},
		{"incidents", "[NUMBER]", "list what people respond to, or show one", incidents},
		{"incident", "NUMBER", "show one incident: who does what, its alerts, what happened", showIncident},
		{"resolve", "NUMBER", "say that an incident is over", answerIncident("resolve")},
		{"escalate", "NUMBER", "tell the next people of an incident now", answerIncident("escalate")},
		{"declare", "TITLE", "open an incident by hand", declareIncident},
		{"update", "NUMBER TEXT", "tell those who wait how far an incident is; --public puts it on the status pages", writeUpdate},
		{"role", "NUMBER ROLE PERSON", "make a person commander, communications or scribe of an incident; 'nobody' ends it", giveRole},
		{"task", "NUMBER [TEXT]", "add a task to an incident, or end one with --done", addTask},
		{"document", "NUMBER", "print what was learnt from an incident, as Markdown; a draft until somebody saves it", document},
		{"page", "PERSON TEXT", "page one person by hand: opens an incident that they are told of at once", pagePerson},
		{"simulate", "", "tell what would happen with an alert at a time: who is paged, when and why", simulation},
		{"replay", "", "run a time that has passed again, with the checks of today or a draft: what would be found, who would be paged", replayed},
		{"contacts", "", "list who can be reached, and how", contacts},
		{"silences", "", "list what keeps alerts from paging, and what each of them mutes", silences},
		{"silence", "MATCHERS", "keep alerts from paging for a while, such as 'service=shop,severity!=critical'", silence},
		{"expire", "SILENCE", "end a silence now", expire},
		{"oncall", "[SCHEDULE]", "say who is on call, why, until when, and who is next", whoIsOnCall},
		{"entities", "", "list what exists", entities},
		{"changes", "", "list what changed, newest first", changes},
		{"checks", "", "list which checks pass, fire or cannot be told", checks},
		{"slos", "", "list what was promised to users and what is left of each error budget", slos},
		{"verify", "ledger", "read the whole page ledger and list what is lost or stuck", verify},
		{"import", "KIND FILE", "carry an alertmanager.yml, or objectives of sloth or openslo, over into a configuration of ours, and say what could not be", importConfig},
		{"diagnose", "FILE", "rank what caused a symptom, from files alone; no server is needed", diagnose},
		{"lab", "cluster", "run a Kubernetes control plane with simulated nodes on this machine, to try things on; within the project's folder", labCluster},
		{"backup", "", "write a backup of state and metrics, also while running", backup},
		{"restore", "FILE", "make a new data folder from a backup", restore},
		{"config", "FILE", "check a configuration file", checkConfig},
		{"version", "", "print the version", version},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(out)
		return exitOK
	}
	for _, v := range verbs() {
		if v.name != args[0] {
			continue
		}
		fs := flag.NewFlagSet(v.name, flag.ContinueOnError)
		fs.SetOutput(errs)
		fs.Usage = func() {
			fmt.Fprintf(errs, "evenkeel %s %s: %s\n", v.name, v.args, v.help)
			fs.PrintDefaults()
		}
		code, err := v.run(ctx, fs, args[1:], out)
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		if err != nil {
			fmt.Fprintf(errs, "evenkeel %s: %v\n", v.name, err)
			return exitUnsure
		}
		return code
	}
	fmt.Fprintf(errs, "evenkeel: there is no verb %q; 'evenkeel help' lists them\n", args[0])
	return exitUnsure
}

func usage(out io.Writer) {
	fmt.Fprintln(out, "Evenkeel watches production and says what is not as it should be.\n\nStart here: evenkeel up")
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, v := range verbs() {
		fmt.Fprintf(w, "  %s %s\t%s\n", v.name, v.args, v.help)
	}
	w.Flush()
	fmt.Fprintln(out, "\n'evenkeel VERB --help' lists a verb's flags.")
}

// parse reads a verb's flags, which may stand before and after its arguments,
// and checks how many arguments there are.
func parse(fs *flag.FlagSet, args []string, want int) ([]string, error) {
	return parseSome(fs, args, want, want)
}

// parseSome is parse where the number of arguments is not certain.
func parseSome(fs *flag.FlagSet, args []string, least, most int) ([]string, error) {
	var rest []string
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if fs.NArg() == 0 {
			break
		}
		rest = append(rest, fs.Arg(0))
		args = fs.Args()[1:]
	}
	if len(rest) < least || len(rest) > most {
		return nil, fmt.Errorf("takes %d arguments, got %d; see 'evenkeel %s --help'", most, len(rest), fs.Name())
	}
	return rest, nil
}
