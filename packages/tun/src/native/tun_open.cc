// Opens a TUN/TAP device and configures it, in the namespace of the calling thread. Source: linux/if_tun.h,
// Documentation/networking/tuntap.rst.
//
// System calls only: this also runs in a forked child, where malloc is forbidden.
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <initializer_list>

#include "netlink.h"
#include "open_spec.h"

namespace {

constexpr int kVnetHdrSize = 10;

// One queue of the device: answers its descriptor, or -1 with errno and the call that failed.
int openQueue(const OpenSpec& spec, const char* name, int more, const char** call) {
  *call = "open";
  int fd = open(spec.device, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -1;
  ifreq request{};
  int flags = (spec.tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (spec.vnetHdr ? IFF_VNET_HDR : 0) | more;
  request.ifr_flags = static_cast<short>(flags);
  memcpy(request.ifr_name, name, IFNAMSIZ);
  *call = "ioctl(TUNSETIFF)";
  if (ioctl(fd, TUNSETIFF, &request) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

bool attach(const OpenSpec& spec, OpenResult* result) {
  // The device lands in the namespace of the thread that opens the node, not of the one that calls TUNSETIFF.
  const char* call = "";
  bool two = spec.queues > 1;
  if (two) result->fd = openQueue(spec, spec.name, IFF_MULTI_QUEUE, &call);
  // EINVAL: the device is there, and has one queue.
  if (two && result->fd < 0 && errno == EINVAL) two = false;
  if (!two) result->fd = openQueue(spec, spec.name, 0, &call);
  if (result->fd < 0) return result->fail(errno, call);
  ifreq request{};
  // A macvtap node ignores the name it is given, so ask.
  if (ioctl(result->fd, TUNGETIFF, &request) != 0) return result->fail(errno, "ioctl(TUNGETIFF)");
  memcpy(result->name, request.ifr_name, IFNAMSIZ);
  if (two) {
    result->bulkFd = openQueue(spec, result->name, IFF_MULTI_QUEUE, &call);
    // E2BIG, EBUSY: others have the rest of its queues.
    if (result->bulkFd < 0 && errno != E2BIG && errno != EBUSY) return result->fail(errno, call);
  }

  if (spec.vnetHdr) {
    int size = kVnetHdrSize;
    if (ioctl(result->fd, TUNSETVNETHDRSZ, &size) != 0) return result->fail(errno, "ioctl(TUNSETVNETHDRSZ)");
    if (ioctl(result->fd, TUNSETOFFLOAD, static_cast<unsigned long>(spec.offload)) != 0)
      return result->fail(errno, "ioctl(TUNSETOFFLOAD)");
  }
  if (spec.sndbuf >= 0 && ioctl(result->fd, TUNSETSNDBUF, &spec.sndbuf) != 0)
    return result->fail(errno, "ioctl(TUNSETSNDBUF)");
  return true;
}

bool configure(const OpenSpec& spec, int sock, OpenResult* result) {
  int error = netlinkGetLink(sock, result->name, result);
  if (error != 0) return result->fail(error, "rtnetlink(RTM_GETLINK)");
  uint32_t ifindex = result->ifindex;

  // Only what differs is asked for: the owner of a persistent device may use it without CAP_NET_ADMIN.
  if (spec.hasHwaddr) {
    error = netlinkSetLink(sock, ifindex, nullptr, nullptr, spec.hwaddr, false);
    if (error != 0) return result->fail(error, "rtnetlink(RTM_NEWLINK address)");
  }
  if (spec.mtu >= 0 && static_cast<uint32_t>(spec.mtu) != result->mtu) {
    uint32_t mtu = static_cast<uint32_t>(spec.mtu);
    error = netlinkSetLink(sock, ifindex, &mtu, nullptr, nullptr, false);
    if (error != 0) return result->fail(error, "rtnetlink(RTM_NEWLINK mtu)");
  }
  uint32_t queue = static_cast<uint32_t>(spec.txqueuelen);
  bool queueDiffers = spec.txqueuelenMin ? queue > result->txqueuelen : queue != result->txqueuelen;
  if (spec.txqueuelen >= 0 && queueDiffers) {
    error = netlinkSetLink(sock, ifindex, nullptr, &queue, nullptr, false);
    if (error != 0 && !spec.txqueuelenMin) return result->fail(error, "rtnetlink(RTM_NEWLINK txqueuelen)");
  }
  if (spec.hasAddress) {
    error = netlinkAddAddress(sock, ifindex, spec);
    if (error != 0) return result->fail(error, "rtnetlink(RTM_NEWADDR)");
  }
  // A device of several queues has 256 of them, and so has its mq qdisc, with room for txqueuelen packets thrice in each: 96 MB for 10,000. No
  // queue of the device ever stops, so that there is nothing for a qdisc to hold; if it may not be changed, memory is all it costs.
  if (result->bulkFd >= 0 && !(result->flags & IFF_UP)) netlinkNoQdisc(sock, ifindex);
  if (spec.up && !(result->flags & IFF_UP)) {
    error = netlinkSetLink(sock, ifindex, nullptr, nullptr, nullptr, true);
    if (error != 0) return result->fail(error, "rtnetlink(RTM_NEWLINK up)");
  }

  // The monitor listens before the last look at the link, so no change falls between the two.
  result->monitorFd = netlinkOpen(RTMGRP_LINK | RTMGRP_IPV4_IFADDR, true);
  if (result->monitorFd < 0) return result->fail(errno, "socket(AF_NETLINK)");
  error = netlinkGetLink(sock, result->name, result);
  if (error != 0) return result->fail(error, "rtnetlink(RTM_GETLINK)");
  return true;
}

}  // namespace

void OpenResult::closeAll() {
  for (int* one : {&fd, &bulkFd, &netnsFd, &usernsFd, &monitorFd}) {
    if (*one >= 0) close(*one);
    *one = -1;
  }
}

bool openHere(const OpenSpec& spec, bool ownNamespace, OpenResult* result) {
  int sock = netlinkOpen(0, false);
  if (sock < 0) return result->fail(errno, "socket(AF_NETLINK)");
  bool ok = true;
  if (ownNamespace) {
    int error = netlinkLoopbackUp(sock);
    if (error != 0) ok = result->fail(error, "rtnetlink(RTM_NEWLINK lo up)");
  }
  if (ok && !spec.probe) {
    OpenResult existing;
    existing.clear();
    int error = spec.create ? 0 : netlinkGetLink(sock, spec.name, &existing);
    if (error != 0) {
      ok = result->fail(error, "rtnetlink(RTM_GETLINK)");
    } else {
      ok = attach(spec, result) && configure(spec, sock, result);
    }
  }
  close(sock);
  return ok;
}
