package reach

// What the tests count with.
const (
	Home                 = home
	CodeTries, CodeLife  = codeTries, codeLife
	CodeAgain            = codeAgain
	LinkOver, PageLink   = linkOver, pageLink
	AskEvery, AskAnew    = askEvery, askAnew
	WakingFrom, WakingTo = wakingFrom, wakingTo
)
