// Big-endian reads and writes at an offset. Index reads of a Uint8Array: the result is int32 and never boxes.

/** The unsigned 16-bit value at `o`. */
export function rd16(b: Uint8Array, o: number): number {
  return (b[o] << 8) | b[o + 1];
}

/** The 32-bit word at `o`, as int32. */
export function rd32(b: Uint8Array, o: number): number {
  return (b[o] << 24) | (b[o + 1] << 16) | (b[o + 2] << 8) | b[o + 3];
}

/** Writes the low 16 bits of `v`. */
export function wr16(b: Uint8Array, o: number, v: number): void {
  b[o] = v >> 8;
  b[o + 1] = v;
}

/** Writes an int32. */
export function wr32(b: Uint8Array, o: number, v: number): void {
  b[o] = v >> 24;
  b[o + 1] = v >> 16;
  b[o + 2] = v >> 8;
  b[o + 3] = v;
}

/** Little-endian 16 bits, for the virtio-net header. */
export function rd16le(b: Uint8Array, o: number): number {
  return b[o] | (b[o + 1] << 8);
}

/** Little-endian 16 bits, for the virtio-net header. */
export function wr16le(b: Uint8Array, o: number, v: number): void {
  b[o] = v;
  b[o + 1] = v >> 8;
}
