package estate

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Attributes by which things that different sources tell of are found to hang
// together.
const (
	// Address is "host:port", where an entity answers.
	Address = "address"
	// Addresses are those of a machine, "10.1.2.3, fd00::1".
	Addresses = "machineAddresses"
	// HeldBy says which group listens at which address of a listener,
	// "10.1.2.3 group:web:nginx, :: unit:web:sshd".
	HeldBy = "heldBy"
)

const (
	// meets is how sure it is that what answers at an address is the group that
	// listens there, and metHost that it is on the machine of that name.
	meets   = .9
	metHost = .8
)

// Meet finds what entities that answer at an address run on: the group that
// listens there, or else the machine that has the address; as which far end of
// connections others see them; which group shows a certificate; and who serves
// what a probe asks. Entities are listeners, machines, what probes ask, and
// whatever has an Address. What several machines or groups might be meant by, such
// as 127.0.0.1, is left alone.
func Meet(entities []Entity) []Relation {
	hosts := map[string]map[string]bool{}                      // ids of machines by address and name
	exact, any := map[string][]string{}, map[string][]string{} // groups by "address:port", and by "machine's id port"
	note := func(m map[string][]string, key, group string) {
		if !slices.Contains(m[key], group) {
			m[key] = append(m[key], group)
		}
	}
	for _, e := range entities {
		switch e.Kind {
		case Host:
			for _, name := range append(listed(e.Attributes[Addresses]), strings.ToLower(e.Name)) {
				if hosts[name] == nil {
					hosts[name] = map[string]bool{}
				}
				hosts[name][e.ID] = true
			}
		case Listener:
			machine, _, _ := strings.Cut(strings.TrimPrefix(e.ID, string(Listener)+":"), ":")
			for held := range strings.SplitSeq(e.Attributes[HeldBy], ", ") {
				address, group, ok := strings.Cut(held, " ")
				group, _, _ = strings.Cut(group, " ") // "and 3 more"
				if !ok || e.Attributes["protocol"] != "tcp" {
					continue
				}
				if a, err := netip.ParseAddr(address); err == nil && a.IsUnspecified() {
					note(any, ID(Host, machine)+" "+e.Attributes["port"], group)
				} else {
					note(exact, net.JoinHostPort(address, e.Attributes["port"]), group)
				}
			}
		}
	}
	asked := map[string]string{} // addresses by the name of the probe
	for _, e := range entities {
		if u, err := url.Parse(e.Attributes["target"]); err == nil && e.Kind == Endpoint && u.Host != "" {
			asked[strings.TrimPrefix(e.ID, string(Endpoint)+":")] = u.Host
		}
	}
	peers := map[string][]string{}
	for _, e := range entities {
		if e.Kind == Peer {
			peers[e.Name] = append(peers[e.Name], e.ID)
		}
	}
	var out []Relation
	runs := map[string][]string{} // what runs on a group
	for _, e := range entities {
		if address := asked[strings.TrimPrefix(e.ID, string(Certificate)+":")]; e.Kind == Certificate && len(exact[address]) == 1 {
			out = append(out, Relation{From: exact[address][0], Kind: Shows, To: e.ID, Confidence: meets})
			continue
		}
		at, port, err := net.SplitHostPort(e.Attributes[Address])
		if err != nil || e.Kind == Listener || e.Kind == Host || e.Kind == Peer {
			continue
		}
		for _, p := range peers[at] {
			out = append(out, Relation{From: e.ID, Kind: ReachedOver, To: p, Confidence: meets})
		}
		groups := slices.Clone(exact[net.JoinHostPort(at, port)])
		machines := hosts[strings.ToLower(at)]
		machine := ""
		if len(machines) == 1 {
			for machine = range machines {
			}
		}
		for _, g := range any[machine+" "+port] {
			if !slices.Contains(groups, g) {
				groups = append(groups, g)
			}
		}
		switch {
		case len(groups) == 1:
			out = append(out, Relation{From: e.ID, Kind: RunsOn, To: groups[0], Confidence: meets})
			runs[groups[0]] = append(runs[groups[0]], e.ID)
		case machine != "" && machine != e.ID:
			out = append(out, Relation{From: e.ID, Kind: RunsOn, To: machine, Confidence: metHost})
		}
	}
	// A port may be held by one group at one address and by others at others: what
	// a probe asks is the one, and what is known of it.
	for probe, address := range asked {
		if len(exact[address]) != 1 {
			continue
		}
		who := exact[address][0]
		if on := runs[who]; len(on) == 1 {
			who = on[0]
		}
		out = append(out, Relation{From: ID(Endpoint, probe), Kind: ServedBy, To: who, Confidence: meets})
	}
	slices.SortFunc(out, func(a, b Relation) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return slices.Compact(out)
}

func listed(text string) []string {
	var out []string
	for word := range strings.SplitSeq(text, ", ") {
		if word, _, _ = strings.Cut(word, " "); word != "" {
			out = append(out, word)
		}
	}
	return out
}
