// Package offline reads files into correlate's cases, so that an incident can be
// diagnosed with no server: PetShop's format, wide CSV files and the data folder
// of a Prometheus.
//
// Invariants: readers are bounded in columns, rows and length of fields; names
// carry no meaning except for what a metric's own name says about its kind.
// Failure behaviour: what is wrong in a file is an error that names the file,
// the line and the remedy; nothing is guessed or left out silently.
package offline
