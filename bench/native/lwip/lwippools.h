// The pools mem_malloc takes from: what fits the headers of a segment, and what fits all of it. No guard: included twice.
LWIP_MALLOC_MEMPOOL_START
LWIP_MALLOC_MEMPOOL(65535, 160)
LWIP_MALLOC_MEMPOOL(65535, 1600)
LWIP_MALLOC_MEMPOOL_END
