package intake

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// ownSource is the source of Evenkeel's own alerts, beatSource that of
// heartbeats; no integration may have their names.
const (
	ownSource  = "findings"
	beatSource = "heartbeat"
)

// Bounds of what a sender may send.
const (
	maxBody        = 4 << 20   // of a request, in bytes
	maxPagerDuty   = 512 << 10 // as PagerDuty has it
	maxAlerts      = 10_000    // of a request
	maxLabels      = 64        // of an alert
	maxLabelName   = 256       // in bytes
	maxLabelValue  = 2 << 10
	maxAnnotations = 64
	maxAnnotation  = 4 << 10 // longer ones are cut
	maxTitle       = 250     // longer ones are cut; respond takes a little more
	maxText        = 8 << 10 // longer ones are cut
	maxLinks       = 20
	maxURL         = 2 << 10 // longer links are left out
	maxKey         = 255     // of a dedup key, as PagerDuty has it
	// maxAhead is how far a sender's clock may be ahead. What is ahead less is
	// taken as now; a clock that is behind cannot be told from an old alert.
	maxAhead = time.Hour
	// maxStand is how far ahead an end may lie: an alert that is not spoken
	// of for so long has no source any more.
	maxStand = 7 * 24 * time.Hour
)

// refusal is what is wrong with one alert of a request.
type refusal struct {
	index int
	err   error
}

func (r refusal) Error() string { return fmt.Sprintf("alert %d: %v", r.index, r.err) }

// refusals joins them to one error; nil for none.
func refusals(list []refusal) error {
	errs := make([]error, 0, len(list))
	for n, r := range list {
		if n == 20 {
			errs = append(errs, fmt.Errorf("and %d more", len(list)-n))
			break
		}
		errs = append(errs, r)
	}
	return errors.Join(errs...)
}

// batch collects what a request says.
type batch struct {
	by      Integration
	now     time.Time
	alerts  []respond.Alert
	refused []refusal
	index   int
}

// add takes an alert in, with the integration's name and bounds put onto it, or
// refuses it. It counts the alerts of the request from 0.
func (b *batch) add(a respond.Alert) {
	index := b.index
	b.index++
	if err := b.finish(&a); err != nil {
		b.refused = append(b.refused, refusal{index, err})
		return
	}
	b.alerts = append(b.alerts, a)
}

// refuse counts an alert that could not be read.
func (b *batch) refuse(err error) {
	b.refused = append(b.refused, refusal{b.index, err})
	b.index++
}

// finish fills in what is not said, and checks the rest.
func (b *batch) finish(a *respond.Alert) error {
	a.Tenant, a.Source, a.ReceivedAt = b.by.Tenant, b.by.ID, b.now
	a.Environment = cmp.Or(a.Environment, b.by.Environment)
	if len(b.by.Labels) > 0 {
		all := maps.Clone(b.by.Labels)
		maps.Copy(all, a.Labels)
		a.Labels = all
	}
	if err := checkLabels(a.Labels); err != nil {
		return err
	}
	if a.Fingerprint == "" {
		if len(a.Labels) == 0 {
			return errors.New("it needs at least one label, or a key")
		}
		a.Fingerprint = hashLabels(a.Labels)
	}
	if len(a.Fingerprint) > maxKey || !utf8.ValidString(a.Fingerprint) {
		return fmt.Errorf("its key must be UTF-8 of %d bytes at most", maxKey)
	}
	if len(a.Annotations) > maxAnnotations {
		return fmt.Errorf("it has %d annotations; %d at most are taken", len(a.Annotations), maxAnnotations)
	}
	for name, value := range a.Annotations {
		if len(name) > maxLabelName || !utf8.ValidString(name) {
			return fmt.Errorf("the name of an annotation must be UTF-8 of %d bytes at most", maxLabelName)
		}
		if len(value) > maxAnnotation || !utf8.ValidString(value) {
			a.Annotations[name] = cut(value, maxAnnotation)
		}
	}
	if a.Severity == 0 {
		// The configuration was checked.
		a.Severity, _ = severityOf(b.by.Severity)
	}
	a.Title = cut(oneLine(a.Title), maxTitle)
	if a.Title == "" {
		a.Title = cut(cmp.Or(a.Labels["alertname"], b.by.Name, b.by.ID), maxTitle)
	}
	a.Text = cut(strings.TrimSpace(a.Text), maxText)
	a.Links = slices.DeleteFunc(a.Links, func(l respond.Link) bool { return !goodLink(l.URL) })
	a.Links = a.Links[:min(len(a.Links), maxLinks)]
	return b.times(a)
}

