package host

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// mount is a filesystem in its place.
type mount struct {
	point, device, fstype string
	number                string // of the device, "254:0"
	options               string // its own and the filesystem's, sorted
	readOnly              bool
}

var (
	pseudoType  = regexp.MustCompile(pseudoFilesystems)
	hiddenPoint = regexp.MustCompile(hiddenMounts)
)

const maxMounts = 256

func readMounts(r roots) ([]mount, error) {
	var f fileReader
	b, err := readMountinfo(r, &f)
	if err != nil {
		return nil, err
	}
	return parseMounts(b), nil
}

// readMountinfo reads what init sees mounted, or where that is another user's
// matter, what we see: the same, unless we are in a namespace.
func readMountinfo(r roots, f *fileReader) ([]byte, error) {
	b, err := f.read(r.procPath("1/mountinfo"))
	if err != nil {
		b, err = f.read(r.procPath("self/mountinfo"))
	}
	return b, err
}

// overlayRoot tells whether the root is the overlay of a container.
func overlayRoot(r roots) bool {
	mounts, err := readMounts(r)
	return err == nil && slices.ContainsFunc(mounts, func(m mount) bool { return m.point == "/" && m.fstype == "overlay" })
}

// parseMounts reads /proc/PID/mountinfo and keeps what holds data. Of several
// mounts on one point the last one, which covers the others, is kept; a
// filesystem that is mounted in parts at many points (bind mounts) is told of
// at the first that shows its root, or else at the first.
func parseMounts(b []byte) []mount {
	byPoint := map[string]mount{}
	roots := map[string]string{}
	var order []string
	for line := range bytes.Lines(b) {
		left, right, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), " - ")
		l, rest := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 6 || len(rest) < 3 {
			continue
		}
		m := mount{point: unescapeMount(l[4]), number: l[2], fstype: rest[0], device: unescapeMount(rest[1])}
		m.options, m.readOnly = mergeOptions(l[5], rest[2])
		if _, known := byPoint[m.point]; !known {
			order = append(order, m.point)
		}
		byPoint[m.point], roots[m.point] = m, l[3]
	}
	seen := map[string]int{}
	var mounts []mount
	for _, point := range order {
		m := byPoint[point]
		// The root counts even where it is the overlay of a container.
		if m.point != "/" && pseudoType.MatchString(m.fstype) || hiddenPoint.MatchString(m.point) {
			continue
		}
		if i, ok := seen[m.number]; ok && m.fstype != "btrfs" {
			if roots[mounts[i].point] != "/" && roots[point] == "/" {
				mounts[i] = m
			}
			continue
		}
		seen[m.number] = len(mounts)
		mounts = append(mounts, m)
	}
	slices.SortFunc(mounts, func(a, b mount) int { return cmp.Compare(a.point, b.point) })
	return mounts[:min(len(mounts), maxMounts)]
}

// mergeOptions joins the options of the mount and of the filesystem. It is
// read-only if either is.
func mergeOptions(own, filesystem string) (options string, readOnly bool) {
	set := map[string]bool{}
	for o := range strings.SplitSeq(own+","+filesystem, ",") {
		switch {
		case o == "ro":
			readOnly = true
		case o == "rw", o == "", strings.Contains(strings.ToLower(o), "password"),
			strings.HasPrefix(o, "pass="), strings.HasPrefix(o, "credentials="), strings.HasPrefix(o, "secret"):
		default:
			set[o] = true
		}
	}
	all := make([]string, 0, len(set)+1)
	for o := range set {
		all = append(all, o)
	}
	slices.Sort(all)
	first := "rw"
	if readOnly {
		first = "ro"
	}
	return clean(strings.Join(append([]string{first}, all...), ",")), readOnly
}

// unescapeMount undoes the kernel's octal escapes of blanks and backslashes.
func unescapeMount(s string) string {
	if !strings.Contains(s, `\`) {
		return clean(s)
	}
	return clean(strings.NewReplacer(`\040`, " ", `\011`, " ", `\012`, " ", `\134`, `\`, `\043`, "#").Replace(s))
}
