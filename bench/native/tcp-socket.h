// What tcp-peer's clients and servers share: options, how they fail, the pattern of octets, sockets.
#pragma once

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <sys/time.h>
#include <unistd.h>

#include "inet.h"

#define FLOWS_MAX 4096
// Nobody waits longer for a peer that does nothing.
#define PATIENCE_S 30
// A prime, so that octets which moved by any whole number of segments or pages differ.
#define PERIOD 1048573

static const char *congestion = NULL;
static size_t chunk = 131072;
static int64_t window = 1 << 20;
static uint32_t seed = 1;
static int exchange = 0;
static int connections = 1;
static uint8_t *octets;  // PERIOD of the pattern, and its first `chunk` again
static uint8_t *scratch;

static void fail(const char *format, ...) {
  va_list words;
  va_start(words, format);
  fputs("tcp-peer: ", stderr);
  vfprintf(stderr, format, words);
  fputc('\n', stderr);
  exit(1);
}

static void failed(const char *what) { fail("%s: %s", what, strerror(errno)); }

static double seconds_since(int64_t begin) { return (double)(clock_ns(CLOCK_MONOTONIC) - begin) / 1e9; }

static long long number(const char *text, long long least, long long most) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (errno || *text == 0 || *end || value < least || value > most)
    fail("'%s' is no number from %lld to %lld", text, least, most);
  return value;
}

static void make_octets(void) {
  uint32_t x = seed * 2654435761u | 1;
  octets = malloc(PERIOD + chunk);
  scratch = malloc(chunk);
  if (octets == NULL || scratch == NULL) failed("malloc");
  for (size_t i = 0; i < PERIOD; i++) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    octets[i] = (uint8_t)(x >> 11);
  }
  for (size_t i = 0; i < chunk; i++) octets[PERIOD + i] = octets[i % PERIOD];
}

static struct sockaddr_in address_of(const char *host, const char *port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number(port, 1, 65535))};
  if (host != NULL && inet_pton(AF_INET, host, &to.sin_addr) != 1) fail("'%s' is no IPv4 address", host);
  return to;
}

static int new_socket(int flags) {
  int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
  if (fd < 0) failed("socket");
  if (congestion != NULL &&
      setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, (socklen_t)strlen(congestion)) < 0)
    fail("TCP_CONGESTION %s: %s", congestion, strerror(errno));
  return fd;
}

static void no_delay(int fd) {
  int on = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) failed("TCP_NODELAY");
}

static int connected(const struct sockaddr_in *to) {
  struct timeval patience = {.tv_sec = PATIENCE_S};
  int fd = new_socket(0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(fd, (const struct sockaddr *)to, sizeof *to) < 0) failed("connect");
  return fd;
}

static int listening(const char *port) {
  struct sockaddr_in at = address_of(NULL, port);
  int on = 1, fd = new_socket(0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0) failed("bind");
  if (listen(fd, FLOWS_MAX) < 0) failed("listen");
  puts("ready");
  fflush(stdout);
  return fd;
}

// A connection that died before we took it is none of ours.
static int accepted(int listener, int flags) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, flags);
    if (fd >= 0) return fd;
    if (errno == EAGAIN) return -1;
    if (errno != ECONNABORTED && errno != EINTR) failed("accept");
  }
}

// Reads what still comes, to the end.
static void read_to_end(int fd) {
  ssize_t n;
  while ((n = recv(fd, scratch, chunk, 0)) > 0) {
  }
  if (n < 0) failed("waiting for the end");
}
