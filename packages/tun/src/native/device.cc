// Batched, nonblocking packet I/O: life cycle and the read side. Source: docs.libuv.org uv_poll, kernel
// tuntap.rst.
#include "device.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <initializer_list>

namespace {

bool rangeError(Napi::Env env, const char* text) {
  Napi::RangeError::New(env, text).ThrowAsJavaScriptException();
  return false;
}

}  // namespace

Napi::Function Device::define(Napi::Env env) {
  return DefineClass(env, "Device",
                     {
                         InstanceMethod<&Device::read>("read"),
                         InstanceMethod<&Device::consumed>("consumed"),
                         InstanceMethod<&Device::write>("write"),
                         InstanceMethod<&Device::bindArena>("bindArena"),
                         InstanceMethod<&Device::unbindArena>("unbindArena"),
                         InstanceMethod<&Device::watchReadable>("watchReadable"),
                         InstanceMethod<&Device::watchWritable>("watchWritable"),
                         InstanceMethod<&Device::setRef>("setRef"),
                         InstanceMethod<&Device::close>("close"),
                     });
}

// (fd, slab, records, status, headroom, align, ownsFd, onReadable, onWritable, onError)
Device::Device(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Device>(info) {
  Napi::Env env = info.Env();
  if (info.Length() < 10 || !info[0].IsNumber() || !info[1].IsTypedArray() || !info[2].IsTypedArray() ||
      !info[3].IsTypedArray() || !info[4].IsNumber() || !info[5].IsNumber() || !info[7].IsFunction() ||
      !info[8].IsFunction() || !info[9].IsFunction()) {
    Napi::TypeError::New(env, "Device: wrong arguments").ThrowAsJavaScriptException();
    return;
  }
  auto slab = info[1].As<Napi::TypedArray>();
  auto records = info[2].As<Napi::TypedArray>();
  auto status = info[3].As<Napi::TypedArray>();
  if (slab.TypedArrayType() != napi_uint8_array || records.TypedArrayType() != napi_int32_array ||
      status.TypedArrayType() != napi_int32_array) {
    Napi::TypeError::New(env, "Device: slab is a Uint8Array, records and status are Int32Array")
        .ThrowAsJavaScriptException();
    return;
  }
  headroom_ = info[4].As<Napi::Number>().Uint32Value();
  align_ = info[5].As<Napi::Number>().Uint32Value();
  slab_ = slab.As<Napi::Uint8Array>().Data();
  slabLength_ = slab.ByteLength();
  records_ = records.As<Napi::Int32Array>().Data();
  status_ = status.As<Napi::Int32Array>().Data();
  batchLimit_ = std::min<size_t>(records.ElementLength() / 2, kMaxBatch);
  bool placesFit = headroom_ <= 4096 && align_ <= 64 && reinterpret_cast<uintptr_t>(slab_) % 4 == 0;
  bool roomFits = slabLength_ >= kReadRoom + headroom_ + 4 && slabLength_ <= INT32_MAX;
  if (!placesFit || !roomFits || batchLimit_ == 0 || status.ElementLength() < kStatusSlots) {
    rangeError(env, "Device: slab, records, status, headroom or align out of range");
    return;
  }
  slabBuffer_ = Napi::Persistent(slab.ArrayBuffer().As<Napi::Object>());
  recordsBuffer_ = Napi::Persistent(records.ArrayBuffer().As<Napi::Object>());
  statusBuffer_ = Napi::Persistent(status.ArrayBuffer().As<Napi::Object>());

  fd_ = info[0].As<Napi::Number>().Int32Value();
  ownsFd_ = info[6].ToBoolean();
  int error = 0;
  poller_ = Poller::create(env, fd_, this, &error);
  if (poller_ == nullptr) {
    auto failure = Napi::Error::New(env, "uv_poll_init failed");
    failure.Set("errno", Napi::Number::New(env, error));
    failure.ThrowAsJavaScriptException();
    return;
  }
  onReadable_ = Napi::Persistent(info[7].As<Napi::Function>());
  onWritable_ = Napi::Persistent(info[8].As<Napi::Function>());
  onError_ = Napi::Persistent(info[9].As<Napi::Function>());
  context_ = std::make_unique<Napi::AsyncContext>(env, "tunstack.Device");
  closed_ = false;
  Ref();  // lives until close(), like any open socket
}

Device::~Device() {
  // Only reached after close(), after the environment's end, or when the constructor threw.
  if (poller_ != nullptr) poller_->close();
}

void Device::onEnvironmentEnd() {
  poller_ = nullptr;  // it deletes itself
  closed_ = true;
  if (ownsFd_ && fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void Device::release() {
  closed_ = true;
  if (poller_ != nullptr) poller_->close();
  poller_ = nullptr;
  // libuv has taken the descriptor out of epoll in uv_close, so the number may be reused from here on.
  if (ownsFd_ && fd_ >= 0) ::close(fd_);
  fd_ = -1;
  slab_ = nullptr;
  slabLength_ = 0;
  arenas_.clear();
  slabBuffer_.Reset();
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

bool Device::isDetached(Napi::Env env, const Napi::ObjectReference& buffer) {
  bool detached = true;
  napi_is_detached_arraybuffer(env, buffer.Value(), &detached);
  return detached;
}

// Fills the slab by bump: each packet goes to the next place with kReadRoom free octets, its network header
// on 4.
Device::Batch Device::fill(Napi::Env env, uint32_t limit) {
  Batch batch{0, false, pendingError_};
  pendingError_ = 0;
  if (batch.error != 0) return batch;
  if (isDetached(env, slabBuffer_) || isDetached(env, recordsBuffer_)) {
    batch.error = EFAULT;
    return batch;
  }
  size_t used = 0;
  while (batch.count < limit) {
    size_t start = used + headroom_;
    start += (4 - (start + align_) % 4) % 4;
    if (start + kReadRoom > slabLength_) break;
    ssize_t got;
    do {
      got = ::read(fd_, slab_ + start, kReadRoom);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        batch.drained = true;
      } else {
        batch.error = got == 0 ? kEndOfStream : errno;
      }
      break;
    }
    records_[batch.count * 2] = static_cast<int32_t>(start);
    records_[batch.count * 2 + 1] = static_cast<int32_t>(got);
    batch.count++;
    used = start + static_cast<size_t>(got);
  }
  if (batch.count > 0 && batch.error != 0) {
    pendingError_ = batch.error;  // the packets first
    batch.error = 0;
  }
  return batch;
}

Napi::Value Device::read(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (closed_) return Napi::Number::New(env, 0);
  uint32_t limit = batchLimit_;
  if (info.Length() > 0 && info[0].IsNumber())
    limit = std::min(limit, info[0].As<Napi::Number>().Uint32Value());
  Batch batch = fill(env, limit);
  holding_ = batch.count > 0;
  status_[kReadErrno] = batch.error;
  status_[kDrained] = batch.drained ? 1 : 0;
  if (batch.error != 0) wantReadable_ = false;
  applyWatch();
  return Napi::Number::New(env, batch.count);
}

Napi::Value Device::consumed(const Napi::CallbackInfo& info) {
  holding_ = false;
  if (!closed_) applyWatch();
  return info.Env().Undefined();
}

Napi::Value Device::watchReadable(const Napi::CallbackInfo& info) {
  wantReadable_ = info[0].ToBoolean();
  if (!closed_) applyWatch();
  return info.Env().Undefined();
}

Napi::Value Device::watchWritable(const Napi::CallbackInfo& info) {
  wantWritable_ = info[0].ToBoolean();
  if (!closed_) applyWatch();
  return info.Env().Undefined();
}

Napi::Value Device::setRef(const Napi::CallbackInfo& info) {
  if (poller_ != nullptr) poller_->setRef(info[0].ToBoolean());
  return info.Env().Undefined();
}

// Readability stays watched while JS holds a batch until an event says that more has come (onPoll): in the
// usual case the batch is consumed in the same callback and epoll is not touched.
void Device::applyWatch() {
  int events = (wantWritable_ ? kUvWritable : 0);
  bool stoppedForHolding = holding_ && !(poller_->watched() & kUvReadable);
  if (wantReadable_ && !stoppedForHolding) events |= kUvReadable;
  poller_->watch(events);
}

void Device::call(const Napi::FunctionReference& callback, std::initializer_list<napi_value> arguments) {
  Napi::Env env = Env();
  napi_value result;
  // make_callback: promises and nextTick callbacks of the handler run before the loop goes on.
  napi_status status = napi_make_callback(env, *context_, Value(), callback.Value(), arguments.size(),
                                          arguments.begin(), &result);
  bool pending = status == napi_pending_exception;
  if (!pending) napi_is_exception_pending(env, &pending);
  if (pending) {
    napi_value error;
    // What a handler throws is an uncaught exception, as in any other callback of the event loop.
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }
}

void Device::onPoll(int status, int events) {
  if (closed_) return;
  Napi::Env env = Env();
  Napi::HandleScope scope(env);
  [[maybe_unused]] Napi::Value self = Value();  // keeps this object through a close() inside a callback
  bool broken = status < 0;
  if (broken) {
    // POLLERR stays until it is dealt with: watching for anything else as well would spin.
    events = kUvReadable;
    wantReadable_ = true;
    wantWritable_ = false;
  }

  if ((events & kUvReadable) && wantReadable_) {
    if (holding_ && !broken) {
      // Level triggered: it would spin. consumed() starts it again.
      poller_->watch(poller_->watched() & ~kUvReadable);
    } else if (!holding_) {
      Batch batch = fill(env, batchLimit_);
      // A device in the middle of its deletion answers POLLERR and EAGAIN; what it will answer in a moment is
      // EBADFD.
      if (broken && batch.count == 0 && batch.error == 0) batch.error = EBADFD;
      if (batch.count > 0) {
        holding_ = true;
        status_[kReadErrno] = 0;
        status_[kDrained] = batch.drained ? 1 : 0;
        auto drained = Napi::Number::New(env, batch.drained ? 1 : 0);
        call(onReadable_, {Napi::Number::New(env, batch.count), drained});
        if (closed_) return;
        if (!holding_ && pendingError_ != 0) {
          batch.error = pendingError_;
          pendingError_ = 0;
        }
      }
      if (batch.error != 0) {
        wantReadable_ = false;
        status_[kReadErrno] = batch.error;
        call(onError_, {Napi::Number::New(env, batch.error)});
        if (closed_) return;
      }
    }
  }
  if (events & kUvWritable) {
    wantWritable_ = false;  // one shot: JS asks again after the next EAGAIN
    applyWatch();
    call(onWritable_, {});
    if (closed_) return;
  }
  applyWatch();
}
