// The servers, on gVisor's own endpoints: gonet's connections would copy once more.

package main

import (
	"bytes"
	"io"
	"log"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	backlog    = 4096
	chunkBytes = 131072
)

// connection is an endpoint and what tells that it can be read, or written, again.
type connection struct {
	endpoint  tcpip.Endpoint
	queue     *waiter.Queue
	readable  <-chan struct{}
	writeable <-chan struct{}
}

func newConnection(endpoint tcpip.Endpoint, queue *waiter.Queue) *connection {
	in, readable := waiter.NewChannelEntry(waiter.ReadableEvents | waiter.EventHUp | waiter.EventErr)
	out, writeable := waiter.NewChannelEntry(waiter.WritableEvents | waiter.EventHUp | waiter.EventErr)
	queue.EventRegister(&in)
	queue.EventRegister(&out)
	return &connection{endpoint, queue, readable, writeable}
}

// read waits for octets and hands them to `to`; 0 at the end, in order or not.
func (c *connection) read(to io.Writer) int {
	for {
		result, err := c.endpoint.Read(to, tcpip.ReadOptions{})
		if err == nil {
			return result.Count
		}
		if _, ok := err.(*tcpip.ErrWouldBlock); !ok {
			return 0
		}
		<-c.readable
	}
}

// write waits until all of it is taken; false when the connection is over.
func (c *connection) write(octets []byte) bool {
	var reader bytes.Reader
	reader.Reset(octets)
	for reader.Len() > 0 {
		_, err := c.endpoint.Write(&reader, tcpip.WriteOptions{})
		if err == nil {
			continue
		}
		if _, ok := err.(*tcpip.ErrWouldBlock); !ok {
			return false
		}
		<-c.writeable
	}
	return true
}

func sink(c *connection) {
	for c.read(io.Discard) > 0 {
	}
}

func source(c *connection) {
	done := make(chan struct{})
	go func() {
		sink(c)
		c.endpoint.Abort()
		close(done)
	}()
	chunk := bytes.Repeat([]byte{0x5a}, chunkBytes)
	for c.write(chunk) {
	}
	<-done
}

func echo(c *connection) {
	c.endpoint.SocketOptions().SetDelayOption(false)
	held := make([]byte, chunkBytes)
	for {
		writer := tcpip.SliceWriter(held)
		n := c.read(&writer)
		if n == 0 || !c.write(held[:n]) {
			return
		}
	}
}

// listen serves each connection to a port in a goroutine of its own.
func listen(s *stack.Stack, port uint16, serve func(*connection)) {
	queue := new(waiter.Queue)
	endpoint, err := s.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, queue)
	must("endpoint", err)
	must("bind", endpoint.Bind(tcpip.FullAddress{Port: port}))
	entry, acceptable := waiter.NewChannelEntry(waiter.ReadableEvents)
	queue.EventRegister(&entry)
	must("listen", endpoint.Listen(backlog))
	go func() {
		for {
			accepted, acceptedQueue, err := endpoint.Accept(nil)
			if err == nil {
				c := newConnection(accepted, acceptedQueue)
				go func() {
					serve(c)
					c.endpoint.Close()
				}()
			} else if _, ok := err.(*tcpip.ErrWouldBlock); ok {
				<-acceptable
			} else {
				log.Fatal("accept: ", err)
			}
		}
	}()
}
