// What lwIP asks of its compiler and its host, here: gcc or clang, a libc, a little-endian or big-endian machine.
#pragma once

#include <stdint.h>
#include <stdlib.h>

#define LWIP_PLATFORM_DIAG(x)
#define LWIP_NOASSERT
#define LWIP_RAND() ((uint32_t)random())
#define LWIP_TIMEVAL_PRIVATE 0

// lwIP's own are functions in another file: called some twenty times a segment.
#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define lwip_htons(x) __builtin_bswap16(x)
#define lwip_htonl(x) __builtin_bswap32(x)
#else
#define lwip_htons(x) ((uint16_t)(x))
#define lwip_htonl(x) ((uint32_t)(x))
#endif

#ifdef VECTOR_SUM
// The place lwIP leaves for a faster sum than its three (RFC 1071; words in memory order, not complemented).
uint16_t sum_words(const void *data, int length);
#define LWIP_CHKSUM sum_words
#else
// The fastest of the three.
#define LWIP_CHKSUM_ALGORITHM 3
#endif
