// blaster: fills the queue of a TUN and counts what comes back.
//   blaster icmp|udp ADDRESS COUNT PAYLOAD     sends COUNT requests and stops, prints "sent", then counts the replies
// Replies are counted in naps of a millisecond and never waited for, so that no write of the reflector wakes anybody.
#include <errno.h>
#include <unistd.h>

#include "inet.h"

#define NAP_US 1000
#define PATIENCE_NS 2000000000LL

int main(int argc, char **argv) {
  static uint8_t message[ICMP_HEADER + SIZE_MAX_PAYLOAD], reply[65600];
  if (argc != 5 || atoi(argv[3]) < 1 || atoi(argv[4]) < 0 || atoi(argv[4]) > SIZE_MAX_PAYLOAD) {
    fprintf(stderr, "usage: blaster icmp|udp ADDRESS COUNT PAYLOAD\n");
    return 2;
  }
  int icmp = strcmp(argv[1], "icmp") == 0;
  int count = atoi(argv[3]);
  size_t length = (size_t)atoi(argv[4]) + (icmp ? ICMP_HEADER : 0);
  for (size_t i = 0; i < sizeof message; i++) message[i] = (uint8_t)i;
  int fd = open_socket(icmp, argv[2], 7);
  int sent = 0, received = 0;
  for (int i = 0; i < count; i++) {
    if (icmp) echo_request(message, length, (uint16_t)getpid(), (uint16_t)i);
    if (send(fd, message, length, 0) == (ssize_t)length) sent++;
  }
  puts("sent");
  fflush(stdout);
  int64_t last = clock_ns(CLOCK_MONOTONIC);
  while (received < sent && clock_ns(CLOCK_MONOTONIC) - last < PATIENCE_NS) {
    while (recv(fd, reply, sizeof reply, MSG_DONTWAIT) > 0) {
      received++;
      last = clock_ns(CLOCK_MONOTONIC);
    }
    if (received < sent) usleep(NAP_US);
  }
  printf("{\"sent\":%d,\"received\":%d}\n", sent, received);
  return 0;
}
