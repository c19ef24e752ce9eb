// Batched, nonblocking packet I/O: life cycle and the event loop. Source: docs.libuv.org uv_poll, kernel tuntap.rst.
#include "device.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>

namespace {

bool rangeError(Napi::Env env, const char* text) {
  Napi::RangeError::New(env, text).ThrowAsJavaScriptException();
  return false;
}

}  // namespace

Napi::Function Device::define(Napi::Env env) {
  return DefineClass(env, "Device",
                     {
                         InstanceMethod<&Device::bindRecords>("bindRecords"),
                         InstanceMethod<&Device::bindArena>("bindArena"),
                         InstanceMethod<&Device::unbindArena>("unbindArena"),
                         InstanceMethod<&Device::watchReadable>("watchReadable"),
                         InstanceMethod<&Device::watchWritable>("watchWritable"),
                         InstanceMethod<&Device::setRef>("setRef"),
                         InstanceMethod<&Device::close>("close"),
                     });
}

// (fd, bulkFd, slab, control, headroom, align, ownsFds, onReadable, onWritable, onError)
Device::Device(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Device>(info) {
  Napi::Env env = info.Env();
  if (info.Length() < 10 || !info[0].IsNumber() || !info[1].IsNumber() || !info[2].IsTypedArray() ||
      !info[3].IsTypedArray() || !info[4].IsNumber() || !info[5].IsNumber() || !info[7].IsFunction() ||
      !info[8].IsFunction() || !info[9].IsFunction()) {
    Napi::TypeError::New(env, "Device: wrong arguments").ThrowAsJavaScriptException();
    return;
  }
  auto slab = info[2].As<Napi::TypedArray>();
  if (slab.TypedArrayType() != napi_uint8_array) {
    Napi::TypeError::New(env, "Device: slab is a Uint8Array").ThrowAsJavaScriptException();
    return;
  }
  if (!takeControl(env, info[3])) return;
  headroom_ = info[4].As<Napi::Number>().Uint32Value();
  align_ = info[5].As<Napi::Number>().Uint32Value();
  slab_ = slab.As<Napi::Uint8Array>().Data();
  slabLength_ = slab.ByteLength();
  bool placesFit = headroom_ <= 4096 && align_ <= 64 && reinterpret_cast<uintptr_t>(slab_) % 4 == 0;
  bool roomFits = slabLength_ >= kReadRoom + headroom_ + 4 && slabLength_ <= INT32_MAX;
  if (!placesFit || !roomFits) {
    rangeError(env, "Device: slab, headroom or align out of range");
    return;
  }
  slabBuffer_ = Napi::Persistent(slab.ArrayBuffer().As<Napi::Object>());
  if (!addHotCalls(env)) return;

  ownsFds_ = info[6].ToBoolean();
  int bulkFd = info[1].As<Napi::Number>().Int32Value();
  if (!watch(env, &first_, info[0].As<Napi::Number>().Int32Value())) return;
  if (bulkFd >= 0 && !watch(env, &bulk_, bulkFd)) return;
  onReadable_ = Napi::Persistent(info[7].As<Napi::Function>());
  onWritable_ = Napi::Persistent(info[8].As<Napi::Function>());
  onError_ = Napi::Persistent(info[9].As<Napi::Function>());
  context_ = std::make_unique<Napi::AsyncContext>(env, "tunstack.Device");
  closed_ = false;
  Ref();  // lives until close(), like any open socket
}

Device::~Device() {
  // Only reached after close(), after the environment's end, or when the constructor threw.
  for (Queue* queue : {&first_, &bulk_})
    if (queue->poller != nullptr) queue->poller->close();
}

bool Device::watch(Napi::Env env, Queue* queue, int fd) {
  int error = 0;
  queue->device = this;
  queue->poller = Poller::create(env, fd, queue, &error);
  if (queue->poller == nullptr) {
    auto failure = Napi::Error::New(env, "uv_poll_init failed");
    failure.Set("errno", Napi::Number::New(env, error));
    failure.ThrowAsJavaScriptException();
    return false;
  }
  queue->fd = fd;
  return true;
}

void Queue::onPoll(int status, int events) { device->onPoll(this, status, events); }

void Queue::onEnvironmentEnd() { device->onEnvironmentEnd(this); }

// It lies in a SharedArrayBuffer, which nobody can detach: its address is good for as long as it is held.
bool Device::takeControl(Napi::Env env, const Napi::Value& value) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  napi_value buffer = nullptr;
  bool detachable = true;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, &buffer, nullptr) != napi_ok ||
      napi_is_arraybuffer(env, buffer, &detachable) != napi_ok || type != napi_int32_array || detachable)
    return rangeError(env, "Device: control is an Int32Array in a SharedArrayBuffer");
  if (length < kRecords + 2) return rangeError(env, "Device: control is too short");
  batchLimit_ = static_cast<uint32_t>(std::min<size_t>((length - kRecords) / 2, kMaxBatch));
  control_ = static_cast<int32_t*>(data);
  controlArray_ = Napi::Persistent(value.As<Napi::Object>());
  return true;
}

// What a turn calls are functions of this one object that know it by address: to find it by `this`, as methods do, costs a
// look-up of a private property, more than all the rest of a call. Each holds on to its object.
bool Device::addHotCalls(napi_env env) {
  struct HotCall {
    const char* name;
    napi_callback function;
  };
  for (const HotCall& call : {HotCall{"read", read}, HotCall{"resume", resume}, HotCall{"write", write}}) {
    napi_value function;
    if (napi_create_function(env, call.name, NAPI_AUTO_LENGTH, call.function, this, &function) != napi_ok)
      return false;
    napi_property_descriptor own{};
    own.utf8name = call.name;
    own.value = function;
    napi_property_descriptor owner{};
    owner.utf8name = "device";
    owner.value = Value();
    if (napi_define_properties(env, Value(), 1, &own) != napi_ok) return false;
    if (napi_define_properties(env, function, 1, &owner) != napi_ok) return false;
  }
  return true;
}

