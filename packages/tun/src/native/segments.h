// What the kernel does with a packet behind a vnet header, for a device without one: its checksum is completed, a
// super-segment leaves as its segments. Source: virtio 1.2 5.1.6.2; RFC 1071; RFC 9293 3.1; RFC 6864 4.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

// Of a packet whose checksum is partial, octets from its beginning; `start` 0: nothing is to be done.
struct Marks {
  uint32_t network;  // where the IPv4 header begins
  uint32_t start;    // where the header of TCP or UDP begins, and what is summed
  uint32_t at;       // where the sum belongs; it holds the pseudo-header's
  uint32_t gsoSize;  // octets of text in a segment; 0: this is one
};

// Octets in memory, one behind the other.
struct Gathered {
  iovec* pieces;
  uint32_t count;
};

// Completes the checksum in place. False, with nothing changed: the marks point outside of the first piece. `before` takes
// what stood there, for a packet that does not leave now.
bool completeChecksum(Gathered packet, const Marks& marks, uint16_t* before);
void putChecksumBack(Gathered packet, const Marks& marks, uint16_t before);

// True when the checksum of TCP or UDP holds in an IPv4 packet that lies in one piece, `network` octets before its IP header.
// False also for what has none, or not all of it: fragments, other protocols, UDP without a checksum.
bool checksumHolds(const uint8_t* packet, size_t length, size_t network);

// Cuts a super-segment of TCP, or a super-datagram of UDP, over IPv4. The packet stays as it is.
//
//   [ link | IP | TCP | gsoSize octets | gsoSize octets | rest ]  ->  [ link | IP | TCP | gsoSize ] ... [ link | IP | TCP | rest ]
class Segments {
 public:
  static constexpr uint32_t kMaxPieces = 6;

  // False: its headers are no such thing, or do not lie in its first piece.
  bool begin(Gathered packet, const Marks& marks);
  uint32_t count() const { return count_; }
  // Segment `index`, in rising order from any on: valid until the next one is cut.
  Gathered cut(uint32_t index);

 private:
  static constexpr size_t kMaxHeaders = 256;

  uint32_t refer(size_t offset, size_t length);
  void writeHeaders(uint32_t index, size_t done, size_t length);

  Gathered packet_;
  Marks marks_;
  size_t headers_ = 0;  // octets in front of the text, the link's header included
  size_t text_ = 0;
  uint32_t count_ = 0;
  bool tcp_ = false;
  uint8_t header_[kMaxHeaders];
  iovec out_[kMaxPieces];
};
