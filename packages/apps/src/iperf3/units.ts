// Numbers as iperf3 prints and takes them: octets by 1024, bits a second by 1000.

const PREFIXES = ['', 'K', 'M', 'G', 'T'];

/** `-f`: a letter of kmgt (bits by 1000) or KMGT (octets by 1024), or undefined: as suits the number. */
export type UnitFormat = string | undefined;

/** Four digits as iperf3 shows them: `9.99`, `99.9`, ` 999`. */
function digits(value: number): string {
  const places = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return value.toFixed(places).padStart(4);
}

function scaled(value: number, step: number, unit: string, fixed: number | undefined): string {
  let power = fixed ?? 0;
  let rest = value / step ** power;
  while (fixed === undefined && rest >= step && power < PREFIXES.length - 1) {
    rest /= step;
    power++;
  }
  return `${digits(rest)} ${PREFIXES[power]}${unit}`;
}

/** `1.06 MBytes`, ` 256 KBytes`, `0.00 Bytes`. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, 1024, 'Bytes', undefined);
}

/** ` 713 Mbits/sec`; with a format of octets ` 85.0 MBytes/sec`. */
export function formatRate(bitsPerSecond: number, format: UnitFormat): string {
  const power = format === undefined ? undefined : 'kmgt'.indexOf(format.toLowerCase()) + 1;
  if (format !== undefined && format !== format.toLowerCase())
    return `${scaled(bitsPerSecond / 8, 1024, 'Bytes', power)}/sec`;
  return `${scaled(bitsPerSecond, 1000, 'bits', power)}/sec`;
}

/** `64K`, `1.5M`: a number with a suffix, by 1024 (sizes) or 1000 (rates); undefined: it is none. */
export function parseUnits(text: string, step: 1024 | 1000): number | undefined {
  const match = /^(\d+(?:\.\d*)?|\.\d+)([kmgt]?)$/i.exec(text);
  if (match === null) return undefined;
  return Math.floor(Number(match[1]) * step ** ('kmgt'.indexOf(match[2].toLowerCase() || '-') + 1));
}
