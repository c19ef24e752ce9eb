// The smallest echo: turns ICMP echo requests of a batch round in place and writes them back. RFC 792.
import { Device, WRITE_STRIDE } from '../device.ts';
import type { OpenedDevice } from '../open.ts';

/** A Device that answers every ping to any address; `front` octets stand before the IP header. TUN only. */
export function echoDevice(opened: OpenedDevice, onError: (errno: number) => void = () => {}): Device {
  const front = opened.vnetHdrSize;
  const answers = new Int32Array(256 * WRITE_STRIDE);
  const device: Device = new Device({
    fd: opened.fd,
    align: front,
    onError,
    onReadable: (count) => {
      const { slab, records } = device;
      let n = 0;
      for (let i = 0; i < count; i++) {
        if (!turnRound(slab, records[2 * i] + front)) continue;
        slab.fill(0, records[2 * i], records[2 * i] + front);
        answers.set([1, 0, records[2 * i], records[2 * i + 1]], n++ * WRITE_STRIDE);
      }
      device.write(answers, 0, n);
      device.consumed();
    },
  });
  device.bindArena(0, device.slab);
  device.watchReadable(true);
  return device;
}

/** True when it was an echo request, and is now the reply. */
function turnRound(b: Uint8Array, ip: number): boolean {
  if (b[ip] !== 0x45 || b[ip + 9] !== 1 || b[ip + 20] !== 8) return false;
  for (let i = 12; i < 16; i++) [b[ip + i], b[ip + i + 4]] = [b[ip + i + 4], b[ip + i]];
  b[ip + 20] = 0;
  const sum = ((b[ip + 22] << 8) | b[ip + 23]) + 0x0800; // RFC 1624: type 8 became 0
  const folded = (sum & 0xffff) + (sum >>> 16);
  b[ip + 22] = folded >>> 8;
  b[ip + 23] = folded & 0xff;
  return true;
}
