package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/evenkeel/evenkeel/api/client"
	"github.com/evenkeel/evenkeel/app"
	"github.com/evenkeel/evenkeel/config"
)

// asked are the flags that every verb has which asks a running Evenkeel.
type asked struct {
	data, server, output *string
	environment          *string
}

func askFlags(fs *flag.FlagSet) asked {
	return asked{
		data:        fs.String("data", "", "data `folder` of the Evenkeel that runs on this machine"),
		server:      fs.String("server", "", "`URL` of an Evenkeel elsewhere; its token is read from EVENKEEL_TOKEN"),
		output:      fs.String("output", "table", "`format`: table or json"),
		environment: fs.String("environment", "", "only this `environment`"),
	}
}

func (a asked) json() bool { return *a.output == "json" }

// client connects to the server that was named, or to the Evenkeel that runs
// on the data folder.
func (a asked) client() (*client.Client, error) {
	if *a.output != "table" && *a.output != "json" {
		return nil, fmt.Errorf("--output %s: must be table or json", *a.output)
	}
	if *a.server != "" {
		token := os.Getenv("EVENKEEL_TOKEN")
		if token == "" {
			return nil, errors.New("set EVENKEEL_TOKEN to an API token of that server; its console makes one under Settings")
		}
		return client.New(*a.server, token)
	}
	data := *a.data
	if data == "" {
		data = config.Default().Data
	}
	in, err := app.ReadInstance(data)
	if err != nil {
		return nil, err
	}
	return client.New(in.URL, in.Token)
}

// connect reads a verb's flags and its arguments, of which there must be want,
// and connects.
func (a asked) connect(fs *flag.FlagSet, args []string, want int) ([]string, *client.Client, error) {
	rest, err := parse(fs, args, want)
	if err != nil {
		return nil, nil, err
	}
	c, err := a.client()
	return rest, c, err
}

// answer prints v as JSON, or lets table print it for people.
func (a asked) answer(out io.Writer, v any, table func()) error {
	if a.json() {
		return printJSON(out, v)
	}
	table()
	return nil
}

func version(_ context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	if _, err := parse(fs, args, 0); err != nil {
		return exitUnsure, err
	}
	fmt.Fprintln(out, "evenkeel", programVersion())
	return exitOK, nil
}

// query adds the environment to a question and leaves out what is empty.
func (a asked) query(q url.Values) url.Values {
	if *a.environment != "" {
		q.Set("environment", *a.environment)
	}
	for k, v := range q {
		if v[0] == "" {
			q.Del(k)
		}
	}
	return q
}

func checkConfig(_ context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	rest, err := parse(fs, args, 1)
	if err != nil {
		return exitUnsure, err
	}
	cfg, err := config.Load(rest[0])
	if err != nil {
		return exitUnsure, err
	}
	fmt.Fprintf(out, "%s is good: it serves %s, keeps its data in %s and watches the environment %s.\n", rest[0], cfg.Listen, cfg.Data, cfg.Environment)
	return exitOK, nil
}
