package respond

// Reachable tells whether a page of high urgency would have a contact to reach a
// person by, and otherwise why none can be used.
func (b Book) Reachable(person string) (ok bool, why []string) {
	good, why := b.usable(Recipient{Kind: ToPerson, ID: person}, person, High)
	return len(good) > 0, why
}
