// Opens a device in another network namespace while this process stays where it is. Source: unshare(2),
// setns(2), user_namespaces(7), unix(7) SCM_RIGHTS.
//
//   root:      a helper thread unshares or joins the namespace, opens everything there, ends. Namespaces
//              belong to threads, so the main thread's is untouched.
//   non-root:  a threaded process may not make a user namespace. A forked one-shot child may: it makes user
//              and network namespace, opens the same, passes the descriptors back and exits. The child of a
//              threaded process may only make system calls: all it needs is formatted before the fork.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <initializer_list>

#include "open_spec.h"
#include "uv_min.h"

namespace {

struct Job {
  const OpenSpec* spec;
  OpenResult* result;
};

bool enterAndOpen(const OpenSpec& spec, OpenResult* result) {
  if (spec.netns == kNetnsNew) {
    if (unshare(CLONE_NEWNET) != 0) return result->fail(errno, "unshare(CLONE_NEWNET)");
    // "thread-self": /proc/self is the main thread, whose namespace has not changed.
    result->netnsFd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (result->netnsFd < 0) return result->fail(errno, "open(ns/net)");
  } else {
    result->netnsFd = open(spec.netnsPath, O_RDONLY | O_CLOEXEC);
    if (result->netnsFd < 0) return result->fail(errno, "open(netns)");
    if (setns(result->netnsFd, CLONE_NEWNET) != 0) return result->fail(errno, "setns");
  }
  return openHere(spec, spec.netns == kNetnsNew, result);
}

void threadMain(void* argument) {
  auto* job = static_cast<Job*>(argument);
  enterAndOpen(*job->spec, job->result);
}

bool openInThread(const OpenSpec& spec, OpenResult* result) {
  result->clear();
  result->way = kWayThread;
  Job job{&spec, result};
  // libuv's, not pthread_create: a binary built beside glibc 2.34 would ask for that version of it.
  uv_thread_t thread;
  int error = uv_thread_create(&thread, threadMain, &job);
  if (error != 0) return result->fail(-error, "uv_thread_create");
  uv_thread_join(&thread);
  return result->error == 0;
}

bool writeFile(const char* path, const char* text, OpenResult* result, const char* call) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return result->fail(errno, call);
  size_t length = strlen(text);
  ssize_t wrote = write(fd, text, length);
  int error = errno;
  close(fd);
  return wrote == static_cast<ssize_t>(length) ? true : result->fail(error, call);
}

// In the child: system calls only.
void childOpen(const OpenSpec& spec, OpenResult* result) {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    result->fail(errno, "unshare(CLONE_NEWUSER)");
    return;
  }
  // setgroups must be denied before an unprivileged gid_map is accepted (user_namespaces(7)).
  if (!writeFile("/proc/self/setgroups", "deny", result, "write(setgroups)")) return;
  if (!writeFile("/proc/self/uid_map", spec.uidMap, result, "write(uid_map)")) return;
  if (!writeFile("/proc/self/gid_map", spec.gidMap, result, "write(gid_map)")) return;
  result->netnsFd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  result->usernsFd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
  if (result->netnsFd < 0 || result->usernsFd < 0) {
    result->fail(errno, "open(ns)");
    return;
  }
  openHere(spec, true, result);
}

constexpr int kMaxFds = 5;

// Carries an OpenResult and its open descriptors; the descriptor fields then say which field each one belongs
// to.
struct Envelope {
  OpenResult result;
  iovec piece;
  msghdr message;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxFds)];

  void prepare() {
    memset(control, 0, sizeof control);
    piece.iov_base = &result;
    piece.iov_len = sizeof result;
    memset(&message, 0, sizeof message);
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
  }
};

void childMain(int sock, const OpenSpec& spec, Envelope* envelope) {
  childOpen(spec, &envelope->result);
  envelope->prepare();
  int fds[kMaxFds];
  int count = 0;
  OpenResult& result = envelope->result;
  for (int* one : {&result.fd, &result.bulkFd, &result.netnsFd, &result.usernsFd, &result.monitorFd})
    if (*one >= 0) fds[count++] = *one;
  if (count > 0) {
    cmsghdr* header = CMSG_FIRSTHDR(&envelope->message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    envelope->message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
  } else {
    envelope->message.msg_control = nullptr;
    envelope->message.msg_controllen = 0;
  }
  ssize_t sent = sendmsg(sock, &envelope->message, MSG_NOSIGNAL);
  _exit(sent < 0 ? 1 : 0);
}

bool receive(int sock, Envelope* envelope, OpenResult* result) {
  envelope->prepare();
  ssize_t got;
  do {
    got = recvmsg(sock, &envelope->message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof(OpenResult)))
    return result->fail(got < 0 ? errno : EPIPE, "recvmsg");
  *result = envelope->result;
  int fds[kMaxFds] = {-1, -1, -1, -1, -1};
  cmsghdr* header = CMSG_FIRSTHDR(&envelope->message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS)
    memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
  int next = 0;
  for (int* one : {&result->fd, &result->bulkFd, &result->netnsFd, &result->usernsFd, &result->monitorFd})
    if (*one >= 0) *one = fds[next++];
  return result->error == 0;
}

bool openInChild(const OpenSpec& spec, OpenResult* result) {
  result->clear();
  result->way = kWayFork;
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return result->fail(errno, "socketpair");
  Envelope envelope;
  envelope.result.clear();
  envelope.result.way = kWayFork;

  // Node's signal handlers must not run in the child. On Linux sigprocmask is the calling thread's, as pthread_sigmask
  // is, and asks for no new glibc.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  pid_t child = fork();
  if (child == 0) childMain(pair[1], spec, &envelope);
  int error = errno;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  close(pair[1]);
  if (child < 0) {
    close(pair[0]);
    return result->fail(error, "fork");
  }
  bool ok = receive(pair[0], &envelope, result);
  close(pair[0]);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return ok;
}

}  // namespace

bool openDevice(const OpenSpec& spec, OpenResult* result) {
  result->clear();
  if (spec.netns == kNetnsNone) {
    openHere(spec, false, result);
  } else {
    openInThread(spec, result);
    bool refused = result->error == EPERM && strncmp(result->syscall, "unshare", 7) == 0;
    if (spec.netns == kNetnsNew && refused) {
      result->closeAll();
      openInChild(spec, result);
    }
  }
  if (result->error != 0) result->closeAll();
  return result->error == 0;
}
