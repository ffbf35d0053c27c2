package kube

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// The cluster-autoscaler tells how it does in a config map: as text before
// 1.30, as YAML since. Of all config maps it is the one whose content is read.

const (
	scalerSpace = "kube-system"
	scalerMap   = "cluster-autoscaler-status"
	// scalerGrace is how old its report may be; it writes it each ten seconds
	// or so.
	scalerGrace = 3 * time.Minute
	// maxGroups bounds the groups of nodes that are kept, maxReason what is
	// said of one.
	maxGroups, maxReason = 200, 300
)

// scaler is what the cluster-autoscaler says of itself.
type scaler struct {
	at      time.Time // when it wrote that
	status  string    // Running or Initializing; empty where only the old form tells
	health  string    // Healthy or Unhealthy
	scaleUp string    // Backoff, InProgress, Needed, NoActivity, NotNeeded
	groups  []scalerGroup
}

// scalerGroup is one group of nodes.
type scalerGroup struct {
	name            string
	health, scaleUp string
	reason          string // why it is in backoff
	target          int
	min, max        int
}

// parseScaler reads either form. What is neither has no health.
func parseScaler(text string) *scaler {
	s := &scaler{}
	if strings.Contains(text, "autoscalerStatus:") && s.readYAML(text) {
		return s
	}
	s.readText(text)
	return s
}

// scalerPart is a cluster or one of its groups, in YAML.
type scalerPart struct {
	Name   string `yaml:"name"`
	Health struct {
		Status string `yaml:"status"`
		Target int    `yaml:"cloudProviderTarget"`
		Min    int    `yaml:"minSize"`
		Max    int    `yaml:"maxSize"`
	} `yaml:"health"`
	ScaleUp struct {
		Status  string `yaml:"status"`
		Backoff struct {
			Code    string `yaml:"errorCode"`
			Message string `yaml:"errorMessage"`
		} `yaml:"backoffInfo"`
	} `yaml:"scaleUp"`
}

func (s *scaler) readYAML(text string) bool {
	var in struct {
		Time   string       `yaml:"time"`
		Status string       `yaml:"autoscalerStatus"`
		Whole  scalerPart   `yaml:"clusterWide"`
		Groups []scalerPart `yaml:"nodeGroups"`
	}
	if err := yaml.Unmarshal([]byte(text), &in); err != nil {
		return false
	}
	s.at, s.status, s.health, s.scaleUp = scalerTime(in.Time), in.Status, in.Whole.Health.Status, in.Whole.ScaleUp.Status
	for _, g := range in.Groups[:min(len(in.Groups), maxGroups)] {
		reason := strings.Trim(g.ScaleUp.Backoff.Code+": "+g.ScaleUp.Backoff.Message, ": ")
		s.groups = append(s.groups, scalerGroup{name: groupName(g.Name), health: g.Health.Status, scaleUp: g.ScaleUp.Status,
			reason: reason[:min(len(reason), maxReason)], target: g.Health.Target, min: g.Health.Min, max: g.Health.Max})
	}
	return true
}

var scalerSizes = regexp.MustCompile(`(cloudProviderTarget|minSize|maxSize)=(\d+)`)

func (s *scaler) readText(text string) {
	if strings.TrimSpace(text) == "Initializing" {
		s.status = "Initializing"
	}
	var group *scalerGroup
	for line := range strings.Lines(text) {
		key, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		if at, ok := strings.CutPrefix(line, "Cluster-autoscaler status at "); ok {
			s.at = scalerTime(strings.TrimRight(at, ": \n"))
			continue
		}
		words := strings.Fields(rest)
		if len(words) == 0 {
			continue
		}
		health, scaleUp := &s.health, &s.scaleUp
		if group != nil {
			health, scaleUp = &group.health, &group.scaleUp
		}
		switch key {
		case "Name":
			if len(s.groups) == maxGroups {
				return
			}
			s.groups = append(s.groups, scalerGroup{name: groupName(strings.TrimSpace(rest))})
			group = &s.groups[len(s.groups)-1]
		case "Health":
			*health = words[0]
			for _, found := range scalerSizes.FindAllStringSubmatch(rest, -1) {
				n, err := strconv.Atoi(found[2])
				if err != nil || group == nil {
					continue
				}
				switch found[1] {
				case "cloudProviderTarget":
					group.target = n
				case "minSize":
					group.min = n
				case "maxSize":
					group.max = n
				}
			}
		case "ScaleUp":
			*scaleUp = words[0]
		}
	}
}

// groupName is the last part of a name that some providers write as a URL.
func groupName(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// scalerTime reads Go's own form of a time, as the cluster-autoscaler writes
// it; zero where it is another.
func scalerTime(text string) time.Time {
	text, _, _ = strings.Cut(text, " m=")
	at, err := time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", strings.Trim(text, `"`))
	if err != nil {
		return time.Time{}
	}
	return at
}

func (v *space) mapScaler() {
	o, ok := one[*content](v.state, configMaps, v.name, scalerMap)
	if !ok || o.scaler == nil {
		return
	}
	s := o.scaler
	f := facts{}
	f.text("status", s.status)
	f.text("health", s.health)
	f.text("scale_up", s.scaleUp)
	f.text("report", s.age(v.now))
	f.number("groups", len(s.groups))
	var backoff, unhealthy, full []string
	for _, g := range s.groups {
		if g.scaleUp == "Backoff" {
			backoff = append(backoff, g.name)
			if f["reason"] == "" {
				f.text("reason", g.reason)
			}
		}
		if g.health == "Unhealthy" {
			unhealthy = append(unhealthy, g.name)
		}
		if g.max > 0 && g.target >= g.max {
			full = append(full, g.name)
		}
	}
	f.list("backoff", backoff)
	f.list("unhealthy", unhealthy)
	f.list("full", full)
	v.add(ClusterAutoscaler, "cluster-autoscaler", f)
}

// age says whether the cluster-autoscaler still writes its report; empty where
// that cannot be told.
func (s *scaler) age(now time.Time) string {
	switch {
	case s.at.IsZero():
		return ""
	case now.Sub(s.at) > scalerGrace:
		return "stale"
	}
	return "fresh"
}

// scalerChanges tells of groups that are to have another size.
func scalerChanges(id string, old, now *scaler, add adder) {
	if old == nil || now == nil {
		return
	}
	was := map[string]int{}
	for _, g := range old.groups {
		was[g.name] = g.target
	}
	for _, g := range now.groups {
		if before, ok := was[g.name]; ok && before != g.target {
			add(id, "node-group-scale", fmt.Sprintf("The cluster-autoscaler wants %d instead of %d nodes in the group %s", g.target, before, g.name),
				strconv.Itoa(before), strconv.Itoa(g.target))
		}
	}
}
