package oncall

import (
	"testing"
	"time"
)

// The last days of leap years beyond the tables of the zones have instants too.
func TestTheEndOfEveryLeapYearHasItsInstants(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"} {
		zone, err := zoneOf(name)
		if err != nil {
			t.Fatal(err)
		}
		for year := 2028; year <= lastYear; year += 4 {
			for wall := time.Date(year, 12, 30, 0, 0, 0, 0, time.UTC); wall.Before(time.Date(year+1, 1, 3, 0, 0, 0, 0, time.UTC)); wall = wall.Add(3 * time.Hour) {
				if got := instant(wall, zone); !wallOf(got, zone).Equal(wall) {
					t.Fatalf("%s in %s is %s, where the clock shows %s", wall, name, got, wallOf(got, zone))
				}
			}
		}
	}
}
