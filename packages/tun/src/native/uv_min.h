// The few libuv functions the addon calls, declared by hand. Source: libuv 1.19 and later, docs.libuv.org
// "uv_poll_t", "uv_handle_t", "uv_thread_t".
//
// Why not <uv.h>: node-api-headers does not ship it, and the plain g++ build must work without downloading
// Node's headers. Every type is opaque and uv_poll_t is allocated with uv_handle_size(), so no libuv struct
// layout is baked into the binary. Two numbers are (kUvPoll, the event bits): they are libuv's ABI since 1.0,
// native/uv_check.cc compares them and the prototypes with the real header where there is one, and the addon
// refuses to load if type kUvPoll is not named "poll".
#pragma once

#include <pthread.h>
#include <stddef.h>

constexpr int kUvPoll = 8;
constexpr int kUvReadable = 1;
constexpr int kUvWritable = 2;

extern "C" {
typedef struct uv_loop_s uv_loop_t;
typedef struct uv_handle_s uv_handle_t;
typedef struct uv_poll_s uv_poll_t;
typedef pthread_t uv_thread_t;
typedef void (*uv_thread_cb)(void* argument);
typedef void (*uv_close_cb)(uv_handle_t* handle);
typedef void (*uv_poll_cb)(uv_poll_t* handle, int status, int events);

#ifndef UV_H  // these two take an enum in uv.h; an enum argument is passed as an int
size_t uv_handle_size(int type);
const char* uv_handle_type_name(int type);
#endif
int uv_poll_init(uv_loop_t* loop, uv_poll_t* handle, int fd);
int uv_poll_start(uv_poll_t* handle, int events, uv_poll_cb callback);
int uv_poll_stop(uv_poll_t* handle);
void uv_close(uv_handle_t* handle, uv_close_cb callback);
void* uv_handle_get_data(const uv_handle_t* handle);
void uv_handle_set_data(uv_handle_t* handle, void* data);
void uv_ref(uv_handle_t* handle);
void uv_unref(uv_handle_t* handle);
int uv_thread_create(uv_thread_t* thread, uv_thread_cb entry, void* argument);
int uv_thread_join(uv_thread_t* thread);
}
