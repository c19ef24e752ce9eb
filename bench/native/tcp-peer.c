// tcp-peer: the kernel's TCP as a peer, for benches and tests. Plain sockets, IPv4; who runs it pins it.
//   servers, which print "ready" and serve until they are killed
//     tcp-peer sink|source|pingpong-server PORT    one connection at a time, blocking: the kernel at its best
//     tcp-peer echo PORT                           up to FLOWS_MAX connections in one poll loop
//   clients, which print one JSON line; rates a second, of octets (of echo: each once) or of things done
//     tcp-peer bulk-out|bulk-in HOST PORT SECONDS
//     tcp-peer echo HOST PORT SECONDS              at most -w octets on their way, each verified
//     tcp-peer pingpong HOST PORT SECONDS          1 octet, TCP_NODELAY; times in us
//     tcp-peer connect HOST PORT SECONDS           connect, FIN, FIN; -x: 1 octet there and back between
//     tcp-peer transfer HOST PORT BYTES            BYTES there, half-close, the same BYTES back, then EOF
//     tcp-peer many HOST PORT COUNT BYTES          COUNT such connections at once, of different octets
//     tcp-peer requests HOST PORT SECONDS          -n connections, 100 octets there, 1024 back; times in us
//     tcp-peer flows-out|flows-in HOST PORT SECONDS   -n bulk flows at once; jain: how alike their rates are
//   -C NAME        congestion control of our sockets    -b BYTES  of one write or read (131072)
//   -w BYTES       window of echo (1048576)             -r SEED   of the octets (1)         -x  see connect
//   -n COUNT       connections at once (1)
// An error is one line on stderr and exit code 1.
#define _GNU_SOURCE
#include <getopt.h>
#include <signal.h>
#include <sys/resource.h>

#include "tcp-load.h"
#include "tcp-serve.h"

#define UNLIMITED INT64_MAX

// Flows: connections that verify what comes back.

struct flow {
  int fd, shut, ended;
  size_t start;  // where in the pattern its octets begin
  int64_t sent, received, limit;
};

static const uint8_t *octets_at(const struct flow *f, int64_t at) {
  return octets + (size_t)((f->start + (uint64_t)at) % PERIOD);
}

static void send_some(struct flow *f, int64_t most) {
  while (!f->shut) {
    int64_t left = f->limit - f->sent, room = most - (f->sent - f->received);
    if (left <= 0) {
      if (shutdown(f->fd, SHUT_WR) < 0) failed("shutdown");
      f->shut = 1;
      return;
    }
    if (room <= 0) return;
    size_t length = chunk;
    if (left < (int64_t)length) length = (size_t)left;
    if (room < (int64_t)length) length = (size_t)room;
    ssize_t n = send(f->fd, octets_at(f, f->sent), length, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) failed("send");
    f->sent += n;
  }
}

static void receive_some(struct flow *f) {
  ssize_t n = recv(f->fd, scratch, chunk, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n < 0) failed("recv");
  if (n == 0) {
    if (!f->shut || f->received != f->sent)
      fail("the end after %lld octets of %lld sent", (long long)f->received, (long long)f->sent);
    f->ended = 1;
    return;
  }
  if (f->received + n > f->sent)
    fail("%lld octets came back, %lld were sent", (long long)(f->received + n), (long long)f->sent);
  const uint8_t *expected = octets_at(f, f->received);
  if (memcmp(scratch, expected, (size_t)n) != 0) {
    ssize_t i = 0;
    while (scratch[i] == expected[i]) i++;
    fail("octet %lld is %d, not %d", (long long)(f->received + i), scratch[i], expected[i]);
  }
  f->received += n;
}

// Runs the flows to their ends; from `until` on (0: never) nothing more is sent.
static void run_flows(struct flow *flows, int count, int64_t most, int64_t until) {
  struct pollfd *fds = calloc((size_t)count, sizeof *fds);
  if (fds == NULL) failed("calloc");
  for (;;) {
    int left = 0;
    int late = until != 0 && clock_ns(CLOCK_MONOTONIC) >= until;
    for (int i = 0; i < count; i++) {
      struct flow *f = &flows[i];
      if (late && !f->shut) f->limit = f->sent;
      int may_send = !f->shut && (late || f->sent - f->received < most);
      fds[i] = (struct pollfd){.fd = f->ended ? -1 : f->fd, .events = may_send ? POLLIN | POLLOUT : POLLIN};
      left += !f->ended;
    }
    if (left == 0) break;
    int ready = poll(fds, (nfds_t)count, PATIENCE_S * 1000);
    if (ready < 0) failed("poll");
    if (ready == 0) fail("nothing happened for %d s, %d connections are left", PATIENCE_S, left);
    for (int i = 0; i < count; i++) {
      if (fds[i].revents & ~POLLOUT) receive_some(&flows[i]);
      if (fds[i].revents & POLLOUT) send_some(&flows[i], most);
    }
  }
  free(fds);
}

