// What to open, and what came of it, as plain data. Source: this project.
//
// Plain data because the forked child (netns.cc) may not allocate: it reads an OpenSpec made before the fork
// and sends the OpenResult back as bytes. `syscall` points to a string literal, which has one address in
// parent and child.
#pragma once

#include <linux/if.h>
#include <stdint.h>

enum NetnsChoice : int { kNetnsNone = 0, kNetnsNew = 1, kNetnsPath = 2 };
enum OpenWay : int { kWayHere = 0, kWayThread = 1, kWayFork = 2 };

struct OpenSpec {
  char name[IFNAMSIZ];   // '' lets the kernel choose; 'tun%d' is filled in by the kernel
  char device[128];      // '/dev/net/tun', or '/dev/tapN' of a macvtap
  char netnsPath[4096];  // only with kNetnsPath
  int netns;
  bool tap;
  bool vnetHdr;
  int queues;   // 1, or 2: as many as the device lets us have
  bool create;  // false: the device must exist already
  bool up;
  bool probe;  // stop once the namespace is there: preflight()
  uint32_t offload;
  int sndbuf;         // octets, -1 leaves it
  int mtu;            // octets, -1 leaves it
  int txqueuelen;     // packets, -1 leaves it
  bool txqueuelenMin; // only raise, and do not fail where that is not permitted
  bool hasAddress;
  bool hasPeer;
  uint8_t address[4];
  uint8_t peer[4];
  uint8_t prefixLength;
  bool hasHwaddr;
  uint8_t hwaddr[6];
  char uidMap[48];  // "0 1000 1": made before the fork
  char gidMap[48];
};

struct OpenResult {
  int error;            // errno, 0 when all went well
  const char* syscall;  // the one that failed
  int way;
  int fd;
  int bulkFd;  // the second queue
  int netnsFd;
  int usernsFd;
  int monitorFd;
  uint32_t ifindex;
  uint32_t flags;  // IFF_*
  uint32_t mtu;
  uint32_t txqueuelen;
  char name[IFNAMSIZ];
  bool hasHwaddr;
  uint8_t hwaddr[6];

  void clear() {
    *this = OpenResult{};
    fd = bulkFd = netnsFd = usernsFd = monitorFd = -1;
    syscall = "";
  }
  // Records the first failure. Always false, so that a caller can `return result->fail(...)`.
  bool fail(int errorNumber, const char* call) {
    if (error == 0) {
      error = errorNumber;
      syscall = call;
    }
    return false;
  }
  void closeAll();
};

// Opens in the namespace of the calling thread. System calls only. tun_open.cc
bool openHere(const OpenSpec& spec, bool ownNamespace, OpenResult* result);
// Chooses between here, a helper thread and a forked child. netns.cc
bool openDevice(const OpenSpec& spec, OpenResult* result);
