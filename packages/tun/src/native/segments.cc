// Checksums and segmentation for a device that has neither: segments.h. Source: RFC 1071 2; RFC 768; RFC 9293 3.1; RFC 3168 6.1.2.
#include "segments.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace {

constexpr size_t kIpLength = 2, kIpId = 4, kIpFlags = 6, kIpProtocol = 9, kIpChecksum = 10, kIpSource = 12;
constexpr size_t kIpHeader = 20, kTcpHeader = 20, kUdpHeader = 8;
constexpr size_t kTcpSequence = 4, kTcpOffset = 12, kTcpFlags = 13;
constexpr size_t kUdpLength = 4, kUdpChecksum = 6;
constexpr uint16_t kEtherIpv4 = 0x0800, kFragment = 0x3fff;
constexpr uint8_t kFin = 0x01, kPsh = 0x08, kCwr = 0x80, kDontFragment = 0x40;
constexpr uint32_t kMaxSegments = 65536;

// Two words of 64 bits: what each compiler has vectors for.
typedef uint64_t Lanes __attribute__((vector_size(16)));

uint16_t load16(const uint8_t* at) {
  uint16_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

uint32_t load32(const uint8_t* at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

void store16(uint8_t* at, uint16_t value) { memcpy(at, &value, sizeof value); }
void store32(uint8_t* at, uint32_t value) { memcpy(at, &value, sizeof value); }

// The one's complement sum of octets as they lie, in this machine's order (RFC 1071 2B): not folded.
uint64_t sum(const uint8_t* octets, size_t length) {
  const Lanes low = {0xffffffff, 0xffffffff};
  Lanes even = {0, 0}, odd = {0, 0};
  while (length >= 32) {
    Lanes a, b;
    memcpy(&a, octets, 16);
    memcpy(&b, octets + 16, 16);
    even += (a & low) + (b & low);
    odd += (a >> 32) + (b >> 32);
    octets += 32;
    length -= 32;
  }
  uint64_t total = even[0] + even[1] + odd[0] + odd[1];
  for (; length >= 4; octets += 4, length -= 4) total += load32(octets);
  if (length >= 2) {
    total += load16(octets);
    octets += 2;
    length -= 2;
  }
  uint8_t last[2] = {length > 0 ? *octets : uint8_t{0}, 0};
  return total + load16(last);
}

uint16_t fold(uint64_t total) {
  total = (total & 0xffffffff) + (total >> 32);
  total = (total & 0xffffffff) + (total >> 32);
  total = (total & 0xffff) + (total >> 16);
  total = (total & 0xffff) + (total >> 16);
  return static_cast<uint16_t>(total);
}

// Of all pieces, from octet `skip` of the first. One that begins on an odd octet is out of step: swap it.
uint64_t sumPieces(Gathered packet, size_t skip) {
  uint64_t total = 0;
  bool odd = false;
  for (uint32_t i = 0; i < packet.count; i++) {
    const auto* octets = static_cast<const uint8_t*>(packet.pieces[i].iov_base) + (i == 0 ? skip : 0);
    size_t length = packet.pieces[i].iov_len - (i == 0 ? skip : 0);
    uint64_t part = sum(octets, length);
    total += odd ? __builtin_bswap16(fold(part)) : part;
    odd ^= (length & 1) != 0;
  }
  return total;
}

// As it is sent: UDP says 0 as all ones (RFC 768); for TCP both mean the same.
uint16_t complement(uint64_t total) {
  uint16_t value = static_cast<uint16_t>(~fold(total));
  return value == 0 ? 0xffff : value;
}

// What a pseudo-header adds to the addresses (RFC 9293 3.1).
uint32_t pseudo(uint8_t protocol, size_t length) {
  return uint32_t{htons(protocol)} + htons(static_cast<uint16_t>(length));
}

uint8_t* firstOf(Gathered packet) { return static_cast<uint8_t*>(packet.pieces[0].iov_base); }

}  // namespace

bool completeChecksum(Gathered packet, const Marks& marks, uint16_t* before) {
  size_t linear = packet.pieces[0].iov_len;
  if (marks.start > linear || marks.at < marks.start || marks.at + size_t{2} > linear) return false;
  uint8_t* field = firstOf(packet) + marks.at;
  *before = load16(field);
  store16(field, complement(sumPieces(packet, marks.start)));
  return true;
}

void putChecksumBack(Gathered packet, const Marks& marks, uint16_t before) {
  store16(firstOf(packet) + marks.at, before);
}

bool checksumHolds(const uint8_t* packet, size_t length, size_t network) {
  if (length < network + kIpHeader + kUdpHeader) return false;
  if (network >= 2 && ntohs(load16(packet + network - 2)) != kEtherIpv4) return false;
  const uint8_t* ip = packet + network;
  size_t header = (ip[0] & 15) * size_t{4}, total = ntohs(load16(ip + kIpLength));
  if (ip[0] >> 4 != 4 || header < kIpHeader || total > length - network) return false;
  if ((ntohs(load16(ip + kIpFlags)) & kFragment) != 0) return false;
  uint8_t protocol = ip[kIpProtocol];
  size_t least = protocol == IPPROTO_TCP ? kTcpHeader : kUdpHeader;
  if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || total < header + least) return false;
  const uint8_t* transport = ip + header;
  size_t size = total - header;
  if (protocol == IPPROTO_UDP) {
    size_t said = ntohs(load16(transport + kUdpLength));
    if (load16(transport + kUdpChecksum) == 0 || said < kUdpHeader || said > size) return false;
    size = said;
  }
  return fold(sum(ip + kIpSource, 8) + pseudo(protocol, size) + sum(transport, size)) == 0xffff;
}

