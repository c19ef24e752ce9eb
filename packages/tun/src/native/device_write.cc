// Batched, nonblocking packet I/O: arenas and the write side. Source: writev(2), kernel drivers/net/tun.c for
// the errnos.
#include <errno.h>
#include <sys/uio.h>

#include "device.h"

namespace {

// The kernel refuses this packet for what is in it; the next one may go. EFAULT: its memory went away under
// it.
bool isPacketError(int error) { return error == EINVAL || error == EMSGSIZE || error == EFAULT; }

}  // namespace

// (id, Uint8Array)
Napi::Value Device::bindArena(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (closed_) return env.Undefined();
  if (info.Length() < 2 || !info[0].IsNumber() || !info[1].IsTypedArray() ||
      info[1].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    Napi::TypeError::New(env, "bindArena(id: number, bytes: Uint8Array)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  int64_t id = info[0].As<Napi::Number>().Int64Value();
  auto bytes = info[1].As<Napi::Uint8Array>();
  if (id < 0 || id >= kMaxArenas || bytes.ByteLength() > INT32_MAX) {
    Napi::RangeError::New(env, "bindArena: id or length out of range").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  if (static_cast<size_t>(id) >= arenas_.size()) arenas_.resize(static_cast<size_t>(id) + 1);
  Arena& arena = arenas_[static_cast<size_t>(id)];
  arena.data = bytes.Data();
  arena.length = bytes.ByteLength();
  arena.checkedIn = 0;
  arena.buffer = Napi::Persistent(bytes.ArrayBuffer().As<Napi::Object>());
  return env.Undefined();
}

Napi::Value Device::unbindArena(const Napi::CallbackInfo& info) {
  uint32_t id = info[0].ToNumber().Uint32Value();
  if (id < arenas_.size()) arenas_[id] = Arena();
  return info.Env().Undefined();
}

// Turns one record into an iovec; every integer is checked, because a wrong one would send another buffer's
// memory.
bool Device::gather(Napi::Env env, const int32_t* record, iovec* pieces, uint32_t* count) {
  int32_t n = record[0];
  bool good = n >= 1 && n <= static_cast<int32_t>(kMaxPieces);
  for (int32_t i = 0; good && i < n; i++) {
    int32_t id = record[1 + i * 3], offset = record[2 + i * 3], length = record[3 + i * 3];
    good = id >= 0 && static_cast<size_t>(id) < arenas_.size() && offset >= 0 && length >= 0;
    if (!good) break;
    Arena& arena = arenas_[static_cast<size_t>(id)];
    good = arena.data != nullptr && static_cast<size_t>(offset) + static_cast<size_t>(length) <= arena.length;
    if (good && arena.checkedIn != writeCall_) {
      good = !isDetached(env, arena.buffer);
      arena.checkedIn = writeCall_;
    }
    if (good) pieces[i] = {arena.data + offset, static_cast<size_t>(length)};
  }
  if (!good) {
    Napi::RangeError::New(env, "write: a record is outside the bound arenas").ThrowAsJavaScriptException();
    return false;
  }
  *count = static_cast<uint32_t>(n);
  return true;
}

// (records, from, count) -> packets dealt with: written, or rejected (its count field becomes -errno).
Napi::Value Device::write(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uint32_t from = info[1].IsNumber() ? info[1].As<Napi::Number>().Uint32Value() : 0;
  uint32_t count = info[2].IsNumber() ? info[2].As<Napi::Number>().Uint32Value() : 0;
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  if (!info[0].IsTypedArray() ||
      napi_get_typedarray_info(env, info[0], &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_int32_array || (static_cast<uint64_t>(from) + count) * kWriteStride > length) {
    Napi::RangeError::New(env, "write: records do not hold that many packets").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  if (closed_) {
    Napi::Error::New(env, "write: the device is closed").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  if (++writeCall_ == 0) {  // wrapped: no arena may look checked
    for (Arena& arena : arenas_) arena.checkedIn = 0;
    writeCall_ = 1;
  }
  auto* records = static_cast<int32_t*>(data);
  status_[kWriteErrno] = 0;
  status_[kRejected] = 0;
  uint32_t done = 0;
  for (; done < count; done++) {
    int32_t* record = records + (from + done) * static_cast<size_t>(kWriteStride);
    iovec pieces[kMaxPieces];
    uint32_t used = 0;
    if (!gather(env, record, pieces, &used)) return env.Undefined();
    ssize_t wrote;
    do {
      wrote = ::writev(fd_, pieces, static_cast<int>(used));
    } while (wrote < 0 && errno == EINTR);
    if (wrote >= 0) continue;
    int error = errno;
    if (!isPacketError(error)) {
      status_[kWriteErrno] = error;
      break;
    }
    record[0] = -error;
    status_[kRejected]++;
  }
  return Napi::Number::New(env, done);
}
