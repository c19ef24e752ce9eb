// lwip-server: lwIP's TCP, raw API, on the TUN it inherits as fd 3 (bench/src/peers/peer.ts says what a peer is).
//   lwip-server SINK_PORT SOURCE_PORT ECHO_PORT MTU
// One thread: epoll, up to BATCH packets read straight into pbufs, then what the batch made possible to write, then timers.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"

#define TUN 3
#define BATCH 256
// More pieces than a segment of ours ever has.
#define PIECES 16
// tcp_write takes 16 bits of length: this is the most whole segments.
#define PIECE (44 * TCP_MSS)

static volatile sig_atomic_t ending = 0;

static void on_term(int number) {
  (void)number;
  ending = 1;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

u32_t sys_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (u32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

#ifdef VECTOR_SUM
// Written so that the compiler sums in vectors.
uint16_t sum_words(const void *data, int length) {
  const uint8_t *p = data;
  uint64_t sum = 0;
  uint32_t word;
  int i = 0;
  for (; i + 4 <= length; i += 4) {
    memcpy(&word, p + i, 4);
    sum += word;
  }
  if (i < length) {
    word = 0;
    memcpy(&word, p + i, (size_t)(length - i));
    sum += word;
  }
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}
#endif

// The device.

static err_t tun_output(struct netif *netif, struct pbuf *p, const ip4_addr_t *to) {
  (void)netif;
  (void)to;
  ssize_t n;
  if (p->next == NULL) {
    n = write(TUN, p->payload, p->len);
  } else {
    struct iovec pieces[PIECES];
    int count = 0;
    for (struct pbuf *q = p; q != NULL; q = q->next) {
      if (count == PIECES) return ERR_BUF;
      pieces[count++] = (struct iovec){.iov_base = q->payload, .iov_len = q->len};
    }
    n = writev(TUN, pieces, count);
  }
  return n < 0 ? ERR_MEM : ERR_OK;
}

static err_t tun_init(struct netif *netif) {
  netif->name[0] = 't';
  netif->name[1] = 'n';
  netif->output = tun_output;
  netif->mtu = *(const u16_t *)netif->state;
  netif->flags = NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

// Up to BATCH packets. 0: the queue is empty.
static int tun_drain(struct netif *netif) {
  for (int i = 0; i < BATCH; i++) {
    struct pbuf *p = pbuf_alloc(PBUF_RAW, PBUF_POOL_BUFSIZE, PBUF_POOL);
    if (p == NULL) return 1;  // all of them wait in queues: what is written now frees some
    ssize_t n = read(TUN, p->payload, PBUF_POOL_BUFSIZE);
    if (n <= 0) {
      pbuf_free(p);
      if (n < 0 && errno != EAGAIN && errno != EINTR) die("read");
      return 0;
    }
    p->len = p->tot_len = (u16_t)n;
    if (netif->input(p, netif) != ERR_OK) pbuf_free(p);
  }
  return 1;
}

// The servers. A connection that can write more stands in `ready` until the end of the batch, once.

struct connection {
  struct tcp_pcb *pcb;
  struct connection *next;
  struct pbuf *head, *tail;  // echo: what is read and not yet written
  u16_t at;                  // of `head`: what is written
  u8_t queued, ended;
  void (*more)(struct connection *);
};

static struct connection *ready = NULL;
static uint8_t octets[PIECE];

static void mark(struct connection *c) {
  if (c->queued) return;
  c->queued = 1;
  c->next = ready;
  ready = c;
}

// The connection is no more, lwIP's part of it is gone or is closing by itself.
static void forget(struct connection *c) {
  if (c->queued) {
    struct connection **at = &ready;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
  }
  while (c->head != NULL) {
    struct pbuf *p = c->head;
    c->head = p->next;
    p->next = NULL;
    pbuf_free(p);
  }
  free(c);
}

static void on_error(void *arg, err_t error) {
  (void)error;
  forget(arg);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t length) {
  (void)pcb;
  (void)length;
  mark(arg);
  return ERR_OK;
}

// From within a callback: what it returns to lwIP.
static err_t close_or_abort(struct connection *c) {
  struct tcp_pcb *pcb = c->pcb;
  tcp_arg(pcb, NULL);
  tcp_err(pcb, NULL);
  tcp_sent(pcb, NULL);
  tcp_recv(pcb, NULL);
  forget(c);
  if (tcp_close(pcb) == ERR_OK) return ERR_OK;
  tcp_abort(pcb);
  return ERR_ABRT;
}

static err_t sink_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  (void)error;
  if (p == NULL) return close_or_abort(arg);
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

static void pour(struct connection *c) {
  int wrote = 0;
  for (;;) {
    u32_t room = tcp_sndbuf(c->pcb) / TCP_MSS * TCP_MSS;
    if (room == 0) break;
    if (tcp_write(c->pcb, octets, (u16_t)LWIP_MIN(room, PIECE), 0) != ERR_OK) break;
    wrote = 1;
  }
  if (wrote) tcp_output(c->pcb);
}

static err_t source_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  (void)arg;
  (void)error;
  if (p == NULL) {
    tcp_abort(pcb);  // on_error forgets it
    return ERR_ABRT;
  }
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

// Writes what is read, as far as there is room. tcp_input itself calls tcp_output after the callback that calls this.
static void write_back(struct connection *c) {
  while (c->head != NULL) {
    struct pbuf *p = c->head;
    u32_t room = tcp_sndbuf(c->pcb);
    u16_t length = (u16_t)LWIP_MIN(room, (u32_t)(p->len - c->at));
    if (length == 0 && p->len != c->at) return;
    if (tcp_write(c->pcb, (uint8_t *)p->payload + c->at, length, TCP_WRITE_FLAG_COPY) != ERR_OK) return;
    tcp_recved(c->pcb, length);
    c->at += length;
    if (c->at < p->len) return;
    c->at = 0;
    c->head = p->next;
    p->next = NULL;
    pbuf_free(p);
  }
}

static void echo_more(struct connection *c) {
  if (c->head == NULL) return;
  write_back(c);
  tcp_output(c->pcb);
  if (c->head == NULL && c->ended) close_or_abort(c);
}

static err_t echo_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  struct connection *c = arg;
  (void)pcb;
  (void)error;
  if (p == NULL) {
    if (c->head == NULL) return close_or_abort(c);
    c->ended = 1;
    return ERR_OK;
  }
  if (c->head == NULL) c->head = p;
  else c->tail->next = p;
  for (c->tail = p; c->tail->next != NULL;) c->tail = c->tail->next;
  write_back(c);
  return ERR_OK;
}

static struct connection *new_connection(struct tcp_pcb *pcb, tcp_recv_fn receive) {
  struct connection *c = calloc(1, sizeof *c);
  if (c == NULL) die("calloc");
  c->pcb = pcb;
  tcp_arg(pcb, c);
  tcp_recv(pcb, receive);
  tcp_err(pcb, on_error);
  return c;
}

static err_t sink_accept(void *arg, struct tcp_pcb *pcb, err_t error) {
  (void)arg;
  if (error != ERR_OK || pcb == NULL) return ERR_VAL;
  new_connection(pcb, sink_receive);
  return ERR_OK;
}

static err_t source_accept(void *arg, struct tcp_pcb *pcb, err_t error) {
  (void)arg;
  if (error != ERR_OK || pcb == NULL) return ERR_VAL;
  struct connection *c = new_connection(pcb, source_receive);
  c->more = pour;
  tcp_sent(pcb, on_sent);
  mark(c);
  return ERR_OK;
}

static err_t echo_accept(void *arg, struct tcp_pcb *pcb, err_t error) {
  (void)arg;
  if (error != ERR_OK || pcb == NULL) return ERR_VAL;
  struct connection *c = new_connection(pcb, echo_receive);
  c->more = echo_more;
  tcp_nagle_disable(pcb);
  tcp_sent(pcb, on_sent);
  return ERR_OK;
}

static void serve(const char *port, tcp_accept_fn accept) {
  struct tcp_pcb *pcb = tcp_new();
  if (pcb == NULL || tcp_bind(pcb, IP4_ADDR_ANY, (u16_t)atoi(port)) != ERR_OK) die("tcp_bind");
  pcb = tcp_listen(pcb);
  if (pcb == NULL) die("tcp_listen");
  tcp_accept(pcb, accept);
}

static void run_ready(void) {
  while (ready != NULL) {
    struct connection *c = ready;
    ready = c->next;
    c->queued = 0;
    c->more(c);
  }
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: lwip-server SINK_PORT SOURCE_PORT ECHO_PORT MTU\n");
    return 2;
  }
  // Its segments are of TCP_MSS at most, on a device of a larger MTU, too: the peer is told so in our SYN.
  u16_t mtu = (u16_t)LWIP_MIN(atoi(argv[4]), TCP_MSS + 40);
  struct netif netif;
  ip4_addr_t address, mask, gateway;
  IP4_ADDR(&address, 10, 9, 0, 2);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&gateway, 10, 9, 0, 1);
  struct sigaction action = {.sa_handler = on_term};
  sigaction(SIGTERM, &action, NULL);
  srandom((unsigned)sys_now());
  memset(octets, 0x5a, sizeof octets);
  lwip_init();
  netif_add(&netif, &address, &mask, &gateway, &mtu, tun_init, ip_input);
  netif_set_default(&netif);
  netif_set_up(&netif);
  serve(argv[1], sink_accept);
  serve(argv[2], source_accept);
  serve(argv[3], echo_accept);
  if (fcntl(TUN, F_SETFL, O_RDWR | O_NONBLOCK) < 0) die("fcntl");
  int poll = epoll_create1(0);
  struct epoll_event wanted = {.events = EPOLLIN}, seen;
  if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, TUN, &wanted) < 0) die("epoll");
  puts("ready");
  fflush(stdout);
  int more = 0;
  while (!ending) {
    if (!more) {
      u32_t sleepMs = sys_timeouts_sleeptime();
      epoll_wait(poll, &seen, 1, sleepMs > 60000 ? 60000 : (int)sleepMs);
    }
    more = tun_drain(&netif);
    run_ready();
    sys_check_timeouts();
  }
  return 0;
}
