package inventory_test

import (
	"sync"
	"testing"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
)

func TestHellos_SharesEqualOnes(t *testing.T) {
	c := inventory.NewHellos(100)
	first := c.Share(printerHello())
	if again := c.Share(printerHello()); again != first {
		t.Error("an equal hello is not shared")
	}
	if other := c.Share(hello.None()); other == first {
		t.Error("another hello is shared")
	}
	if c.Share(nil) != nil {
		t.Error("no hello became one")
	}
}

func TestHellos_KeepsWhatIsUsedAndForgetsTheRest(t *testing.T) {
	c := inventory.NewHellos(8)
	kept, lost := c.Share(printerHello()), c.Share(hello.None())
	for i := range uint16(100) {
		c.Share(&hello.Hello{Format: hello.FormatTLS, Suites: []uint16{i}})
		if c.Share(printerHello()) != kept {
			t.Fatalf("a hello in use was forgotten after %d others", i)
		}
	}
	if c.Share(hello.None()) == lost {
		t.Error("a hello that was not seen for 100 others is still held")
	}
}

func TestHellos_IsSafeForConcurrentUse(t *testing.T) {
	c := inventory.NewHellos(4)
	var wg sync.WaitGroup
	for i := range uint16(8) {
		wg.Go(func() {
			for j := range uint16(200) {
				h := &hello.Hello{Format: hello.FormatTLS, Suites: []uint16{i + j}}
				if got := c.Share(h); got.Suites[0] != i+j {
					t.Errorf("got the hello of %d, want that of %d", got.Suites[0], i+j)
				}
			}
		})
	}
	wg.Wait()
}
