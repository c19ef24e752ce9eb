// What the three C programs of the bench share: clocks, dying, the address of the stack, an ICMP echo request.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define ICMP_HEADER 8
#define SIZE_MAX_PAYLOAD 65507

static inline void die(const char *what) {
  perror(what);
  exit(1);
}

static inline int64_t clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// RFC 1071 over big-endian words in memory order; the result is stored as it is.
static inline uint16_t checksum(const uint8_t *bytes, size_t length) {
  uint64_t sum = 0;
  uint16_t word;
  for (size_t i = 0; i + 1 < length; i += 2) {
    memcpy(&word, bytes + i, 2);
    sum += word;
  }
  if (length & 1) {
    word = 0;
    memcpy(&word, bytes + length - 1, 1);
    sum += word;
  }
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static inline void echo_request(uint8_t *message, size_t length, uint16_t id, uint16_t sequence) {
  uint16_t sum;
  id = htons(id);
  sequence = htons(sequence);
  message[0] = 8;
  message[1] = message[2] = message[3] = 0;
  memcpy(message + 4, &id, 2);
  memcpy(message + 6, &sequence, 2);
  sum = checksum(message, length);
  memcpy(message + 2, &sum, 2);
}

// A socket that talks to `address`; for ICMP a raw one that hears echo replies only, with room for all of them.
static inline int open_socket(int icmp, const char *address, int port) {
  int fd = icmp ? socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) : socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) die("socket");
  if (icmp) {
    uint32_t all_but_echo_reply = ~1u;
    if (setsockopt(fd, SOL_RAW, 1 /* ICMP_FILTER */, &all_but_echo_reply, 4) < 0) die("ICMP_FILTER");
  }
  int room = 256 << 20;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, address, &to.sin_addr) != 1) {
    fprintf(stderr, "not an address: %s\n", address);
    exit(2);
  }
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
  return fd;
}
