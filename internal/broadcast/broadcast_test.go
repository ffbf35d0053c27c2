package broadcast

import "testing"

func TestASlowListenerLosesTheOldestAndKnowsIt(t *testing.T) {
	var topic Topic[int]
	slow, other := topic.Listen(2), topic.Listen(8)
	for i := range 5 {
		topic.Send(i)
	}
	if a, b := <-slow.C(), <-slow.C(); a != 3 || b != 4 {
		t.Errorf("slow listener got %d, %d; want the newest two, 3 and 4", a, b)
	}
	if !slow.Lost() || slow.Lost() {
		t.Error("the loss must be told once")
	}
	if other.Lost() || len(other.C()) != 5 {
		t.Errorf("the other listener has %d of 5 events", len(other.C()))
	}
	slow.Close()
	slow.Close()
	topic.Send(9)
	if len(slow.C()) != 0 {
		t.Error("a closed listener still receives")
	}
}
