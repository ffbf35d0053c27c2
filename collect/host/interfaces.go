package host

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// netInterface is a network interface that lasts.
type netInterface struct {
	name  string
	up    bool
	facts map[string]string
}

var virtualInterface = regexp.MustCompile(virtualInterfaces)

const maxInterfaces = 128

func readInterfaces(r roots) ([]netInterface, error) {
	entries, err := os.ReadDir(r.sysPath("class/net"))
	if err != nil {
		return nil, err
	}
	var f fileReader
	var all []netInterface
	for _, entry := range entries {
		name := entry.Name()
		dir := r.sysPath("class/net", name)
		if virtualInterface.MatchString(name) || name == "bonding_masters" {
			continue
		}
		state := f.text(filepath.Join(dir, "operstate"))
		i := netInterface{name: clean(name), up: state == "up" || state == "unknown", facts: map[string]string{}}
		// Loopback and tunnels have no state of their own: "unknown" is up.
		i.facts["state"] = map[bool]string{true: "up", false: "down"}[i.up]
		if n, err := f.number(filepath.Join(dir, "mtu")); err == nil {
			i.facts["mtu"] = strconv.FormatInt(n, 10)
		}
		if n, err := f.number(filepath.Join(dir, "speed")); err == nil && n > 0 {
			i.facts["speed"] = strconv.FormatInt(n, 10) + " Mbit/s"
		}
		if d := f.text(filepath.Join(dir, "duplex")); d == "full" || d == "half" {
			i.facts["duplex"] = d
		}
		i.facts["type"] = interfaceType(dir, name)
		if families := addressFamilies(name); families != "" && r.sys == "/sys" {
			i.facts["addresses"] = families
		}
		if all = append(all, i); len(all) == maxInterfaces {
			break
		}
	}
	return all, nil
}

func interfaceType(dir, name string) string {
	if name == "lo" {
		return "loopback"
	}
	for sub, kind := range map[string]string{"bridge": "bridge", "bonding": "bond", "wireless": "wireless", "tun_flags": "tunnel", "device": "physical"} {
		if _, err := os.Stat(filepath.Join(dir, sub)); err == nil {
			return kind
		}
	}
	return "virtual"
}

// addressFamilies tells which kinds of address the interface has.
func addressFamilies(name string) string {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return ""
	}
	addrs, err := i.Addrs()
	if err != nil {
		return ""
	}
	var families []string
	for _, a := range addrs {
		ip, _, err := net.ParseCIDR(a.String())
		if err != nil {
			continue
		}
		family := "ipv6"
		switch {
		case ip.To4() != nil:
			family = "ipv4"
		case ip.IsLinkLocalUnicast():
			family = "ipv6 link-local"
		}
		if !slices.Contains(families, family) {
			families = append(families, family)
		}
	}
	slices.Sort(families)
	return strings.Join(families, ", ")
}

// ownAddresses are those at which other machines may reach this one, sorted. Of
// interfaces that come and go with containers there are none.
func ownAddresses() []string {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var out []string
	for _, i := range all {
		if virtualInterface.MatchString(i.Name) {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
				out = append(out, n.IP.String())
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