static void open_flows(struct flow *flows, int count, const struct sockaddr_in *to, int64_t limit) {
  for (int i = 0; i < count; i++) {
    int fd = new_socket(SOCK_NONBLOCK);
    no_delay(fd);
    if (connect(fd, (const struct sockaddr *)to, sizeof *to) < 0 && errno != EINPROGRESS) failed("connect");
    flows[i] = (struct flow){.fd = fd, .start = (size_t)i * 7919 % PERIOD, .limit = limit};
  }
}

// `count` connections that transfer `limit` octets each, or send for so many seconds.
static void transfer(const char *mode, const struct sockaddr_in *to, int count, int64_t limit, int64_t ns) {
  struct flow *flows = calloc((size_t)count, sizeof *flows);
  if (flows == NULL) failed("calloc");
  int64_t begin = clock_ns(CLOCK_MONOTONIC), bytes = 0;
  open_flows(flows, count, to, limit);
  run_flows(flows, count, ns > 0 ? window : UNLIMITED, ns > 0 ? begin + ns : 0);
  double seconds = seconds_since(begin);
  for (int i = 0; i < count; i++) {
    bytes += flows[i].received;
    close(flows[i].fd);
  }
  free(flows);
  printf("{\"mode\":\"%s\",\"seconds\":%.6f,\"bytes\":%lld,\"rate\":%.0f,\"connections\":%d}\n", mode,
         seconds, (long long)bytes, (double)bytes / seconds, count);
}

static void print_bulk(const char *mode, double seconds, int64_t bytes) {
  printf("{\"mode\":\"%s\",\"seconds\":%.6f,\"bytes\":%lld,\"rate\":%.0f}\n", mode, seconds, (long long)bytes,
         (double)bytes / seconds);
}

// Counts until the peer has all of it: it closes when it read our FIN.
static void bulk_out(const struct sockaddr_in *to, int64_t ns) {
  int fd = connected(to);
  int64_t begin = clock_ns(CLOCK_MONOTONIC), bytes = 0;
  while (clock_ns(CLOCK_MONOTONIC) - begin < ns) {
    ssize_t n = send(fd, octets, chunk, 0);
    if (n < 0) failed("send");
    bytes += n;
  }
  if (shutdown(fd, SHUT_WR) < 0) failed("shutdown");
  read_to_end(fd);
  print_bulk("bulk-out", seconds_since(begin), bytes);
}

static void rung(int signal) { (void)signal; }

// From then on, each 10 ms, a recv that waits is interrupted: on a path that loses much it may wait for long.
static void ring_after(int64_t ns) {
  struct sigaction action = {.sa_handler = rung};
  struct itimerval timer = {.it_interval = {.tv_usec = 10000}};
  timer.it_value = (struct timeval){.tv_sec = ns / 1000000000, .tv_usec = ns % 1000000000 / 1000 + 1};
  if (sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &timer, NULL) < 0) failed("setitimer");
}

static void bulk_in(const struct sockaddr_in *to, int64_t ns) {
  int fd = connected(to);
  int64_t begin = clock_ns(CLOCK_MONOTONIC), bytes = 0;
  ring_after(ns);
  while (clock_ns(CLOCK_MONOTONIC) - begin < ns) {
    ssize_t n = recv(fd, scratch, chunk, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) failed("recv");
    if (n == 0) fail("the source ended after %lld octets", (long long)bytes);
    bytes += n;
  }
  print_bulk("bulk-in", seconds_since(begin), bytes);
}

static void octet_there_and_back(int fd) {
  uint8_t octet = 42;
  if (send(fd, &octet, 1, 0) != 1) failed("send");
  ssize_t n = recv(fd, &octet, 1, 0);
  if (n < 0) failed("recv");
  if (n == 0 || octet != 42) fail("%s", n == 0 ? "the end instead of the octet" : "another octet came back");
}

static void connect_once(const struct sockaddr_in *to) {
  int fd = connected(to);
  if (exchange) {
    no_delay(fd);
    octet_there_and_back(fd);
  }
  // Close alone would let the server fall behind until its backlog drops a SYN, and a second pass.
  if (shutdown(fd, SHUT_WR) < 0) failed("shutdown");
  read_to_end(fd);
  close(fd);
}

