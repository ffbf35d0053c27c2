// Package console is the pages that people look at.
//
// Pages are rendered on the server (templ) and can be read without JavaScript;
// htmx refreshes the parts that move and uPlot draws series. Nothing is
// fetched from another host: every asset is embedded, named by its hash and
// kept by the browser. The visual language is written down in docs/console.md.
//
// Invariants: the console decides nothing. It asks services as the actor who
// is logged in, so that nobody sees or does here what the API would refuse.
// No page holds an inline script, style or handler. What a person, a probe or
// a process named is only ever text. Missing data is said to be missing.
//
// Failure behaviour: a part of a page that cannot be had says so in its place
// and the rest of the page stands. A page that cannot be had at all is an
// error page with what to do; it never shows an internal error's text.
package console
