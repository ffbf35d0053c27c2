package state

import (
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/evenkeel/evenkeel/estate"
)

// derived are names that rules of a kind may read beside its attributes: what
// is worked out of several facts, and cannot be said in CEL.
var derived = map[estate.Kind]map[string]derivation{
	"node":     {"behind": {cel.DoubleType, 1.0, func(m *member) any { return m.behind() }}},
	"workload": {"period": {cel.DoubleType, 1.0, func(m *member) any { return period(m.entity.Attributes["schedule"]) }}},
	clusterKind: {
		"spare_known":  {cel.BoolType, true, func(m *member) any { return m.spare().known }},
		"spare_cpu":    {cel.DoubleType, 1.0, func(m *member) any { return m.spare().cpu }},
		"spare_memory": {cel.DoubleType, 1.0, func(m *member) any { return m.spare().memory }},
	},
}

// derivation is how one derived name is worked out.
type derivation struct {
	typ     *cel.Type
	example any
	value   func(*member) any
}

// behind is by how many minor versions a node's kubelet is older than the API
// server; 0 where either does not say.
func (m *member) behind() float64 {
	_, name := kindOf(m.entity.ID)
	cluster, _ := m.world.Entity(estate.ID(clusterKind, name))
	server, ok1 := minor(cluster.Attributes["version"])
	kubelet, ok2 := minor(m.entity.Attributes["kubelet"])
	if !ok1 || !ok2 {
		return 0
	}
	return float64(server - kubelet)
}

// minor is the minor version of "v1.34.2".
func minor(version string) (int, bool) {
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) < 2 || parts[0] != "1" {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimRight(parts[1], "+"))
	return n, err == nil
}

// spare is what would be free without the node that has most.
type spare struct {
	known       bool
	cpu, memory float64 // cores, bytes; below zero where something is missing
}

// spare adds up what nodes offer and what the workloads of their pods ask for.
// It is known where there are two nodes and half of the pods say what they
// need. A pod without an owner asks for nothing that is known.
func (m *member) spare() spare {
	if m.room != nil {
		return *m.room
	}
	_, cluster := kindOf(m.entity.ID)
	var s spare
	var nodes, largestCPU, largestMemory float64
	m.world.Each("node", func(e estate.Entity) bool {
		if _, of := kindOf(e.ID); of != cluster || e.Attributes["ready"] != "true" || e.Attributes["cordoned"] == "true" {
			return true
		}
		cpu := Number.read(e.Attributes["allocatable_cpu"], m.now).(float64)
		memory := Number.read(e.Attributes["allocatable_memory"], m.now).(float64)
		nodes++
		s.cpu, s.memory = s.cpu+cpu, s.memory+memory
		largestCPU, largestMemory = max(largestCPU, cpu), max(largestMemory, memory)
		return true
	})
	s.cpu, s.memory = s.cpu-largestCPU, s.memory-largestMemory
	var pods, asking float64
	m.world.Each("workload", func(e estate.Entity) bool {
		_, of := kindOf(e.ID)
		if of != cluster || e.Attributes["kind"] == "DaemonSet" || len(m.world.In(e.ID, estate.Owns)) > 0 {
			return true
		}
		replicas := Number.read(e.Attributes["wanted"], m.now).(float64)
		cpu := Number.read(e.Attributes["requests_cpu"], m.now).(float64)
		memory := Number.read(e.Attributes["requests_memory"], m.now).(float64)
		pods += replicas
		if cpu > 0 || memory > 0 {
			asking += replicas
		}
		s.cpu, s.memory = s.cpu-replicas*cpu, s.memory-replicas*memory
		return true
	})
	s.known = nodes >= 2 && asking > 0 && asking >= pods/2
	m.room = &s
	return s
}

// period is about how many seconds lie between two starts of a cron schedule;
// 0 where it cannot be told. It is the longest that the schedule's form allows,
// so that what is late by it is late.
func period(schedule string) float64 {
	const minute, hour, day = 60.0, 3600.0, 86400.0
	switch schedule = strings.TrimSpace(schedule); schedule {
	case "@hourly":
		return hour
	case "@daily", "@midnight":
		return day
	case "@weekly":
		return 7 * day
	case "@monthly":
		return 31 * day
	case "@yearly", "@annually":
		return 366 * day
	}
	if strings.HasPrefix(schedule, "TZ=") || strings.HasPrefix(schedule, "CRON_TZ=") {
		_, schedule, _ = strings.Cut(schedule, " ")
	}
	fields := strings.Fields(schedule)
	if len(fields) != 5 {
		return 0
	}
	switch {
	case fields[3] != "*":
		return 366 * day
	case fields[2] != "*" && fields[2] != "?":
		return 31 * day
	case fields[4] != "*" && fields[4] != "?":
		return 7 * day
	case fields[1] != "*":
		if n := every(fields[1]); n > 0 {
			return n * hour
		}
		return day
	case fields[0] == "*":
		return minute
	}
	if n := every(fields[0]); n > 0 {
		return n * minute
	}
	return hour
}

// every is n of "*/n", or 0.
func every(field string) float64 {
	text, ok := strings.CutPrefix(field, "*/")
	if !ok {
		return 0
	}
	return float64(count(text))
}
