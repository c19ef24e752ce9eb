// tcp-peer's servers: they serve until they are killed.
#pragma once

#include <fcntl.h>
#include <poll.h>

#include "tcp-socket.h"

#define ROOM_OF_ECHO 65536

static void serve_sink(int fd) {
  while (recv(fd, scratch, chunk, 0) > 0) {
  }
}

static void serve_source(int fd) {
  while (send(fd, octets, chunk, 0) > 0) {
  }
}

static void serve_pingpong(int fd) {
  ssize_t n;
  no_delay(fd);
  while ((n = recv(fd, scratch, chunk, 0)) > 0 && send(fd, scratch, (size_t)n, 0) == n) {
  }
}

static void serve(const char *port, void (*one)(int)) {
  int listener = listening(port);
  for (;;) {
    int fd = accepted(listener, 0);
    one(fd);
    close(fd);
  }
}

struct echoed {
  int fd, ended;
  size_t from, to;
  uint8_t *held;
};

// Holds at most ROOM_OF_ECHO and reads again when all of it went. 0: the connection is over.
static int echo_step(struct echoed *e) {
  for (;;) {
    while (e->from < e->to) {
      ssize_t n = send(e->fd, e->held + e->from, e->to - e->from, 0);
      if (n < 0) return errno == EAGAIN;
      e->from += (size_t)n;
    }
    if (e->ended) return 0;
    ssize_t n = recv(e->fd, e->held, ROOM_OF_ECHO, 0);
    if (n < 0) return errno == EAGAIN;
    e->ended = n == 0;
    e->from = 0;
    e->to = (size_t)n;
  }
}

static void serve_echo(const char *port) {
  static struct pollfd fds[FLOWS_MAX + 1];
  static struct echoed flows[FLOWS_MAX];
  int count = 0, listener = listening(port);
  fcntl(listener, F_SETFL, O_NONBLOCK);
  for (;;) {
    fds[0] = (struct pollfd){.fd = count < FLOWS_MAX ? listener : -1, .events = POLLIN};
    for (int i = 0; i < count; i++) {
      short wanted = flows[i].from < flows[i].to ? POLLOUT : POLLIN;
      fds[i + 1] = (struct pollfd){.fd = flows[i].fd, .events = wanted};
    }
    if (poll(fds, (nfds_t)count + 1, -1) < 0) failed("poll");
    // Backwards, for the last takes the place of one that is over.
    for (int i = count - 1; i >= 0; i--) {
      if (fds[i + 1].revents == 0 || echo_step(&flows[i])) continue;
      close(flows[i].fd);
      free(flows[i].held);
      flows[i] = flows[--count];
    }
    while (fds[0].revents != 0 && count < FLOWS_MAX) {
      int fd = accepted(listener, SOCK_NONBLOCK);
      if (fd < 0) break;
      no_delay(fd);
      flows[count] = (struct echoed){.fd = fd, .held = malloc(ROOM_OF_ECHO)};
      if (flows[count++].held == NULL) failed("malloc");
    }
  }
}

// Comes back only from a mode that there is not.
static void serve_mode(const char *mode, const char *port) {
  if (strcmp(mode, "sink") == 0) serve(port, serve_sink);
  else if (strcmp(mode, "source") == 0) serve(port, serve_source);
  else if (strcmp(mode, "pingpong-server") == 0) serve(port, serve_pingpong);
  else if (strcmp(mode, "echo") == 0) serve_echo(port);
}
