// Batched, nonblocking packet I/O: the read side. Source: docs/decisions/0017-bulk-waits.md for the second queue, segments.h for
// what is verified.
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "device.h"

struct Device::Batch {
  uint32_t count = 0;
  size_t used = 0;  // octets of the slab
  int error = 0;
};

// Packets of one queue, behind those of the batch: until there are `limit`, `octets` have come, `end` of the slab is near,
// or nothing is left.
void Device::fillFrom(Queue* queue, uint32_t limit, size_t end, size_t octets, Batch* batch) {
  int32_t* records = control_ + kRecords;
  size_t taken = 0;
  while (batch->count < limit && taken < octets) {
    size_t start = batch->used + headroom_;
    start += (4 - (start + align_) % 4) % 4;
    if (start + kReadRoom > end) break;
    ssize_t got;
    do {
      got = syscall(SYS_read, queue->fd, slab_ + start, kReadRoom);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
      queue->waiting = false;
      if (got == 0)
        batch->error = kEndOfStream;
      else if (errno != EAGAIN && errno != EWOULDBLOCK)
        batch->error = errno;
      return;
    }
    records[batch->count * 2] = static_cast<int32_t>(start);
    int32_t verified = kVerified * verifies(slab_ + start, static_cast<size_t>(got));
    records[batch->count * 2 + 1] = static_cast<int32_t>(got) + verified;
    batch->count++;
    batch->used = start + static_cast<size_t>(got);
    taken += static_cast<size_t>(got);
  }
  queue->waiting = true;
}

int32_t Device::verifies(const uint8_t* packet, size_t length) const {
  int32_t verify = control_[kVerify];
  return verify > 0 && checksumHolds(packet, length, static_cast<size_t>(verify) - 1) ? 1 : 0;
}

// Octets of bulk that this batch may have. While others have packets each time, bulk waits, for they are few and their answer
// asks for the next; when its patience is over it has the rest of the slab.
size_t Device::bulkShare(bool others) {
  if (!others) {
    bulkSinceNs_ = 0;
    return static_cast<size_t>(control_[kBulkOctets]);
  }
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  int64_t ns = static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
  if (bulkSinceNs_ == 0) bulkSinceNs_ = ns;
  if (ns - bulkSinceNs_ < int64_t{1000} * control_[kPatienceUs]) return 0;
  bulkSinceNs_ = 0;
  return SIZE_MAX;
}

// Fills the slab by bump: each packet goes to the next place with kReadRoom free octets, its network header on 4. First
// what is no bulk, then its share of bulk. Answers the error that nothing came before: errno, kEndOfStream or 0.
int Device::fill(napi_env env, uint32_t limit) {
  Batch batch;
  batch.error = pendingError_;
  pendingError_ = 0;
  if (batch.error == 0 && isDetached(env, slabBuffer_)) batch.error = EFAULT;
  if (batch.error == 0) {
    bool shared = bulk_.waiting && limit > 1 && slabLength_ >= 4 * kReadRoom;
    fillFrom(&first_, shared ? limit / 2 : limit, shared ? slabLength_ / 2 : slabLength_, SIZE_MAX, &batch);
    if (bulk_.waiting && batch.error == 0 && batch.count < limit)
      fillFrom(&bulk_, limit, slabLength_, bulkShare(batch.count > 0), &batch);
  }
  if (batch.count > 0 && batch.error != 0) {
    pendingError_ = batch.error;  // the packets first
    batch.error = 0;
  }
  bool drained = batch.error == 0 && pendingError_ == 0 && !first_.waiting && !bulk_.waiting;
  control_[kCount] = static_cast<int32_t>(batch.count);
  control_[kDrained] = drained ? 1 : 0;
  control_[kReadErrno] = batch.error;
  control_[kHolding] = batch.count > 0 ? 1 : 0;
  return batch.error;
}

// Small packets that come one at a time are asks and answers: the next one comes when this one is answered, and a read of
// EAGAIN behind each is 3 % of a ping. So a few are read without it; the loop, which a turn goes back to within a
// millisecond, empties the queue.
uint32_t Device::readLimit() {
  uint32_t limit = std::min(batchLimit_, static_cast<uint32_t>(control_[kReadLimit]));
  bool one = control_[kCount] == 1 && control_[kRecords + 1] % kVerified <= kSmall && !bulk_.waiting;
  if (!one) oneByOne_ = 0;
  else if (control_[kDrained] != 0) oneByOne_ = kOneByOne;
  if (oneByOne_ == 0) return limit;
  oneByOne_--;
  return std::min<uint32_t>(limit, 1);
}

// Up to kReadLimit packets; kCount says how many came.
napi_value Device::read(napi_env env, napi_callback_info info) {
  void* device = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &device);
  Device* self = static_cast<Device*>(device);
  if (self->closed_) return nullptr;
  if (self->fill(env, self->readLimit()) != 0) self->wantReadable_ = false;
  if (self->control_[kHolding] == 0) self->control_[kStopped] = 0;
  self->applyWatch();
  return nullptr;
}
