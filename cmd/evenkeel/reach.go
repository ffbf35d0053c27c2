package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/respond/reach"
)

// contacts lists who can be reached and how. Something was found where somebody
// cannot be, or nobody knows.
func contacts(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	person := fs.String("person", "", "only of this `person`, by their login name or id")
	_, c, err := a.connect(fs, args, 0)
	if err != nil {
		return exitUnsure, err
	}
	list, err := c.Contacts(ctx)
	if err != nil {
		return exitUnsure, err
	}
	if *person != "" {
		var theirs []api.Contact
		for _, k := range list.Contacts {
			if k.PersonName == *person || k.Person == *person {
				theirs = append(theirs, k)
			}
		}
		list.Contacts = theirs
	}
	code := exitOK
	for _, k := range list.Contacts {
		if k.Standing == reach.Unverified || k.Standing == reach.Gone {
			code = exitFound
		}
	}
	if len(list.Notices) > 0 {
		code = exitFound
	}
	return code, a.answer(out, list, func() {
		var rows [][]string
		for _, k := range list.Contacts {
			rows = append(rows, []string{cmp.Or(k.PersonName, k.Person, "(nobody's)"), k.Name, string(k.Channel), k.Address, k.After, quietText(k), string(k.Standing)})
		}
		table(out, []string{"whose", "name", "channel", "address", "after", "quiet", "state"}, rows, "No contacts.")
		for _, n := range list.Notices {
			fmt.Fprintln(out, "\n"+n.Text)
		}
	})
}

func quietText(k api.Contact) string {
	if k.Quiet == nil {
		return "-"
	}
	return fmt.Sprintf("%s-%s %s", k.Quiet.From, k.Quiet.To, k.Quiet.Zone)
}

// pagePerson opens an incident that one person is told of at once.
func pagePerson(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	severity := fs.String("severity", "critical", "`severity`: info, warning, critical")
	policy := fs.String("policy", "", "`policy` that goes on where they do not take it up; default: the one named default")
	rest, c, err := a.connect(fs, args, 2)
	if err != nil {
		return exitUnsure, err
	}
	i, err := c.PagePerson(ctx, rest[0], strings.TrimSpace(rest[1]), *severity, *policy)
	if err != nil {
		return exitUnsure, err
	}
	return saying(ctx, a, c, out, i)
}