void Device::onEnvironmentEnd(Queue* queue) {
  queue->poller = nullptr;  // it deletes itself
  closed_ = true;
  if (ownsFds_ && queue->fd >= 0) ::close(queue->fd);
  queue->fd = -1;
}

void Device::release() {
  closed_ = true;
  for (Queue* queue : {&first_, &bulk_}) {
    if (queue->poller != nullptr) queue->poller->close();
    queue->poller = nullptr;
    // libuv has taken the descriptor out of epoll in uv_close, so the number may be reused from here on.
    if (ownsFds_ && queue->fd >= 0) ::close(queue->fd);
    queue->fd = -1;
  }
  control_[kCount] = 0;
  slab_ = nullptr;
  slabLength_ = 0;
  writes_ = nullptr;
  writesLimit_ = 0;
  arenas_.clear();
  slabBuffer_.Reset();
  writesBuffer_.Reset();
  onReadable_.Reset();
  onWritable_.Reset();
  onError_.Reset();
}

Napi::Value Device::close(const Napi::CallbackInfo& info) {
  if (!closed_) {
    release();
    Unref();
  }
  return info.Env().Undefined();
}

bool Device::isDetached(napi_env env, const Napi::ObjectReference& buffer) {
  bool detached = true;
  napi_value value;
  if (napi_get_reference_value(env, buffer, &value) == napi_ok && value != nullptr)
    napi_is_detached_arraybuffer(env, value, &detached);
  return detached;
}

// JS has given the batch back outside of onReadable, after more had come.
napi_value Device::resume(napi_env env, napi_callback_info info) {
  void* device = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &device);
  Device* self = static_cast<Device*>(device);
  if (self->closed_) return nullptr;
  self->control_[kStopped] = 0;
  self->applyWatch();
  return nullptr;
}

Napi::Value Device::watchReadable(const Napi::CallbackInfo& info) {
  wantReadable_ = info[0].ToBoolean();
  if (!closed_) applyWatch();
  return info.Env().Undefined();
}

Napi::Value Device::watchWritable(const Napi::CallbackInfo& info) {
  bool on = info[0].ToBoolean();
  Queue* queue = blockedQueue_ == nullptr ? &first_ : blockedQueue_;
  first_.wantWritable = bulk_.wantWritable = false;
  queue->wantWritable = on;
  if (!closed_) applyWatch();
  return info.Env().Undefined();
}

Napi::Value Device::setRef(const Napi::CallbackInfo& info) {
  for (Queue* queue : {&first_, &bulk_})
    if (queue->poller != nullptr) queue->poller->setRef(info[0].ToBoolean());
  return info.Env().Undefined();
}

// Readability stays watched while JS holds a batch until an event says that more has come (onPoll): in the
// usual case the batch is consumed in the same callback and epoll is not touched.
void Device::applyWatch() {
  bool readable = wantReadable_ && control_[kStopped] == 0;
  for (Queue* queue : {&first_, &bulk_})
    if (queue->poller != nullptr)
      queue->poller->watch((queue->wantWritable ? kUvWritable : 0) | (readable ? kUvReadable : 0));
}

void Device::call(napi_env env, napi_value self, const Napi::FunctionReference& callback) {
  napi_value function, result;
  if (napi_get_reference_value(env, callback, &function) != napi_ok) return;
  // make_callback: promises and nextTick callbacks of the handler run before the loop goes on.
  napi_status status = napi_make_callback(env, *context_, self, function, 0, nullptr, &result);
  if (status == napi_ok) return;
  bool pending = status == napi_pending_exception;
  if (!pending) napi_is_exception_pending(env, &pending);
  if (pending) {
    napi_value error;
    // What a handler throws is an uncaught exception, as in any other callback of the event loop.
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }
}

void Device::onPoll(Queue* queue, int status, int events) {
  if (closed_) return;
  Napi::Env env = Env();
  Napi::HandleScope scope(env);
  napi_value self = Value();  // keeps this object through a close() inside a callback
  bool broken = status < 0;
  if (broken) {
    // POLLERR stays until it is dealt with: watching for anything else as well would spin.
    events = kUvReadable;
    wantReadable_ = true;
    queue->wantWritable = false;
  }
  if ((events & kUvReadable) && wantReadable_) {
    queue->waiting = true;
    onReadable(env, self, broken);
    if (closed_) return;
  }
  if (events & kUvWritable) {
    queue->wantWritable = false;  // one shot: JS asks again after the next EAGAIN
    applyWatch();
    call(env, self, onWritable_);
    if (closed_) return;
  }
  applyWatch();
}

void Device::onReadable(napi_env env, napi_value self, bool broken) {
  if (control_[kHolding] != 0) {
    // Level triggered: it would spin. Giving the batch back starts it again.
    if (!broken) control_[kStopped] = 1;
    return;
  }
  control_[kStopped] = 0;
  int error = fill(env, batchLimit_);
  // A device in the middle of its deletion answers POLLERR and EAGAIN; what it will answer in a moment is EBADFD.
  if (broken && control_[kCount] == 0 && error == 0) error = EBADFD;
  if (control_[kCount] > 0) {
    call(env, self, onReadable_);
    if (closed_) return;
    if (control_[kHolding] == 0 && pendingError_ != 0) {
      error = pendingError_;
      pendingError_ = 0;
    }
  }
  if (error == 0) return;
  wantReadable_ = false;
  control_[kReadErrno] = error;
  call(env, self, onError_);
}
