// reflector: the anchor of the echo benches. Answers ICMP echo and UDP echo (port 7) on the TUN it inherits as fd 3,
// with the least work that is right: nonblocking, epoll, one packet a system call, turned round in place, checksums
// updated and never recomputed. On SIGTERM it prints packets and its thread's CPU seconds as JSON and ends.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "inet.h"

#define TUN 3
#define PACKET_MAX 65600

static volatile sig_atomic_t ending = 0;

static void on_term(int number) {
  (void)number;
  ending = 1;
}

static void swap(uint8_t *a, uint8_t *b, size_t length) {
  uint8_t kept[4];
  memcpy(kept, a, length);
  memcpy(a, b, length);
  memcpy(b, kept, length);
}

// Turns the packet round. 0: it is nothing that we answer.
static int answer(uint8_t *p, ssize_t length) {
  if (length < 28 || p[0] >> 4 != 4) return 0;
  int header = (p[0] & 15) * 4;
  if (header < 20 || length < header + 8) return 0;
  uint8_t *t = p + header;
  if (p[9] == IPPROTO_ICMP && t[0] == 8) {
    // RFC 1624: type 8 becomes 0, so the checksum grows by 0x0800, and a carry comes round.
    uint32_t sum = ((uint32_t)t[2] << 8 | t[3]) + 0x0800;
    sum = (sum & 0xffff) + (sum >> 16);
    t[0] = 0;
    t[2] = (uint8_t)(sum >> 8);
    t[3] = (uint8_t)sum;
  } else if (p[9] == IPPROTO_UDP && t[2] == 0 && t[3] == 7) {
    swap(t, t + 2, 2);
  } else {
    return 0;
  }
  swap(p + 12, p + 16, 4);
  return 1;
}

int main(void) {
  static uint8_t packet[PACKET_MAX];
  struct sigaction action = {.sa_handler = on_term};
  sigaction(SIGTERM, &action, NULL);
  if (fcntl(TUN, F_SETFL, O_RDWR | O_NONBLOCK) < 0) die("fcntl");
  int poll = epoll_create1(0);
  struct epoll_event wanted = {.events = EPOLLIN}, seen;
  if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, TUN, &wanted) < 0) die("epoll");
  puts("ready");
  fflush(stdout);
  long packets = 0;
  while (!ending) {
    if (epoll_wait(poll, &seen, 1, -1) < 1) continue;
    for (;;) {
      ssize_t length = read(TUN, packet, sizeof packet);
      if (length < 0) {
        if (errno == EAGAIN || errno == EINTR) break;
        die("read");
      }
      if (!answer(packet, length)) continue;
      if (write(TUN, packet, (size_t)length) != length) die("write");
      packets++;
    }
  }
  double cpu = (double)clock_ns(CLOCK_THREAD_CPUTIME_ID) / 1e9;
  printf("{\"packets\":%ld,\"cpuSeconds\":%.9f}\n", packets, cpu);
  return 0;
}
