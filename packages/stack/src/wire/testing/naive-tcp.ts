// A second TCP codec, naive on purpose: DataViews, slices and objects, one option after the other. The first is judged by it.

/** The header's fields, each flag by itself. */
export interface NaiveTcp {
  sourcePort: number;
  destinationPort: number;
  /** int32 */
  seq: number;
  ack: number;
  /** Words. */
  dataOffset: number;
  /** The four bits behind the data offset. */
  reserved: number;
  cwr: boolean;
  ece: boolean;
  urg: boolean;
  ackFlag: boolean;
  psh: boolean;
  rst: boolean;
  syn: boolean;
  fin: boolean;
  window: number;
  checksum: number;
  urgent: number;
}

export function readNaiveTcp(header: Uint8Array): NaiveTcp {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const bits = view.getUint16(12).toString(2).padStart(16, '0');
  return {
    sourcePort: view.getUint16(0),
    destinationPort: view.getUint16(2),
    seq: view.getInt32(4),
    ack: view.getInt32(8),
    dataOffset: Number.parseInt(bits.slice(0, 4), 2),
    reserved: Number.parseInt(bits.slice(4, 8), 2),
    cwr: bits[8] === '1',
    ece: bits[9] === '1',
    urg: bits[10] === '1',
    ackFlag: bits[11] === '1',
    psh: bits[12] === '1',
    rst: bits[13] === '1',
    syn: bits[14] === '1',
    fin: bits[15] === '1',
    window: view.getUint16(14),
    checksum: view.getUint16(16),
    urgent: view.getUint16(18),
  };
}

export function writeNaiveTcp(fields: NaiveTcp): Uint8Array {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint16(0, fields.sourcePort);
  view.setUint16(2, fields.destinationPort);
  view.setInt32(4, fields.seq);
  view.setInt32(8, fields.ack);
  const { cwr, ece, urg, ackFlag, psh, rst, syn, fin } = fields;
  const flags = [cwr, ece, urg, ackFlag, psh, rst, syn, fin].map((flag) => (flag ? '1' : '0')).join('');
  const lead = [fields.dataOffset, fields.reserved].map((n) => n.toString(2).padStart(4, '0')).join('');
  view.setUint16(12, Number.parseInt(lead + flags, 2));
  view.setUint16(14, fields.window);
  view.setUint16(16, fields.checksum);
  view.setUint16(18, fields.urgent);
  return new Uint8Array(view.buffer);
}

/** One option; `data` is what stands behind kind and length. */
export interface NaiveOption {
  kind: number;
  data: Uint8Array;
}

export interface NaiveOptions {
  list: NaiveOption[];
  /** What stands behind an EOL, or from a bad length on. */
  rest: Uint8Array;
  /** False: a length of 0, of 1, or past the end. */
  good: boolean;
}

/** Reads the options of a header by eating them from the front. EOL is in the list. */
export function readNaiveOptions(octets: Uint8Array): NaiveOptions {
  if (octets.length === 0) return { list: [], rest: octets, good: true };
  const [kind, length] = octets;
  if (kind === 0) return { list: [{ kind, data: new Uint8Array(0) }], rest: octets.slice(1), good: true };
  const size = kind === 1 ? 1 : octets.length < 2 ? 0 : length;
  if (size > octets.length || (kind !== 1 && size < 2)) return { list: [], rest: octets, good: false };
  const behind = readNaiveOptions(octets.slice(size));
  return { ...behind, list: [{ kind, data: octets.slice(2, size) }, ...behind.list] };
}

export function writeNaiveOptions(list: readonly NaiveOption[]): Uint8Array {
  return Uint8Array.from(
    list.flatMap(({ kind, data }) => (kind < 2 ? [kind] : [kind, data.length + 2, ...data])),
  );
}

/** What a list of options says: undefined where it says nothing. The last of a kind counts, one of a wrong length never. */
export interface NaiveMeaning {
  mss: number | undefined;
  windowScale: number | undefined;
  sackPermitted: boolean;
  timestamps: [value: number, echo: number] | undefined;
  sack: [left: number, right: number][];
}

export function meaningOf(list: readonly NaiveOption[]): NaiveMeaning {
  const last = (kind: number, lengths: readonly number[]): DataView | undefined => {
    const found = list
      .filter((option) => option.kind === kind && lengths.includes(option.data.length))
      .at(-1);
    return found && new DataView(found.data.buffer, found.data.byteOffset, found.data.byteLength);
  };
  const stamps = last(8, [8]);
  const edges = last(5, [8, 16, 24, 32]);
  return {
    mss: last(2, [2])?.getUint16(0),
    windowScale: last(3, [1])?.getUint8(0),
    sackPermitted: last(4, [0]) !== undefined,
    timestamps: stamps && [stamps.getInt32(0), stamps.getInt32(4)],
    sack: Array.from({ length: (edges?.byteLength ?? 0) / 8 }, (_, i) => [
      edges?.getInt32(8 * i) ?? 0,
      edges?.getInt32(8 * i + 4) ?? 0,
    ]),
  };
}
