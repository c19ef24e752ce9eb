// Compiles only if uv_min.h agrees with the real uv.h: prototypes by redeclaration, numbers by assertion. A
// test runs g++ on it.
#include <uv.h>

#include "uv_min.h"

static_assert(kUvPoll == UV_POLL);
static_assert(kUvReadable == UV_READABLE);
static_assert(kUvWritable == UV_WRITABLE);
static_assert(sizeof(uv_handle_type) == sizeof(int));
