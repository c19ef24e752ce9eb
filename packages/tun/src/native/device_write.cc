// Batched, nonblocking packet I/O: arenas and the write side. Source: writev(2), kernel drivers/net/tun.c for
// the errnos; segments.h for what is done to a packet on the way.
#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "device.h"

namespace {

// The kernel refuses this packet for what is in it; the next one may go. EFAULT: its memory went away under
// it.
bool isPacketError(int error) { return error == EINVAL || error == EMSGSIZE || error == EFAULT; }

Marks marksOf(const int32_t* record) {
  const auto* marks = reinterpret_cast<const uint32_t*>(record + kMarks);
  return {marks[0], marks[1], marks[2], marks[3]};
}

// Few octets in several pieces are sooner copied than the kernel has looked at a list of pieces.
constexpr size_t kCopied = 256;

// Puts all pieces into `into`, of kCopied octets. Answers how many octets, or 0: they are more.
size_t join(Gathered packet, uint8_t* into) {
  size_t length = 0;
  for (uint32_t i = 0; i < packet.count; i++) {
    const iovec& piece = packet.pieces[i];
    if (piece.iov_len > kCopied - length) return 0;
    memcpy(into + length, piece.iov_base, piece.iov_len);
    length += piece.iov_len;
  }
  return length;
}

// One datagram or frame. Answers 0 or the errno.
int put(Queue* queue, Gathered packet) {
  uint8_t joined[kCopied];
  iovec all = packet.pieces[0];
  if (packet.count > 1) all = {joined, join(packet, joined)};
  ssize_t wrote;
  do {
    // Past glibc's cancellation points, which cost two atomic operations.
    wrote = all.iov_len > 0 ? syscall(SYS_write, queue->fd, all.iov_base, all.iov_len)
                            : syscall(SYS_writev, queue->fd, packet.pieces, packet.count);
  } while (wrote < 0 && errno == EINTR);
  return wrote < 0 ? errno : 0;
}

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

// (records): what write() goes by from now on. Kept alive until others are bound, or close(). Those in a SharedArrayBuffer
// cannot be detached, and need no look.
Napi::Value Device::bindRecords(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (closed_) return env.Undefined();
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    Napi::TypeError::New(env, "bindRecords(records: Int32Array)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  auto records = info[0].As<Napi::Int32Array>();
  writes_ = records.Data();
  writesLimit_ = static_cast<uint32_t>(std::min<size_t>(records.ElementLength() / kWriteStride, INT32_MAX));
  Napi::Object buffer = records.ArrayBuffer().As<Napi::Object>();
  writesShared_ = !buffer.IsArrayBuffer();
  writesBuffer_ = Napi::Persistent(buffer);
  return env.Undefined();
}

// Turns one record into an iovec; every integer is checked, because a wrong one would send another buffer's
// memory.
bool Device::gather(napi_env env, const int32_t* record, iovec* pieces, uint32_t* count) {
  int32_t n = record[0] & ~kBulk;
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
  *count = static_cast<uint32_t>(n);
  return good;
}

// A device with one queue has no other way for bulk.
Queue* Device::queueOf(const int32_t* record) {
  return (record[0] & kBulk) != 0 && bulk_.fd >= 0 ? &bulk_ : &first_;
}

// kWriteCount records from kWriteFrom on: kWritten of them were dealt with, that is written, or rejected (the count field
// becomes -errno).
napi_value Device::write(napi_env env, napi_callback_info info) {
  void* device = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &device);
  static_cast<Device*>(device)->send(env);
  return nullptr;
}

void Device::send(napi_env env) {
  if (closed_) {
    napi_throw_error(env, nullptr, "write: the device is closed");
    return;
  }
  uint32_t from = static_cast<uint32_t>(control_[kWriteFrom]);
  uint32_t count = static_cast<uint32_t>(control_[kWriteCount]);
  if (static_cast<uint64_t>(from) + count > writesLimit_ ||
      (!writesShared_ && isDetached(env, writesBuffer_))) {
    napi_throw_range_error(env, nullptr, "write: records do not hold that many packets");
    return;
  }
  if (++writeCall_ == 0) {  // wrapped: no arena may look checked
    for (Arena& arena : arenas_) arena.checkedIn = 0;
    writeCall_ = 1;
  }
  int error = 0;
  int32_t rejected = 0;
  uint32_t done = 0;
  uint32_t begun = static_cast<uint32_t>(control_[kWriteBegun]);
  for (; done < count; done++, begun = 0) {
    int32_t* record = writes_ + (from + done) * static_cast<size_t>(kWriteStride);
    iovec pieces[kMaxPieces];
    uint32_t used = 0;
    if (!gather(env, record, pieces, &used)) {
      napi_throw_range_error(env, nullptr, "write: a record is outside the bound arenas");
      return;
    }
    Queue* queue = queueOf(record);
    // Whoever is answered may answer within this very call, by the queue that we wrote to.
    queue->waiting = true;
    error = sendPacket(queue, {pieces, used}, marksOf(record), &begun);
    if (error == 0) continue;
    if (!isPacketError(error)) {
      blockedQueue_ = queue;
      break;
    }
    record[0] = -error;
    rejected++;
    error = 0;
  }
  control_[kWritten] = static_cast<int32_t>(done);
  control_[kWriteErrno] = error;
  control_[kRejected] = rejected;
  control_[kWriteBegun] = static_cast<int32_t>(begun);
}

// Answers 0 or the errno; then `begun` says how many segments of it are gone.
int Device::sendPacket(Queue* queue, Gathered packet, const Marks& marks, uint32_t* begun) {
  if (marks.start == 0) return put(queue, packet);
  if (marks.gsoSize > 0) return sendSegments(queue, packet, marks, begun);
  uint16_t before = 0;
  if (!completeChecksum(packet, marks, &before)) return EINVAL;
  int error = put(queue, packet);
  if (error != 0) putChecksumBack(packet, marks, before);
  return error;
}

int Device::sendSegments(Queue* queue, Gathered packet, const Marks& marks, uint32_t* begun) {
  if (!segments_.begin(packet, marks)) return EINVAL;
  for (uint32_t i = *begun; i < segments_.count(); i++) {
    int error = put(queue, segments_.cut(i));
    if (error == 0) continue;
    *begun = i;
    return error;
  }
  return 0;
}
