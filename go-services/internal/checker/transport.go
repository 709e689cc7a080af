package checker

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
)

var (
	shared = netip.MustParsePrefix("100.64.0.0/10") // by carriers and clouds, RFC 6598
	nat64  = netip.MustParsePrefix("64:ff9b::/96")  // IPv4 addresses in IPv6, RFC 6052
)

// PublicTransport returns a transport that connects to public addresses only.
// Anyone can store a link, and none of them may turn the worker into a scanner
// of the network it runs in. The rule is applied to the address of each
// connection, so neither redirects nor DNS get around it.
func PublicTransport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil // a proxy would connect on our behalf
	t.DialContext = (&net.Dialer{Control: publicOnly}).DialContext
	return t
}

func publicOnly(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := ap.Addr().Unmap()
	if nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || shared.Contains(ip) {
		return fmt.Errorf("%s is not a public address", ip)
	}
	return nil
}
