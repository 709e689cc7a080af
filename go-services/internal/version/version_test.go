package version

import "testing"

func TestString(t *testing.T) {
	if got := String(); got == "" {
		t.Error("String() is empty without a link-time version")
	}

	t.Cleanup(func() { version = "" })
	version = "v1.2.3"
	if got := String(); got != "v1.2.3" {
		t.Errorf("String() = %q, want the link-time version", got)
	}
}
