// gVisor's netstack as a TCP server on the TUN inherited as fd 3, for the bench: a sink, a source and an echo.
//
//	gvisor host|soft SINK_PORT SOURCE_PORT ECHO_PORT MTU
//
// host: segments of up to 64 KiB are cut by the kernel (the TUN has a virtio_net_hdr); soft: by gVisor, just before it
// writes them. Prints "ready", serves until SIGTERM.
package main

import (
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const (
	tun         = 3
	nic         = 1
	address     = "\x0a\x09\x00\x02"
	prefix      = 24
	bufferBytes = 4 << 20
	superBytes  = 65536
)

// newLink is the TUN as gVisor's link. The kernel has summed what it hands to a TUN, or says that it trusts it.
func newLink(gso string, mtu uint32) stack.LinkEndpoint {
	link, err := fdbased.New(&fdbased.Options{
		FDs:               []int{tun},
		MTU:               mtu,
		RXChecksumOffload: gso == "host",
		GSOMaxSize:        superBytes,
		GvisorGSOEnabled:  gso == "soft",
	})
	if err != nil {
		log.Fatal("fdbased: ", err)
	}
	return link
}

func must(what string, err tcpip.Error) {
	if err != nil {
		log.Fatal(what, ": ", err)
	}
}

func newStack(link stack.LinkEndpoint) *stack.Stack {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	sack := tcpip.TCPSACKEnabled(true)
	cubic := tcpip.CongestionControlOption("cubic")
	send := tcpip.TCPSendBufferSizeRangeOption{Min: 4096, Default: bufferBytes, Max: bufferBytes}
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: 4096, Default: bufferBytes, Max: bufferBytes}
	for _, option := range []tcpip.SettableTransportProtocolOption{&sack, &cubic, &send, &receive} {
		must("option", s.SetTransportProtocolOption(tcp.ProtocolNumber, option))
	}
	must("nic", s.CreateNIC(nic, link))
	at := tcpip.AddressWithPrefix{Address: address, PrefixLen: prefix}
	protocolAddress := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: at}
	must("address", s.AddProtocolAddress(nic, protocolAddress, stack.AddressProperties{}))
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	return s
}

func number(text string) uint16 {
	value, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		log.Fatal(err)
	}
	return uint16(value)
}

func main() {
	if len(os.Args) != 6 {
		log.Fatal("usage: gvisor host|soft SINK_PORT SOURCE_PORT ECHO_PORT MTU")
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	s := newStack(newLink(os.Args[1], uint32(number(os.Args[5]))))
	listen(s, number(os.Args[2]), sink)
	listen(s, number(os.Args[3]), source)
	listen(s, number(os.Args[4]), echo)
	fmt.Println("ready")
	<-signals
}
