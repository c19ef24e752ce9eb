// What tshark makes of a capture: an eye that is not ours, with all its checks of checksums on.

import { run, tool } from './namespace.ts';

const CHECKS = ['tcp', 'udp', 'ip'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
/** The text is nothing but octets: what the dissector of some port makes of it is not asked. */
const NO_APPLICATION = ['-d', 'tcp.port==1-65535,data', '-o', 'tcp.desegment_tcp_streams:FALSE'];

/** tshark's lines for a display filter, or these fields of them. */
export async function tshark(file: string, filter: string, ...fields: string[]): Promise<string> {
  const wanted = fields.length === 0 ? [] : ['-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
  const { code, stdout, stderr } = await run(
    [tool('tshark'), '-n', '-r', file, ...CHECKS, ...NO_APPLICATION, '-Y', filter, ...wanted],
    60_000,
  );
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

/** What tshark finds wrong: malformed packets and bad checksums, a line each. */
export function faultsIn(file: string): Promise<string> {
  // Linux (CSUM_MANGLED_0) and we write 0xffff for 0 by UDP's rule; to whoever sums, both are right (RFC 1624 section 3).
  const badTcp = '(tcp.checksum.status == "Bad" && tcp.checksum != 0xffff)';
  const bad = ['ip', 'udp', 'icmp'].map((name) => `${name}.checksum.status == "Bad"`);
  return tshark(file, ['_ws.malformed', badTcp, ...bad].join(' || '));
}

/** What tshark says of the checksums of a capture: whom it found good, and a line for each that is not. */
export interface Checksums {
  readonly good: { tcp: number; udp: number };
  /** Bad, malformed, or not looked at. */
  readonly faults: string[];
  /** Sources of frames that are longer than this. */
  readonly longFrom: Set<string>;
}

const GOOD = '1';

/** Looks at all IPv4 of a capture, in one run of tshark. */
export async function checksumsIn(file: string, longerThan: number): Promise<Checksums> {
  const statuses = ['ip', 'tcp', 'udp', 'icmp'].map((name) => `${name}.checksum.status`);
  const fields = ['frame.len', 'ip.src', '_ws.malformed', 'tcp.checksum', ...statuses];
  const lines = (await tshark(file, 'ip', ...fields)).trimEnd().split('\n');
  const checksums: Checksums = { good: { tcp: 0, udp: 0 }, faults: [], longFrom: new Set() };
  for (const line of lines) {
    const [length, source, malformed, sum, ip, tcp, udp, icmp] = line.split('\t');
    if (Number(length) > longerThan) checksums.longFrom.add(source);
    if (tcp === GOOD) checksums.good.tcp++;
    if (udp === GOOD) checksums.good.udp++;
    // See above. Of a fragment tshark has no transport's status: it is empty.
    const bad = [ip, sum === '0xffff' ? GOOD : tcp, udp, icmp].some((one) => one !== '' && one !== GOOD);
    if (bad || malformed !== '') checksums.faults.push(line);
  }
  return checksums;
}
