package main

import (
	"strings"
	"testing"
)

func TestALabThatCannotBe(t *testing.T) {
	for args, says := range map[string]string{
		"lab moon":                               `there is no lab "moon"`,
		"lab cluster --nodes 1 --pods 111":       "a node takes 110",
		"lab":                                    "takes 1 arguments",
		"lab cluster --nodes=-1":                 "a node takes 110",
		"lab cluster --nodes 0 --pods 1 --build": "a node takes 110",
	} {
		var out, errs strings.Builder
		if code := run(t.Context(), strings.Fields(args), &out, &errs); code != exitUnsure || !strings.Contains(errs.String(), says) {
			t.Errorf("%s: %d, %s%s", args, code, out.String(), errs.String())
		}
	}
}
