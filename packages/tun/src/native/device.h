// Batched, nonblocking packet I/O on one descriptor. Source: docs of the TypeScript face, ../device.ts.
#pragma once

#include <napi.h>
#include <sys/types.h>

#include <initializer_list>
#include <memory>
#include <vector>

#include "poller.h"

// Slots of the `status` Int32Array shared with JS.
enum StatusSlot { kReadErrno = 0, kDrained = 1, kWriteErrno = 2, kRejected = 3, kStatusSlots = 4 };

// One packet in a write batch: n, then n x (arena, offset, length).
constexpr uint32_t kMaxPieces = 4;
constexpr uint32_t kWriteStride = 1 + 3 * kMaxPieces;
constexpr uint32_t kMaxBatch = 256;
constexpr size_t kReadRoom = 65600;
constexpr uint32_t kMaxArenas = 65536;
constexpr int kEndOfStream = -1;  // in kReadErrno and onError: a read of 0 octets, which has no errno

class Device : public Napi::ObjectWrap<Device>, public PollerOwner {
 public:
  static Napi::Function define(Napi::Env env);
  explicit Device(const Napi::CallbackInfo& info);
  ~Device();

  void onPoll(int status, int events) override;
  void onEnvironmentEnd() override;

 private:
  struct Arena {
    uint8_t* data = nullptr;
    size_t length = 0;
    uint32_t checkedIn = 0;  // the write call that last looked whether it is detached
    Napi::ObjectReference buffer;
  };
  struct Batch {
    uint32_t count;
    bool drained;
    int error;  // errno, kEndOfStream or 0
  };

  Napi::Value read(const Napi::CallbackInfo& info);
  Napi::Value consumed(const Napi::CallbackInfo& info);
  Napi::Value write(const Napi::CallbackInfo& info);
  Napi::Value bindArena(const Napi::CallbackInfo& info);
  Napi::Value unbindArena(const Napi::CallbackInfo& info);
  Napi::Value watchReadable(const Napi::CallbackInfo& info);
  Napi::Value watchWritable(const Napi::CallbackInfo& info);
  Napi::Value setRef(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  Batch fill(Napi::Env env, uint32_t limit);
  bool gather(Napi::Env env, const int32_t* record, struct iovec* pieces, uint32_t* count);
  bool isDetached(Napi::Env env, const Napi::ObjectReference& buffer);
  void applyWatch();
  void call(const Napi::FunctionReference& callback, std::initializer_list<napi_value> arguments);
  void release();

  int fd_ = -1;
  bool ownsFd_ = true;
  Poller* poller_ = nullptr;
  bool closed_ = true;

  bool wantReadable_ = false;  // JS wants batches
  bool wantWritable_ = false;
  bool holding_ = false;  // JS is looking at the slab
  int pendingError_ = 0;  // seen by a read that also brought packets

  uint8_t* slab_ = nullptr;
  size_t slabLength_ = 0;
  int32_t* records_ = nullptr;
  uint32_t batchLimit_ = 0;
  int32_t* status_ = nullptr;
  uint32_t headroom_ = 0;
  uint32_t align_ = 0;
  uint32_t writeCall_ = 0;

  Napi::ObjectReference slabBuffer_, recordsBuffer_, statusBuffer_;
  Napi::FunctionReference onReadable_, onWritable_, onError_;
  std::vector<Arena> arenas_;
  std::unique_ptr<Napi::AsyncContext> context_;
};