// times brings an alert's times into bounds.
func (b *batch) times(a *respond.Alert) error {
	if ahead := a.StartsAt.Sub(b.now); ahead > maxAhead {
		return fmt.Errorf("it begins %s ahead of the clock here; set the sender's clock right", ahead.Round(time.Second))
	} else if ahead > 0 {
		a.StartsAt = b.now
	}
	if !a.EndsAt.IsZero() && a.EndsAt.Before(a.StartsAt) {
		return fmt.Errorf("it ends at %s, before it begins at %s", a.EndsAt.UTC().Format(time.RFC3339), a.StartsAt.UTC().Format(time.RFC3339))
	}
	if a.StartsAt.IsZero() {
		a.StartsAt = b.now
		if !a.EndsAt.IsZero() && a.EndsAt.Before(b.now) {
			a.StartsAt = a.EndsAt
		}
	}
	switch {
	case a.Status == respond.Ended:
		if a.EndsAt.IsZero() || a.EndsAt.After(b.now) {
			a.EndsAt = b.now
		}
	case !a.EndsAt.IsZero() && !a.EndsAt.After(b.now):
		a.Status = respond.Ended
	case a.EndsAt.After(b.now.Add(maxStand)):
		a.Status, a.EndsAt = respond.Firing, b.now.Add(maxStand)
	default:
		a.Status = respond.Firing
	}
	return nil
}

// checkLabels checks the labels that name an alert.
func checkLabels(labels map[string]string) error {
	if len(labels) > maxLabels {
		return fmt.Errorf("it has %d labels; %d at most are taken", len(labels), maxLabels)
	}
	for name, value := range labels {
		switch {
		case name == "":
			return errors.New("a label has no name")
		case len(name) > maxLabelName:
			return fmt.Errorf("the label %s has a name longer than %d bytes", cut(name, 60), maxLabelName)
		case !utf8.ValidString(name) || !utf8.ValidString(value):
			return fmt.Errorf("the label %s is not UTF-8", cut(name, 60))
		case len(value) > maxLabelValue:
			return fmt.Errorf("the label %s is longer than %d bytes", cut(name, 60), maxLabelValue)
		}
	}
	return nil
}

// hashLabels names a label set: the same for the same labels, for ever.
func hashLabels(labels map[string]string) string {
	names := make([]string, 0, len(labels))
	size := 0
	for name, value := range labels {
		names = append(names, name)
		size += len(name) + len(value) + 2
	}
	slices.Sort(names)
	text := make([]byte, 0, size)
	for _, name := range names {
		text = append(append(text, name...), 0xff)
		text = append(append(text, labels[name]...), 0xff)
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// severityNames are what senders call severities.
var severityNames = map[string]finding.Severity{
	"critical": finding.Critical, "crit": finding.Critical, "fatal": finding.Critical, "emergency": finding.Critical, "page": finding.Critical,
	"error": finding.Critical, "err": finding.Critical, "high": finding.Critical, "disaster": finding.Critical, "major": finding.Critical,
	"p1": finding.Critical, "p2": finding.Critical, "sev1": finding.Critical, "sev2": finding.Critical,
	"warning": finding.Warning, "warn": finding.Warning, "minor": finding.Warning, "medium": finding.Warning, "average": finding.Warning,
	"p3": finding.Warning, "sev3": finding.Warning, "ticket": finding.Warning,
	"info": finding.Info, "information": finding.Info, "informational": finding.Info, "notice": finding.Info, "low": finding.Info,
	"none": finding.Info, "debug": finding.Info, "ok": finding.Info, "p4": finding.Info, "p5": finding.Info,
}

// severity reads what a sender calls a severity; 0 where it says nothing that
// is known.
func severity(text string) finding.Severity {
	return severityNames[strings.ToLower(strings.TrimSpace(text))]
}

// cut bounds a text, at a letter, and makes it UTF-8.
func cut(text string, size int) string {
	if len(text) <= size {
		return strings.ToValidUTF8(text, "\ufffd")
	}
	const mark = "..."
	return strings.ToValidUTF8(text[:size-len(mark)], "") + mark
}

func oneLine(text string) string {
	if !strings.ContainsAny(text, "\n\r\t") {
		return strings.TrimSpace(text)
	}
	return strings.Join(strings.Fields(text), " ")
}

// goodLink tells whether a link may be shown to people to click on.
func goodLink(url string) bool {
	return len(url) <= maxURL && (strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://")) && utf8.ValidString(url)
}
