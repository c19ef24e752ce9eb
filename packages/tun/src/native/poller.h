// One uv_poll_t with the lifetime rules of an addon: it outlives its owner until libuv has closed it, and it
// closes when the environment ends first (a Worker). Source: docs.libuv.org uv_close, Node-API
// napi_add_async_cleanup_hook.
#pragma once

#include <napi.h>

#include "uv_min.h"

class PollerOwner {
 public:
  // `status` < 0: libuv saw POLLERR and has stopped the handle.
  virtual void onPoll(int status, int events) = 0;
  // The environment ends: release everything, call nothing.
  virtual void onEnvironmentEnd() = 0;

 protected:
  ~PollerOwner() = default;
};

class Poller {
 public:
  // nullptr and `*error` (an errno) when the loop refuses the descriptor.
  static Poller* create(napi_env env, int fd, PollerOwner* owner, int* error);

  // Watches kUvReadable and kUvWritable; 0 stops. Answers 0 or an errno.
  int watch(int events);
  int watched() const { return watched_; }
  void setRef(bool on);
  // The owner is not called again, the descriptor may be closed at once, the Poller deletes itself later.
  void close();

 private:
  Poller() = default;
  static void onUvPoll(uv_poll_t* handle, int status, int events);
  static void onUvClosed(uv_handle_t* handle);
  static void onCleanup(napi_async_cleanup_hook_handle hook, void* self);

  uv_poll_t* handle_ = nullptr;
  PollerOwner* owner_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  int watched_ = 0;
};
