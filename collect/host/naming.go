package host

import "strings"

// naming assigns each process of a pass to its group.
//
// A process in the cgroup of a systemd unit or of a container belongs to that.
// Kernel threads are "(kernel)". Any other belongs to the program that started
// it: from the process upwards to the topmost one below a boundary, which is
// init, a shell that a person or a scheduler started, a login, a multiplexer,
// a supervisor, or a wrapper such as timeout. A process that leads a session
// stands for itself. Shells deeper inside a program ("make" runs "sh -c cc")
// are no boundary: what they run belongs to the program.
type naming struct {
	procs    map[int]*process
	boundary map[int]bool // memo of one pass
	key      map[int]groupKey
}

var kernelGroup = groupKey{kindGroup, "(kernel)"}

// shells run what people and schedulers tell them.
var shells = wordSet("sh bash dash zsh fish ksh ash csh tcsh busybox elvish nu pwsh")

// hosts of other programs: what they start stands for itself.
var starters = wordSet(`init systemd login sshd sshd-session dropbear agetty getty su sudo doas runuser
	tmux tmux: screen SCREEN zellij mosh-server script
	cron crond CRON atd anacron fcron
	timeout flock watch time nohup setpriv unshare nsenter strace ltrace
	supervisord runsv runsvdir s6-supervise s6-svscan monit tini dumb-init docker-init catatonit
	containerd-shim containerd-shim-runc-v2 conmon crun runc`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}

// assign returns the group of every process.
func assign(procs map[int]*process) map[int]groupKey {
	n := naming{procs: procs, boundary: make(map[int]bool, len(procs)), key: make(map[int]groupKey, len(procs))}
	for _, p := range procs {
		n.groupOf(p)
	}
	return n.key
}

func (n *naming) groupOf(p *process) groupKey {
	if key, ok := n.key[p.pid]; ok {
		return key
	}
	var key groupKey
	switch {
	case p.kernel:
		key = kernelGroup
	case p.place.group != groupKey{}:
		key = p.place.group
	default:
		// The memo is set before the parent is asked, so that a circle
		// of parents, as a torn reading may show, ends.
		n.key[p.pid] = groupKey{kindGroup, p.title}
		if parent := n.starts(p); parent != nil {
			key = n.groupOf(parent)
		} else {
			key = groupKey{kindGroup, p.title}
		}
	}
	n.key[p.pid] = key
	return key
}

// starts returns the parent whose group p belongs to, or nil if p starts a
// group of its own.
func (n *naming) starts(p *process) *process {
	if p.pid == 1 || p.session == p.pid || n.isBoundary(p) {
		return nil
	}
	parent := n.procs[p.parent]
	if parent == nil || parent.kernel || parent.place.group != (groupKey{}) || n.isBoundary(parent) {
		return nil
	}
	return parent
}

func (n *naming) isBoundary(p *process) bool {
	if b, ok := n.boundary[p.pid]; ok {
		return b
	}
	n.boundary[p.pid] = false // for circles
	b := p.pid == 1 || starters[p.comm]
	if !b && shells[p.comm] {
		parent := n.procs[p.parent]
		b = p.session == p.pid || parent == nil || parent.place.group != (groupKey{}) || n.isBoundary(parent)
	}
	n.boundary[p.pid] = b
	return b
}
