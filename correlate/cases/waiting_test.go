package cases

import (
	"math/rand/v2"
	"testing"
)

// The more waits, the more it can explain, and of the more that is held up the
// less; it is never more than all of it.
func TestWhatWaitingCanExplain(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, waiting := range []string{"share", "tasks"} {
		m := &signalMechanism{Waiting: waiting}
		for range 2000 {
			value, held := rng.Float64()*1.2, rng.ExpFloat64()*20
			got := m.enough(value, held)
			if got < 0 || got > 1 || m.enough(value+.05, held) < got || m.enough(value, held*2+.01) > got {
				t.Fatalf("%s: %g of what waits explains %g of %g; a little more %g, of twice as many %g",
					waiting, value, got, held, m.enough(value+.05, held), m.enough(value, held*2+.01))
			}
		}
		if m.enough(1, 500) != 1 && waiting == "tasks" || m.enough(.02, 10) > .01 || m.enough(.3, 0) != 1 {
			t.Errorf("%s: one that always waits %g, one now and then %g, nobody late %g", waiting, m.enough(1, 500), m.enough(.02, 10), m.enough(.3, 0))
		}
	}
	if m := (&signalMechanism{}); m.enough(.01, 1000) != 1 {
		t.Error("a figure that counts nothing that waits is bound")
	}
}
