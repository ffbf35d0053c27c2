package cases

import (
	"slices"

	"github.com/evenkeel/evenkeel/estate"
)

// What a tired person does first about a hypothesis that no finding and no
// figure of mechanisms.yaml has a remedy for: what gains time and can be taken
// back comes before what finds the reason.

// remedy is what to do about who has a claim by itself.
func (x *claim) remedy() []string {
	p := x.party
	switch {
	case x.load > 0:
		return []string{
			"See who asks " + p.name + " for so much: more customers, a batch job, a client that tries again and again.",
			"Add instances while it lasts, or turn away what can wait.",
		}
	case x.repeat >= busier:
		return []string{
			"Look at what was released or configured for " + p.name + " last: its retries, its timeouts, a cache that it lost, a query for each row. Go back if that is it.",
			"Until then bound its retries, or turn them off: they keep what it asks from coming back.",
		}
	case p.counted() || len(p.callers) == 0:
		first := "See what was released or configured for " + p.name + " just before it began, and go back if that is it."
		if kindOf(p.id) != string(estate.KindService) { // one instance among others
			first = "Take " + p.name + " out of service, if the others can do its work, or start it anew."
		}
		return []string{
			first,
			"Read what it logs since then, look at the slowest traces, and take a profile: nothing that is seen from outside explains it.",
		}
	case slices.Contains([]string{"database", "cache", "broker"}, kindOf(p.id)):
		return known.bySignal["database.latency"].Remedy
	}
	return []string{
		"Ask who runs " + p.name + ", and look at its status page if it is somebody else's.",
		"Let those who call it do without: a shorter timeout, no retries, a stored or a simpler answer.",
	}
}

// between is what to do about what lies between two.
func between(c *call) []string {
	return []string{
		"Try it by hand from where " + c.caller.name + " runs (`curl -v`, `mtr`, `ss -ti`), to see whether packets are lost or late on the way to " + c.callee.name + ".",
		"Look at what stands between them, a proxy, a mesh, a firewall or a tunnel, and at what was changed about it. Send the traffic another way if there is one.",
	}
}

// takes is what to do about who takes what others need: "cpu", "disk" or
// "memory"; "" where that is not known.
func takes(name, short string) []string {
	slower := "give it less"
	if x, ok := takings[short]; ok {
		slower = x.slower
	}
	return []string{
		"If " + name + " can wait, as a batch job, a backup or a test can, stop it or put it off.",
		"If it cannot, " + slower + ", or move it to another machine.",
	}
}

// undo is what to do about a change that fits.
func undo(x *ChangeSeen) []string {
	first := "Undo it, if that is safe, and see whether it gets better."
	if x.Who != "" {
		first = "Ask " + x.Who + ", and undo it, if that is safe, to see whether it gets better."
	}
	return []string{first, "If it cannot be undone, look at what it changed and at what is logged since then."}
}

// unseenOf is what to do about something that all who suffer need, and of which
// nothing is known.
func unseenOf(name string) []string {
	return []string{
		"Look at " + name + " by hand first: all who suffer need it, and nothing tells how it is.",
		"Have it watched: its page says which figures are missing and what would give them.",
	}
}
