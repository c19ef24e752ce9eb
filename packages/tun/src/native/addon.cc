// The addon's exports: open, describe, socketPair, Device. Source: Node-API version 9.
//
// Failures of system calls come back as { error, syscall }: ../errors.ts makes the Error with its code and
// its hint.
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <napi.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device.h"
#include "open_spec.h"

namespace {

int32_t getInt(const Napi::Object& object, const char* key) {
  return object.Get(key).ToNumber().Int32Value();
}
bool getBool(const Napi::Object& object, const char* key) { return object.Get(key).ToBoolean(); }

// ../open.ts has checked the lengths and says so politely; this only keeps memory safe.
bool getString(const Napi::Object& object, const char* key, char* into, size_t room) {
  std::string text = object.Get(key).ToString();
  if (text.size() >= room) return false;
  memcpy(into, text.c_str(), text.size() + 1);
  return true;
}

bool getBytes(const Napi::Object& object, const char* key, uint8_t* into, size_t length) {
  Napi::Value value = object.Get(key);
  if (!value.IsTypedArray()) return false;
  auto bytes = value.As<Napi::Uint8Array>();
  if (bytes.ByteLength() != length) return false;
  memcpy(into, bytes.Data(), length);
  return true;
}

bool readSpec(const Napi::Object& from, OpenSpec* spec) {
  *spec = OpenSpec{};
  if (!getString(from, "name", spec->name, sizeof spec->name) ||
      !getString(from, "device", spec->device, sizeof spec->device) ||
      !getString(from, "netnsPath", spec->netnsPath, sizeof spec->netnsPath))
    return false;
  spec->netns = getInt(from, "netns");
  spec->tap = getBool(from, "tap");
  spec->vnetHdr = getBool(from, "vnetHdr");
  spec->queues = getInt(from, "queues");
  spec->create = getBool(from, "create");
  spec->up = getBool(from, "up");
  spec->probe = getBool(from, "probe");
  spec->offload = static_cast<uint32_t>(getInt(from, "offload"));
  spec->sndbuf = getInt(from, "sndbuf");
  spec->mtu = getInt(from, "mtu");
  spec->txqueuelen = getInt(from, "txqueuelen");
  spec->txqueuelenMin = getBool(from, "txqueuelenMin");
  spec->hasAddress = getBytes(from, "address", spec->address, 4);
  spec->hasPeer = getBytes(from, "peer", spec->peer, 4);
  spec->prefixLength = static_cast<uint8_t>(getInt(from, "prefixLength"));
  spec->hasHwaddr = getBytes(from, "hwaddr", spec->hwaddr, 6);
  // Inside its user namespace the one-shot child is root, whoever started it.
  snprintf(spec->uidMap, sizeof spec->uidMap, "0 %u 1", static_cast<unsigned>(geteuid()));
  snprintf(spec->gidMap, sizeof spec->gidMap, "0 %u 1", static_cast<unsigned>(getegid()));
  return true;
}

Napi::Value open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto spec = std::make_unique<OpenSpec>();
  if (!info[0].IsObject() || !readSpec(info[0].As<Napi::Object>(), spec.get())) {
    Napi::RangeError::New(env, "open: a string is too long").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  OpenResult result;
  openDevice(*spec, &result);
  Napi::Object out = Napi::Object::New(env);
  out.Set("error", result.error);
  out.Set("syscall", result.syscall);
  out.Set("way", result.way);
  out.Set("fd", result.fd);
  out.Set("bulkFd", result.bulkFd);
  out.Set("netnsFd", result.netnsFd);
  out.Set("usernsFd", result.usernsFd);
  out.Set("monitorFd", result.monitorFd);
  out.Set("ifindex", result.ifindex);
  out.Set("flags", result.flags);
  out.Set("mtu", result.mtu);
  out.Set("txqueuelen", result.txqueuelen);
  out.Set("name", std::string(result.name, strnlen(result.name, IFNAMSIZ)));
  if (result.hasHwaddr) {
    auto hwaddr = Napi::Uint8Array::New(env, 6);
    memcpy(hwaddr.Data(), result.hwaddr, 6);
    out.Set("hwaddr", hwaddr);
  }
  return out;
}

// (fd) -> { name, tap, vnetHdr, vnetHdrSize }, or undefined for a descriptor that is not a TUN/TAP device.
Napi::Value describe(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = info[0].ToNumber().Int32Value();
  ifreq request{};
  if (ioctl(fd, TUNGETIFF, &request) != 0) return env.Undefined();
  int size = 10;
  ioctl(fd, TUNGETVNETHDRSZ, &size);
  Napi::Object out = Napi::Object::New(env);
  out.Set("name", std::string(request.ifr_name, strnlen(request.ifr_name, IFNAMSIZ)));
  out.Set("tap", (request.ifr_flags & IFF_TAP) != 0);
  out.Set("noPi", (request.ifr_flags & IFF_NO_PI) != 0);
  out.Set("vnetHdr", (request.ifr_flags & IFF_VNET_HDR) != 0);
  out.Set("vnetHdrSize", size);
  return out;
}

// (sequenced, sndbuf) -> [fd, fd] or an errno: a wire inside one process. Node has no way to make a
// socketpair.
Napi::Value socketPair(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int type = info[0].ToBoolean() ? SOCK_SEQPACKET : SOCK_DGRAM;
  int sndbuf = info[1].IsNumber() ? info[1].As<Napi::Number>().Int32Value() : -1;
  int pair[2];
  if (socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
    return Napi::Number::New(env, errno);
  if (sndbuf >= 0)
    for (int fd : pair) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof sndbuf);
  Napi::Array out = Napi::Array::New(env, 2);
  out.Set(0u, pair[0]);
  out.Set(1u, pair[1]);
  return out;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  // uv_min.h counts on this number; a libuv that renumbered its handles must not be given a wrong size.
  const char* kind = uv_handle_type_name(kUvPoll);
  if (kind == nullptr || strcmp(kind, "poll") != 0) {
    Napi::Error::New(env, "tunstack: this libuv numbers its handle types differently")
        .ThrowAsJavaScriptException();
    return exports;
  }
  exports.Set("open", Napi::Function::New(env, open, "open"));
  exports.Set("describe", Napi::Function::New(env, describe, "describe"));
  exports.Set("socketPair", Napi::Function::New(env, socketPair, "socketPair"));
  exports.Set("Device", Device::define(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(tunstack_tun, init)
