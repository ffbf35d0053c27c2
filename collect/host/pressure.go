package host

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
)

var descPressure = describe("pressure_share",
	"Share of the last 10 s in which some or all tasks waited for the resource (PSI avg10), 0 to 1.", "resource", "kind")

// emitPressure reads /proc/pressure.
func emitPressure(e emitter, r roots, sources *sourceBoard) {
	var f fileReader
	var errs []error
	for _, resource := range []string{"cpu", "memory", "io"} {
		b, err := f.read(r.procPath("pressure", resource))
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = errors.New("the kernel keeps no pressure figures (needs CONFIG_PSI and psi=1)")
			}
			errs = append(errs, err)
			break
		}
		shares, err := parsePressure(b)
		if err != nil {
			errs = append(errs, fmt.Errorf("pressure of %s: %w", resource, err))
			continue
		}
		for kind, share := range shares {
			e.gauge(descPressure, share, resource, kind)
		}
	}
	sources.report("pressure", errors.Join(errs...))
}

// parsePressure reads the avg10 of each line of a PSI file, as a share.
func parsePressure(b []byte) (map[string]float64, error) {
	shares := map[string]float64{}
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kind := string(fields[0])
		value, ok := bytes.CutPrefix(fields[1], []byte("avg10="))
		if !ok || kind != "some" && kind != "full" {
			return nil, fmt.Errorf("unexpected line %q", bytes.TrimSpace(line))
		}
		percent, err := strconv.ParseFloat(string(value), 64)
		if err != nil {
			return nil, fmt.Errorf("avg10: %w", err)
		}
		shares[kind] = percent / 100
	}
	return shares, nil
}
