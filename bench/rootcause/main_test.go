package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
)

func TestSaysThatItMissesItsData(t *testing.T) {
	for _, folder := range []string{"", t.TempDir()} {
		if err := run(folder, false, false, io.Discard); err == nil || !strings.Contains(err.Error(), "PetShop") {
			t.Errorf("%q: %v", folder, err)
		}
	}
}

// The goals, where the data is: PETSHOP names its folder.
func TestGoals(t *testing.T) {
	folder := os.Getenv("PETSHOP")
	if folder == "" {
		t.Skip("PETSHOP names no folder with PetShop's data")
	}
	rows, err := measure(folder)
	if err != nil {
		t.Fatal(err)
	}
	var all row
	for _, r := range rows {
		all.Cases, all.Top1, all.Top3 = all.Cases+r.Cases, all.Top1+r.Top1, all.Top3+r.Top3
		all.Windows, all.Quiet = all.Windows+r.Windows, all.Quiet+r.Quiet
	}
	if 100*all.Top1 < 90*all.Cases || 100*all.Top3 < 97*all.Cases || 100*all.Quiet < 95*all.Windows {
		t.Errorf("missed the goals (.90, .97, .95): %+v", all)
	}
	var out bytes.Buffer
	show(rows, true, &out)
	if !strings.Contains(out.String(), "| pooled |") {
		t.Errorf("the table lacks its last line:\n%s", &out)
	}
}
