// pinger: round-trip times with one ICMP echo request outstanding.
//   pinger ADDRESS COUNT PAYLOAD      prints p50 and p99 in microseconds, and round trips a second, as JSON
#include <sys/time.h>
#include <unistd.h>

#include "inet.h"

static int by_value(const void *a, const void *b) {
  int64_t d = *(const int64_t *)a - *(const int64_t *)b;
  return d < 0 ? -1 : d > 0;
}

int main(int argc, char **argv) {
  static uint8_t message[ICMP_HEADER + 1472], reply[65600];
  if (argc != 4 || atoi(argv[2]) < 1 || atoi(argv[3]) < 0 || atoi(argv[3]) > 1472) {
    fprintf(stderr, "usage: pinger ADDRESS COUNT PAYLOAD\n");
    return 2;
  }
  int count = atoi(argv[2]);
  size_t length = (size_t)atoi(argv[3]) + ICMP_HEADER;
  uint16_t id = (uint16_t)getpid();
  int64_t *times = calloc((size_t)count, sizeof *times);
  int fd = open_socket(1, argv[1], 0);
  struct timeval patience = {.tv_sec = 2};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  int64_t begin = clock_ns(CLOCK_MONOTONIC);
  for (int i = 0; i < count; i++) {
    echo_request(message, length, id, (uint16_t)i);
    int64_t start = clock_ns(CLOCK_MONOTONIC);
    if (send(fd, message, length, 0) < 0) die("send");
    for (;;) {
      if (recv(fd, reply, sizeof reply, 0) < 0) die("no reply");
      const uint8_t *icmp = reply + (reply[0] & 15) * 4;
      if (memcmp(icmp + 4, message + 4, 4) == 0) break;
    }
    times[i] = clock_ns(CLOCK_MONOTONIC) - start;
  }
  double seconds = (double)(clock_ns(CLOCK_MONOTONIC) - begin) / 1e9;
  qsort(times, (size_t)count, sizeof *times, by_value);
  printf("{\"p50\":%.2f,\"p99\":%.2f,\"perSecond\":%.0f}\n", (double)times[count / 2] / 1e3,
         (double)times[(int64_t)count * 99 / 100] / 1e3, count / seconds);
  return 0;
}