bool Segments::begin(Gathered packet, const Marks& marks) {
  size_t linear = packet.pieces[0].iov_len;
  size_t ip = marks.network, transport = marks.start;
  if (ip + kIpHeader > transport || transport + kTcpHeader > kMaxHeaders) return false;
  if (transport + kUdpHeader > linear) return false;
  const uint8_t* octets = firstOf(packet);
  uint8_t protocol = octets[ip + kIpProtocol];
  tcp_ = protocol == IPPROTO_TCP;
  if (!tcp_ && protocol != IPPROTO_UDP) return false;
  if (tcp_ && transport + kTcpHeader > linear) return false;
  headers_ = transport + (tcp_ ? (octets[transport + kTcpOffset] >> 4) * size_t{4} : kUdpHeader);
  if (headers_ > linear || headers_ > kMaxHeaders || (tcp_ && headers_ < transport + kTcpHeader)) return false;
  size_t length = 0;
  for (uint32_t i = 0; i < packet.count; i++) length += packet.pieces[i].iov_len;
  packet_ = packet;
  marks_ = marks;
  text_ = length - headers_;
  size_t segments = (text_ + marks.gsoSize - 1) / marks.gsoSize;
  if (segments > kMaxSegments || headers_ - ip + std::min<size_t>(marks.gsoSize, text_) > 65535) return false;
  count_ = std::max<uint32_t>(static_cast<uint32_t>(segments), 1);
  memcpy(header_, octets, headers_);
  return true;
}

Gathered Segments::cut(uint32_t index) {
  size_t done = size_t{index} * marks_.gsoSize;
  size_t length = std::min<size_t>(marks_.gsoSize, text_ - done);
  out_[0] = {header_, headers_};
  uint32_t used = refer(headers_ + done, length);
  writeHeaders(index, done, length);
  Gathered segment{out_, used};
  store16(header_ + marks_.at, 0);
  const uint8_t* ip = header_ + marks_.network;
  uint64_t total = sum(ip + kIpSource, 8) + pseudo(ip[kIpProtocol], headers_ - marks_.start + length);
  store16(header_ + marks_.at, complement(total + sumPieces(segment, marks_.start)));
  return segment;
}

// `length` octets of the packet, `offset` octets into it, behind the header. Answers how many pieces there are with it.
uint32_t Segments::refer(size_t offset, size_t length) {
  uint32_t used = 1;
  for (uint32_t i = 0; i < packet_.count && length > 0; i++) {
    const iovec& piece = packet_.pieces[i];
    if (offset >= piece.iov_len) {
      offset -= piece.iov_len;
      continue;
    }
    size_t part = std::min(length, piece.iov_len - offset);
    out_[used++] = {static_cast<uint8_t*>(piece.iov_base) + offset, part};
    length -= part;
    offset = 0;
  }
  return used;
}

// What differs from the super-segment's: lengths, identification, sequence number, and the flags that only the first (CWR)
// or the last segment says (FIN, PSH).
void Segments::writeHeaders(uint32_t index, size_t done, size_t length) {
  const uint8_t* from = firstOf(packet_);
  uint8_t* ip = header_ + marks_.network;
  const uint8_t* ipFrom = from + marks_.network;
  store16(ip + kIpLength, htons(static_cast<uint16_t>(headers_ - marks_.network + length)));
  uint16_t id = ntohs(load16(ipFrom + kIpId));
  // An identification that means nothing and is 0 stays 0 (RFC 6864 4.1), as in ip4/segmentation.ts.
  bool atomic = id == 0 && (ipFrom[kIpFlags] & kDontFragment) != 0;
  if (!atomic) store16(ip + kIpId, htons(static_cast<uint16_t>(id + index)));
  store16(ip + kIpChecksum, 0);
  store16(ip + kIpChecksum, static_cast<uint16_t>(~fold(sum(ip, marks_.start - marks_.network))));
  uint8_t* transport = header_ + marks_.start;
  if (!tcp_) {
    store16(transport + kUdpLength, htons(static_cast<uint16_t>(kUdpHeader + length)));
    return;
  }
  const uint8_t* tcpFrom = from + marks_.start;
  store32(transport + kTcpSequence, htonl(ntohl(load32(tcpFrom + kTcpSequence)) + static_cast<uint32_t>(done)));
  uint8_t flags = tcpFrom[kTcpFlags];
  if (index > 0) flags &= static_cast<uint8_t>(~kCwr);
  if (index + 1 < count_) flags &= static_cast<uint8_t>(~(kFin | kPsh));
  transport[kTcpFlags] = flags;
}
