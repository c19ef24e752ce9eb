// tcp-peer's clients of many connections in one loop: requests and answers, and bulk flows beside each other.
#pragma once

#include <linux/sockios.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "tcp-socket.h"

#define REQUEST_BYTES 100
#define ANSWER_BYTES 1024
#define EVENTS_MAX 256

static int by_time(const void *a, const void *b) {
  int64_t d = *(const int64_t *)a - *(const int64_t *)b;
  return d < 0 ? -1 : d > 0;
}

// Times of things done, as many as come.
struct times {
  int64_t *ns;
  size_t count, room;
};

static void add_time(struct times *t, int64_t ns) {
  if (t->count == t->room) {
    t->room = t->room ? t->room * 2 : 1 << 16;
    t->ns = realloc(t->ns, t->room * sizeof *t->ns);
    if (t->ns == NULL) failed("realloc");
  }
  t->ns[t->count++] = ns;
}

static double us_at(const struct times *t, int percent) {
  return t->count ? (double)t->ns[t->count * (size_t)percent / 100] / 1e3 : 0;
}

struct asker {
  int fd;
  size_t missing;  // of the answer
  int64_t asked;
};

static void ask(struct asker *a, int64_t now) {
  if (send(a->fd, octets, REQUEST_BYTES, 0) != REQUEST_BYTES) failed("send");
  a->missing = ANSWER_BYTES;
  a->asked = now;
}

// `count` connections; each has one request on its way at a time.
static void requests(const struct sockaddr_in *to, int count, int64_t ns) {
  struct asker *askers = calloc((size_t)count, sizeof *askers);
  struct epoll_event events[EVENTS_MAX];
  struct times times = {0};
  int watch = epoll_create1(0);
  if (askers == NULL || watch < 0) failed("requests");
  for (int i = 0; i < count; i++) {
    askers[i].fd = connected(to);
    no_delay(askers[i].fd);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &askers[i]};
    if (epoll_ctl(watch, EPOLL_CTL_ADD, askers[i].fd, &event) < 0) failed("epoll_ctl");
  }
  int64_t begin = clock_ns(CLOCK_MONOTONIC), now = begin;
  for (int i = 0; i < count; i++) ask(&askers[i], begin);
  while (now - begin < ns) {
    int ready = epoll_wait(watch, events, EVENTS_MAX, PATIENCE_S * 1000);
    if (ready < 0) failed("epoll_wait");
    if (ready == 0) fail("no answer for %d s", PATIENCE_S);
    for (int i = 0; i < ready; i++) {
      struct asker *a = events[i].data.ptr;
      ssize_t n = recv(a->fd, scratch, chunk, MSG_DONTWAIT);
      if (n < 0 && errno == EAGAIN) continue;
      if (n < 0) failed("recv");
      if (n == 0) fail("the end instead of an answer");
      if ((size_t)n > a->missing) fail("an answer is longer than %d octets", ANSWER_BYTES);
      a->missing -= (size_t)n;
      if (a->missing > 0) continue;
      now = clock_ns(CLOCK_MONOTONIC);
      add_time(&times, now - a->asked);
      ask(a, now);
    }
    now = clock_ns(CLOCK_MONOTONIC);
  }
  double seconds = (double)(now - begin) / 1e9;
  qsort(times.ns, times.count, sizeof *times.ns, by_time);
  printf("{\"mode\":\"requests\",\"seconds\":%.6f,\"connections\":%d,\"count\":%zu,\"rate\":%.1f,"
         "\"p50\":%.2f,\"p99\":%.2f}\n",
         seconds, count, times.count, (double)times.count / seconds, us_at(&times, 50), us_at(&times, 99));
}

// What the peer has acknowledged.
static int64_t arrived(int fd, int64_t sent) {
  int waiting;
  if (ioctl(fd, SIOCOUTQ, &waiting) < 0) failed("SIOCOUTQ");
  return sent - waiting;
}

// Reset when they end: what waits in their buffers is nobody's.
static void open_all(struct pollfd *fds, int count, const struct sockaddr_in *to, int out) {
  struct linger none = {.l_onoff = 1};
  for (int i = 0; i < count; i++) {
    fds[i] = (struct pollfd){.fd = connected(to), .events = out ? POLLOUT : POLLIN};
    if (setsockopt(fds[i].fd, SOL_SOCKET, SO_LINGER, &none, sizeof none) < 0) failed("SO_LINGER");
  }
}

// R. Jain's index of fairness: 1 when all have the same, 1 / count when one has all.
static void print_flows(const char *mode, double seconds, const int64_t *bytes, int count) {
  double sum = 0, squares = 0;
  for (int i = 0; i < count; i++) {
    sum += (double)bytes[i];
    squares += (double)bytes[i] * (double)bytes[i];
  }
  printf("{\"mode\":\"%s\",\"seconds\":%.6f,\"connections\":%d,\"bytes\":%.0f,\"rate\":%.0f,\"jain\":%.4f}\n",
         mode, seconds, count, sum, sum / seconds, squares > 0 ? sum * sum / (count * squares) : 0);
}

// `count` bulk flows at once, served in turn: which of them gets on is not decided here.
static void flows(const char *mode, const struct sockaddr_in *to, int count, int64_t ns) {
  int out = strcmp(mode, "flows-out") == 0;
  struct pollfd *fds = calloc((size_t)count, sizeof *fds);
  int64_t *bytes = calloc((size_t)count, sizeof *bytes);
  if (fds == NULL || bytes == NULL) failed("calloc");
  open_all(fds, count, to, out);
  int64_t begin = clock_ns(CLOCK_MONOTONIC);
  while (clock_ns(CLOCK_MONOTONIC) - begin < ns) {
    if (poll(fds, (nfds_t)count, PATIENCE_S * 1000) < 1) failed("poll");
    for (int i = 0; i < count; i++) {
      if (fds[i].revents == 0) continue;
      ssize_t n = out ? send(fds[i].fd, octets, chunk, MSG_DONTWAIT) : recv(fds[i].fd, scratch, chunk, MSG_DONTWAIT);
      if (n < 0 && errno != EAGAIN) failed(mode);
      if (n == 0) fail("a flow ended");
      if (n > 0) bytes[i] += n;
    }
  }
  double seconds = seconds_since(begin);
  for (int i = 0; out && i < count; i++) bytes[i] = arrived(fds[i].fd, bytes[i]);
  print_flows(mode, seconds, bytes, count);
}
