// Batched, nonblocking packet I/O on one device: its queue, and a second for bulk where there is one. Source: docs of the
// TypeScript face, ../device.ts.
#pragma once

#include <napi.h>
#include <sys/types.h>

#include <memory>
#include <vector>

#include "poller.h"
#include "segments.h"

// Slots of the `control` Int32Array, by which one wake-up costs one call each way, without arguments; from kRecords on it
// holds [offset, length] of each packet of the batch, length + kVerified where its checksum was verified and holds.
enum ControlSlot {
  kCount,       // packets in the slab
  kDrained,     // 1: nothing was left behind them
  kReadErrno,   // errno, kEndOfStream or 0
  kReadLimit,   // from JS: packets that read() takes at most
  kHolding,     // 1: the batch lies in the slab; JS clears it
  kStopped,     // 1: not watched, because more came while JS was holding a batch
  kWriteFrom,   // from JS: the first record that write() sends
  kWriteCount,  // from JS: records
  kWritten,     // records dealt with
  kWriteErrno,  // what stopped write(), or 0
  kRejected,    // packets refused for what is in them
  kBulkOctets,  // from JS: a read takes no further packet of the second queue after so many octets of it
  kWriteBegun,  // segments of the first record that are gone: from JS, and what write() left
  kVerify,      // from JS: 0, or 1 + where IPv4 begins in a packet, whose transport checksum is then verified
  kPatienceUs,  // from JS: bulk waits for so long while each read of the first queue brings something
  kRecords = 16
};

// One packet in a write batch: n + kBulk if it goes by the second queue, then n x (arena, offset, length), and from kMarks on
// what segments.h calls its marks.
constexpr uint32_t kMaxPieces = 4;
constexpr uint32_t kMarks = 1 + 3 * kMaxPieces;
constexpr uint32_t kWriteStride = kMarks + 4;
constexpr int32_t kBulk = 256;
constexpr int32_t kVerified = 1 << 30;
constexpr uint32_t kMaxBatch = 256;
constexpr int32_t kSmall = 256;      // octets of a packet that may be read alone
constexpr uint32_t kOneByOne = 16;   // such reads in a row; then the queue is emptied once
constexpr size_t kReadRoom = 65600;
constexpr uint32_t kMaxArenas = 65536;
constexpr int kEndOfStream = -1;  // in kReadErrno and onError: a read of 0 octets, which has no errno

class Device;

// One queue of the device: the kernel has a ring for each, and puts a flow into that by which its last packet was written
// (drivers/net/tun.c, tun_flow_update).
struct Queue : PollerOwner {
  Device* device = nullptr;
  int fd = -1;
  Poller* poller = nullptr;
  bool waiting = false;      // there may be packets: the last read did not end in EAGAIN, or the loop says so
  bool wantWritable = false; // it answered EAGAIN to a write

  void onPoll(int status, int events) override;
  void onEnvironmentEnd() override;
};

class Device : public Napi::ObjectWrap<Device> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit Device(const Napi::CallbackInfo& info);
  ~Device();

  void onPoll(Queue* queue, int status, int events);
  void onEnvironmentEnd(Queue* queue);

 private:
  struct Arena {
    uint8_t* data = nullptr;
    size_t length = 0;
    uint32_t checkedIn = 0;  // the write call that last looked whether it is detached
    Napi::ObjectReference buffer;
  };

  // The three that a turn may call, without arguments.
  static napi_value read(napi_env env, napi_callback_info info);
  static napi_value resume(napi_env env, napi_callback_info info);
  static napi_value write(napi_env env, napi_callback_info info);
  Napi::Value bindRecords(const Napi::CallbackInfo& info);
  Napi::Value bindArena(const Napi::CallbackInfo& info);
  Napi::Value unbindArena(const Napi::CallbackInfo& info);
  Napi::Value watchReadable(const Napi::CallbackInfo& info);
  Napi::Value watchWritable(const Napi::CallbackInfo& info);
  Napi::Value setRef(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  bool takeControl(Napi::Env env, const Napi::Value& value);
  bool addHotCalls(napi_env env);
  struct Batch;
  int fill(napi_env env, uint32_t limit);
  void fillFrom(Queue* queue, uint32_t limit, size_t end, size_t octets, Batch* batch);
  size_t bulkShare(bool others);
  int32_t verifies(const uint8_t* packet, size_t length) const;
  uint32_t readLimit();
  bool watch(Napi::Env env, Queue* queue, int fd);
  Queue* queueOf(const int32_t* record);
  void send(napi_env env);
  int sendPacket(Queue* queue, Gathered packet, const Marks& marks, uint32_t* begun);
  int sendSegments(Queue* queue, Gathered packet, const Marks& marks, uint32_t* begun);
  void onReadable(napi_env env, napi_value self, bool broken);
  bool gather(napi_env env, const int32_t* record, struct iovec* pieces, uint32_t* count);
  static bool isDetached(napi_env env, const Napi::ObjectReference& buffer);
  void applyWatch();
  void call(napi_env env, napi_value self, const Napi::FunctionReference& callback);
  void release();

  Queue first_;
  Queue bulk_;  // fd -1: the device has one queue
  bool ownsFds_ = true;
  bool closed_ = true;
  int64_t bulkSinceNs_ = 0;  // since when bulk waits; 0: it does not

  bool wantReadable_ = false;      // JS wants batches
  Queue* blockedQueue_ = nullptr;  // the one that the last write() stopped at
  int pendingError_ = 0;  // seen by a read that also brought packets

  uint8_t* slab_ = nullptr;
  size_t slabLength_ = 0;
  uint32_t batchLimit_ = 0;
  int32_t* control_ = nullptr;
  int32_t* writes_ = nullptr;  // the records that write() goes by
  uint32_t writesLimit_ = 0;
  bool writesShared_ = false;
  uint32_t oneByOne_ = 0;  // so many reads more take a single packet, without asking for another
  uint32_t headroom_ = 0;
  uint32_t align_ = 0;
  uint32_t writeCall_ = 0;
  Segments segments_;

  Napi::ObjectReference slabBuffer_, controlArray_, writesBuffer_;
  Napi::FunctionReference onReadable_, onWritable_, onError_;
  std::vector<Arena> arenas_;
  std::unique_ptr<Napi::AsyncContext> context_;
};
