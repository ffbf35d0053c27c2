// Package slo holds services to what was promised of them: service level
// objectives, and how fast their error budgets burn.
//
//	objectives ──queries──▶ counts of bad and all events, by window
//	           ──Judge────▶ ok | burning | no traffic | no data
//	           ──────────▶ one finding for each objective that burns
//
// The rules are the multi-window, multi-burn-rate alerts of Google's Site
// Reliability Workbook (chapter 5), with two differences that low traffic asks
// for: a rate counts only by the lower end of its confidence interval (Wilson,
// JASA 1927), and a few bad events are no incident, whatever their share; and
// with one that lenient promises ask for: half of what is promised to be good
// going wrong is always enough, for 14.4 times a budget of 10 % is never reached.
//
// Invariants: Judge is pure, with the counts as values. What could not be
// counted is no data and never fine; no request at all is no traffic and
// neither good nor bad.
//
// Failure behaviour: an objective whose query fails is unknown with the reason;
// the others are judged all the same.
package slo