// One at a time, for so long: how many, and what each took.
static void timed(const char *mode, const struct sockaddr_in *to, int64_t ns) {
  int connecting = strcmp(mode, "connect") == 0, fd = connecting ? -1 : connected(to);
  struct times times = {0};
  if (!connecting) no_delay(fd);
  int64_t begin = clock_ns(CLOCK_MONOTONIC), now = begin;
  double sum = 0;
  while (now - begin < ns) {
    int64_t before = now;
    if (connecting) connect_once(to);
    else octet_there_and_back(fd);
    now = clock_ns(CLOCK_MONOTONIC);
    add_time(&times, now - before);
    sum += (double)(now - before);
  }
  double seconds = (double)(now - begin) / 1e9;
  size_t count = times.count;
  qsort(times.ns, count, sizeof *times.ns, by_time);
  printf("{\"mode\":\"%s\",\"seconds\":%.6f,\"bytes\":%zu,\"rate\":%.1f,\"count\":%zu,"
         "\"p50\":%.2f,\"p99\":%.2f,\"mean\":%.2f}\n",
         mode, seconds, connecting && !exchange ? 0 : count, (double)count / seconds, count,
         us_at(&times, 50), us_at(&times, 99), sum / (double)count / 1e3);
  free(times.ns);
}

static const char USAGE[] = "usage: tcp-peer [-C NAME] [-b BYTES] [-w BYTES] [-r SEED] [-n COUNT] [-x] "
                            "sink|source|echo|pingpong-server PORT | "
                            "bulk-out|bulk-in|echo|pingpong|connect|requests|flows-out|flows-in HOST PORT SECONDS | "
                            "transfer HOST PORT BYTES | many HOST PORT COUNT BYTES";

static int64_t nanoseconds(const char *text) {
  char *end;
  double seconds = strtod(text, &end);
  if (*text == 0 || *end || !(seconds > 0 && seconds <= 86400)) fail("'%s' is no number of seconds", text);
  return (int64_t)(seconds * 1e9);
}

static int asks(const char *mode, char **words, int count) {
  struct sockaddr_in to = address_of(words[0], words[1]);
  if (count == 4) {
    if (strcmp(mode, "many") != 0) return 0;
    transfer(mode, &to, (int)number(words[2], 1, FLOWS_MAX), number(words[3], 0, UNLIMITED), 0);
  } else if (strcmp(mode, "transfer") == 0) transfer(mode, &to, 1, number(words[2], 0, UNLIMITED), 0);
  else if (strcmp(mode, "echo") == 0) transfer(mode, &to, 1, UNLIMITED, nanoseconds(words[2]));
  else if (strcmp(mode, "bulk-out") == 0) bulk_out(&to, nanoseconds(words[2]));
  else if (strcmp(mode, "bulk-in") == 0) bulk_in(&to, nanoseconds(words[2]));
  else if (strcmp(mode, "requests") == 0) requests(&to, connections, nanoseconds(words[2]));
  else if (strcmp(mode, "flows-out") == 0 || strcmp(mode, "flows-in") == 0)
    flows(mode, &to, connections, nanoseconds(words[2]));
  else if (strcmp(mode, "pingpong") == 0 || strcmp(mode, "connect") == 0)
    timed(mode, &to, nanoseconds(words[2]));
  else return 0;
  return 1;
}

// A connection is a file: COUNT may be more than a shell allows.
static void raise_file_limit(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

int main(int argc, char **argv) {
  for (int letter; (letter = getopt(argc, argv, "C:b:w:r:n:x")) != -1;) {
    if (letter == 'C') congestion = optarg;
    else if (letter == 'b') chunk = (size_t)number(optarg, 1, 1 << 30);
    else if (letter == 'w') window = number(optarg, 1, 1 << 30);
    else if (letter == 'r') seed = (uint32_t)number(optarg, 0, UINT32_MAX);
    else if (letter == 'n') connections = (int)number(optarg, 1, FLOWS_MAX);
    else if (letter == 'x') exchange = 1;
    else return 1;
  }
  raise_file_limit();
  signal(SIGPIPE, SIG_IGN);
  make_octets();
  int words = argc - optind;
  int done = 0;
  if (words == 2) serve_mode(argv[optind], argv[optind + 1]);
  else if (words == 4 || words == 5) done = asks(argv[optind], argv + optind + 1, words - 1);
  if (!done) fail("%s", USAGE);
  return 0;
}
