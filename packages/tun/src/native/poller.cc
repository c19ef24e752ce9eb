// One uv_poll_t with the lifetime rules of an addon. Source: docs.libuv.org "uv_poll_t".
#include "poller.h"

#include <errno.h>
#include <stdlib.h>

namespace {
uv_handle_t* asHandle(uv_poll_t* handle) { return reinterpret_cast<uv_handle_t*>(handle); }
}  // namespace

Poller* Poller::create(napi_env env, int fd, PollerOwner* owner, int* error) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) {
    *error = ENOTSUP;
    return nullptr;
  }
  auto* handle = static_cast<uv_poll_t*>(calloc(1, uv_handle_size(kUvPoll)));
  if (handle == nullptr) {
    *error = ENOMEM;
    return nullptr;
  }
  int status = uv_poll_init(loop, handle, fd);
  if (status != 0) {
    free(handle);
    *error = -status;
    return nullptr;
  }
  auto* self = new Poller();
  self->handle_ = handle;
  self->owner_ = owner;
  uv_handle_set_data(asHandle(handle), self);
  napi_add_async_cleanup_hook(env, onCleanup, self, &self->hook_);
  return self;
}

int Poller::watch(int events) {
  if (events == watched_) return 0;
  watched_ = events;
  return -(events == 0 ? uv_poll_stop(handle_) : uv_poll_start(handle_, events, onUvPoll));
}

void Poller::setRef(bool on) {
  if (on)
    uv_ref(asHandle(handle_));
  else
    uv_unref(asHandle(handle_));
}

void Poller::close() {
  if (owner_ == nullptr) return;
  owner_ = nullptr;
  uv_close(asHandle(handle_), onUvClosed);
}

void Poller::onUvPoll(uv_poll_t* handle, int status, int events) {
  auto* self = static_cast<Poller*>(uv_handle_get_data(asHandle(handle)));
  if (status < 0) self->watched_ = 0;  // libuv stopped the handle before this call
  if (self->owner_ != nullptr) self->owner_->onPoll(status, events);
}

void Poller::onUvClosed(uv_handle_t* handle) {
  auto* self = static_cast<Poller*>(uv_handle_get_data(handle));
  // Tells a waiting environment that it may go on; before its end it only removes the hook.
  if (self->hook_ != nullptr) napi_remove_async_cleanup_hook(self->hook_);
  free(handle);
  delete self;
}

void Poller::onCleanup(napi_async_cleanup_hook_handle, void* data) {
  auto* self = static_cast<Poller*>(data);
  PollerOwner* owner = self->owner_;
  if (owner == nullptr) return;  // being closed already: onUvClosed removes the hook
  self->close();
  owner->onEnvironmentEnd();
}
