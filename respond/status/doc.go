// Package status tells the world outside how things stand: updates that people
// write to an incident, and status pages that show them.
//
//	update ──▶ component states ──▶ View (public text only) ──▶ files ──▶ readers
//	  └──▶ promise of the next one ──late──▶ reminder            └──▶ feed, letters
//
// A Page has components; each stands for parts of the estate. A component's
// state is the worst of its causes: what a person set, incidents with a public
// update that touch it, and maintenance in progress. Every round renders each
// page into files and swaps them in by rename; readers get the files alone.
//
// Invariants: a View is made only of what a person wrote for the public; titles,
// alerts and names of incidents never reach it. A time that nobody watched is
// unknown, never well. An incident that was merged stands as long as the one
// that it is part of. An address that asks for letters gets none before it has
// confirmed; the answer is the same whether it is known or not.
//
// Failure behaviour: while the store cannot be read the last files are served,
// and they say of which time they are; subscribing answers 503. What cannot be
// written to the folder is an error of the round, which is tried again.
package status
