package finding

import (
	"fmt"
	"math"
	"slices"

	"github.com/evenkeel/evenkeel/internal/naming"
)

// validate checks an observation that a practice made.
func (o Observation) validate() error {
	k := o.Key
	switch {
	case k.Tenant == "" || k.Environment == "" || k.Practice == "" || k.Check == "" || k.Entity == "":
		return fmt.Errorf("observation %+v: every part of the key is needed", k)
	case o.At.IsZero():
		return fmt.Errorf("observation of %s on %s has no time", k.Check, k.Entity)
	case o.Sign != Firing && o.Sign != Clear && o.Sign != NoData:
		return fmt.Errorf("observation of %s on %s: sign %q is not firing, clear or no-data", k.Check, k.Entity, o.Sign)
	case o.Sign == Firing && (severityNames[o.Report.Severity] == "" || o.Report.Title == ""):
		return fmt.Errorf("observation of %s on %s fires without a severity and a title", k.Check, k.Entity)
	}
	return nil
}

// tidy makes an observation one that can be stored: names come from the
// outside world and may not be text, and a figure may not be a number. What is
// not a number is no figure.
func (o Observation) tidy() Observation {
	o.Key.Check, o.Key.Entity = naming.Name(o.Key.Check), naming.Name(o.Key.Entity)
	o.Report.Host = naming.Name(o.Report.Host)
	o.Report.Evidence = slices.Clone(o.Report.Evidence)
	for i := range o.Report.Evidence {
		e := &o.Report.Evidence[i]
		e.Value, e.Usual, e.Limit = finite(e.Value), finite(e.Usual), finite(e.Limit)
	}
	o.Report.Culprits = slices.Clone(o.Report.Culprits)
	for i := range o.Report.Culprits {
		if c := &o.Report.Culprits[i]; !(c.Share >= 0 && c.Share <= math.MaxFloat64) {
			c.Share = 0
		}
	}
	return o
}

func finite(v *float64) *float64 {
	if v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
		return nil
	}
	return v
}
