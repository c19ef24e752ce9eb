// rtnetlink requests to configure one interface, without `ip` and without allocation. Source: rtnetlink(7),
// netlink(7).
#include "netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr size_t kReplyRoom = 16384;

// One request: nlmsghdr, a fixed header (ifinfomsg or ifaddrmsg), attributes.
struct Request {
  alignas(4) char bytes[512];
  size_t used;

  void* begin(uint16_t type, uint16_t flags, size_t fixedLength) {
    memset(bytes, 0, sizeof bytes);
    used = NLMSG_ALIGN(NLMSG_LENGTH(fixedLength));
    auto* header = reinterpret_cast<nlmsghdr*>(bytes);
    header->nlmsg_type = type;
    header->nlmsg_flags = NLM_F_REQUEST | flags;
    header->nlmsg_seq = 1;
    return NLMSG_DATA(header);
  }
  void put(uint16_t type, const void* value, size_t length) {
    auto* attribute = reinterpret_cast<rtattr*>(bytes + used);
    attribute->rta_type = type;
    attribute->rta_len = RTA_LENGTH(length);
    memcpy(RTA_DATA(attribute), value, length);
    used += RTA_ALIGN(RTA_LENGTH(length));
  }
  void putUint32(uint16_t type, uint32_t value) { put(type, &value, sizeof value); }
};

void readLink(const nlmsghdr* header, OpenResult* link) {
  auto* info = static_cast<const ifinfomsg*>(NLMSG_DATA(header));
  link->ifindex = info->ifi_index;
  link->flags = info->ifi_flags;
  link->hasHwaddr = false;
  int left = static_cast<int>(header->nlmsg_len) - static_cast<int>(NLMSG_LENGTH(sizeof *info));
  auto* first = reinterpret_cast<const char*>(info) + NLMSG_ALIGN(sizeof *info);
  auto* attribute = reinterpret_cast<const rtattr*>(first);
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    const void* value = RTA_DATA(attribute);
    size_t length = RTA_PAYLOAD(attribute);
    if (attribute->rta_type == IFLA_MTU && length >= 4) memcpy(&link->mtu, value, 4);
    if (attribute->rta_type == IFLA_TXQLEN && length >= 4) memcpy(&link->txqueuelen, value, 4);
    if (attribute->rta_type == IFLA_ADDRESS && length == 6) {
      memcpy(link->hwaddr, value, 6);
      link->hasHwaddr = true;
    }
    if (attribute->rta_type == IFLA_IFNAME && length <= IFNAMSIZ) {
      memset(link->name, 0, IFNAMSIZ);
      memcpy(link->name, value, length);
    }
  }
}

// Sends one request and waits for the kernel's answer: an error code, or the link asked for.
int transact(int sock, Request* request, OpenResult* link) {
  auto* header = reinterpret_cast<nlmsghdr*>(request->bytes);
  header->nlmsg_len = request->used;
  ssize_t sent;
  do {
    sent = send(sock, request->bytes, request->used, 0);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return errno;

  alignas(4) char reply[kReplyRoom];
  for (;;) {
    ssize_t got = recv(sock, reply, sizeof reply, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    unsigned left = static_cast<unsigned>(got);
    auto* answer = reinterpret_cast<nlmsghdr*>(reply);
    for (; NLMSG_OK(answer, left); answer = NLMSG_NEXT(answer, left)) {
      if (answer->nlmsg_seq != header->nlmsg_seq) continue;
      if (answer->nlmsg_type == NLMSG_ERROR)
        return -static_cast<nlmsgerr*>(NLMSG_DATA(answer))->error;
      if (answer->nlmsg_type == RTM_NEWLINK && link != nullptr) {
        readLink(answer, link);
        return 0;
      }
    }
  }
}

}  // namespace

int netlinkOpen(uint32_t groups, bool nonblocking) {
  int type = SOCK_RAW | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);
  int sock = socket(AF_NETLINK, type, NETLINK_ROUTE);
  if (sock < 0) return -1;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (bind(sock, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    int error = errno;
    close(sock);
    errno = error;
    return -1;
  }
  return sock;
}

int netlinkGetLink(int sock, const char* name, OpenResult* link) {
  Request request;
  request.begin(RTM_GETLINK, 0, sizeof(ifinfomsg));
  request.put(IFLA_IFNAME, name, strnlen(name, IFNAMSIZ - 1) + 1);
  request.putUint32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return transact(sock, &request, link);
}

int netlinkLoopbackUp(int sock) {
  Request request;
  auto* info = static_cast<ifinfomsg*>(request.begin(RTM_NEWLINK, NLM_F_ACK, sizeof(ifinfomsg)));
  info->ifi_index = 1;
  info->ifi_flags = info->ifi_change = IFF_UP;
  return transact(sock, &request, nullptr);
}

int netlinkSetLink(int sock, uint32_t ifindex, const uint32_t* mtu, const uint32_t* txqueuelen,
                   const uint8_t* hwaddr, bool up) {
  Request request;
  auto* info = static_cast<ifinfomsg*>(request.begin(RTM_NEWLINK, NLM_F_ACK, sizeof(ifinfomsg)));
  info->ifi_index = static_cast<int>(ifindex);
  if (up) info->ifi_flags = info->ifi_change = IFF_UP;
  if (mtu != nullptr) request.putUint32(IFLA_MTU, *mtu);
  if (txqueuelen != nullptr) request.putUint32(IFLA_TXQLEN, *txqueuelen);
  if (hwaddr != nullptr) request.put(IFLA_ADDRESS, hwaddr, 6);
  return transact(sock, &request, nullptr);
}

int netlinkNoQdisc(int sock, uint32_t ifindex) {
  Request request;
  uint16_t flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  auto* info = static_cast<tcmsg*>(request.begin(RTM_NEWQDISC, flags, sizeof(tcmsg)));
  info->tcm_family = AF_UNSPEC;
  info->tcm_ifindex = static_cast<int>(ifindex);
  info->tcm_parent = TC_H_ROOT;
  request.put(TCA_KIND, "noqueue", sizeof "noqueue");
  return transact(sock, &request, nullptr);
}

int netlinkAddAddress(int sock, uint32_t ifindex, const OpenSpec& spec) {
  Request request;
  uint16_t flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  auto* info = static_cast<ifaddrmsg*>(request.begin(RTM_NEWADDR, flags, sizeof(ifaddrmsg)));
  info->ifa_family = AF_INET;
  info->ifa_prefixlen = spec.prefixLength;
  info->ifa_index = ifindex;
  request.put(IFA_LOCAL, spec.address, 4);
  request.put(IFA_ADDRESS, spec.hasPeer ? spec.peer : spec.address, 4);
  int error = transact(sock, &request, nullptr);
  return error == EEXIST ? 0 : error;  // a persistent device may have it from an earlier run
}
