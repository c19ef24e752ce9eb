// The builtin functions and methods of Python that packet scripts use, and the constants packetdrill puts before their code.

import { braceFormat, fixed, formatSpec } from './python-format.ts';
import {
  arithmetic,
  compare,
  isSequence,
  numeric,
  PythonRaised,
  type PythonValue,
  repr,
  str,
  truth,
  typeName,
} from './python-values.ts';

/** Longest range, list and loop. */
export const MAX_ITEMS = 100_000;

/**
 * Constants of tcp(7)'s TCP_INFO: options, congestion states and states as in Linux's uapi/linux/tcp.h and net/tcp_states.h, and
 * FreeBSD's netinet/tcp_fsm.h (TCPS_).
 */
export const TCP_INFO_CONSTANTS: Readonly<Record<string, number>> = {
  TCPI_OPT_TIMESTAMPS: 1,
  TCPI_OPT_SACK: 2,
  TCPI_OPT_WSCALE: 4,
  TCPI_OPT_ECN: 8,
  TCPI_OPT_ECN_SEEN: 16,
  TCPI_OPT_SYN_DATA: 32,
  TCPI_OPT_USEC_TS: 64,
  TCPI_OPT_TFO_CHILD: 128,
  TCP_CA_Open: 0,
  TCP_CA_Disorder: 1,
  TCP_CA_CWR: 2,
  TCP_CA_Recovery: 3,
  TCP_CA_Loss: 4,
  TCP_ESTABLISHED: 1,
  TCP_SYN_SENT: 2,
  TCP_SYN_RECV: 3,
  TCP_FIN_WAIT1: 4,
  TCP_FIN_WAIT2: 5,
  TCP_TIME_WAIT: 6,
  TCP_CLOSE: 7,
  TCP_CLOSE_WAIT: 8,
  TCP_LAST_ACK: 9,
  TCP_LISTEN: 10,
  TCP_CLOSING: 11,
  TCP_NEW_SYN_RECV: 12,
  TCPS_CLOSED: 0,
  TCPS_LISTEN: 1,
  TCPS_SYN_SENT: 2,
  TCPS_SYN_RECEIVED: 3,
  TCPS_ESTABLISHED: 4,
  TCPS_CLOSE_WAIT: 5,
  TCPS_FIN_WAIT_1: 6,
  TCPS_CLOSING: 7,
  TCPS_LAST_ACK: 8,
  TCPS_FIN_WAIT_2: 9,
  TCPS_TIME_WAIT: 10,
};

type Builtin = (args: readonly PythonValue[]) => PythonValue;

const BUILTINS: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ['abs', ([value]) => absolute(value)],
  ['min', (args) => extreme('min', '<', args)],
  ['max', (args) => extreme('max', '>', args)],
  [
    'sum',
    ([items, start]) => iterate(items).reduce((total, item) => arithmetic('+', total, item), start ?? 0n),
  ],
  ['len', ([value]) => BigInt(typeof value === 'string' ? value.length : iterate(value).length)],
  ['all', ([items]) => iterate(items).every(truth)],
  ['any', ([items]) => iterate(items).some(truth)],
  ['bool', ([value]) => truth(value ?? false)],
  ['str', ([value]) => (value === undefined ? '' : str(value))],
  ['repr', ([value]) => repr(value)],
  ['format', ([value, spec]) => formatSpec(value, typeof spec === 'string' ? spec : '')],
  ['int', ([value, base]) => toInteger(value ?? 0n, base)],
  ['float', ([value]) => toFloat(value ?? 0n)],
  ['round', ([value, digits]) => round(value, digits)],
  ['hex', ([value]) => based(value, 16, '0x')],
  ['oct', ([value]) => based(value, 8, '0o')],
  ['bin', ([value]) => based(value, 2, '0b')],
  ['list', ([items]) => ({ type: 'list', items: items === undefined ? [] : iterate(items) })],
  ['tuple', ([items]) => ({ type: 'tuple', items: items === undefined ? [] : iterate(items) })],
  ['sorted', ([items]) => ({ type: 'list', items: [...iterate(items)].sort(order) })],
  ['reversed', ([items]) => ({ type: 'list', items: [...iterate(items)].reverse() })],
  ['range', (args) => range(args)],
  ['xrange', (args) => range(args)],
]);

/** The function of this name, or undefined. `print` is the interpreter's own. */
export function builtin(name: string): Builtin | undefined {
  const found = BUILTINS.get(name);
  if (found === undefined) return undefined;
  return (args) => {
    if (args.length === 0 && !['bool', 'str', 'int', 'float', 'list', 'tuple'].includes(name)) {
      throw new PythonRaised('TypeError', `${name}() takes at least one argument (0 given)`);
    }
    return found(args);
  };
}

/** Calls a method of a string; undefined when there is none of this name. */
export function method(
  object: PythonValue,
  name: string,
  args: readonly PythonValue[],
): PythonValue | undefined {
  if (typeof object !== 'string') return undefined;
  const [first] = args;
  switch (name) {
    case 'format':
      return braceFormat(object, args);
    case 'join':
      return iterate(first).map(str).join(object);
    case 'startswith':
      return object.startsWith(text(first));
    case 'endswith':
      return object.endsWith(text(first));
    case 'strip':
      return object.trim();
    case 'lower':
      return object.toLowerCase();
    case 'upper':
      return object.toUpperCase();
    case 'split': {
      const items = first === undefined ? object.split(/\s+/).filter(Boolean) : object.split(text(first));
      return { type: 'list', items };
    }
    default:
      return undefined;
  }
}

/** The items of a list, tuple, range or string. */
export function iterate(value: PythonValue | undefined): readonly PythonValue[] {
  if (value !== undefined && isSequence(value)) return value.items;
  if (typeof value === 'string') return Array.from(value);
  throw new PythonRaised('TypeError', `'${typeName(value ?? null)}' object is not iterable`);
}

function text(value: PythonValue | undefined): string {
  if (typeof value === 'string') return value;
  throw new PythonRaised('TypeError', `expected str, not '${typeName(value ?? null)}'`);
}

function number(value: PythonValue): bigint | number {
  const found = numeric(value);
  if (found !== undefined) return found;
  throw new PythonRaised('TypeError', `a number is required, not '${typeName(value)}'`);
}

function absolute(value: PythonValue): PythonValue {
  const found = number(value);
  if (typeof found === 'number') return Math.abs(found);
  return found < 0n ? -found : found;
}

function extreme(name: string, operator: string, args: readonly PythonValue[]): PythonValue {
  const items = args.length === 1 ? iterate(args[0]) : args;
  if (items.length === 0) throw new PythonRaised('ValueError', `${name}() arg is an empty sequence`);
  return items.reduce((best, item) => (compare(operator, item, best) ? item : best));
}

function order(left: PythonValue, right: PythonValue): number {
  return compare('<', left, right) ? -1 : compare('<', right, left) ? 1 : 0;
}

function toInteger(value: PythonValue, base: PythonValue | undefined): PythonValue {
  if (typeof value === 'string') {
    const digits = value.trim().replaceAll('_', '');
    const radix = base === undefined ? 10n : number(base);
    const prefixed = radix === 16n ? digits.replace(/^(?:0x)?/i, '0x') : digits;
    if ((radix === 16n && /^0x[\da-f]+$/i.test(prefixed)) || (radix === 10n && /^[+-]?\d+$/.test(digits))) {
      return BigInt(prefixed);
    }
    throw new PythonRaised('ValueError', `invalid literal for int(): ${repr(value)}`);
  }
  const found = number(value);
  if (typeof found === 'bigint') return found;
  if (!Number.isFinite(found))
    throw new PythonRaised('OverflowError', 'cannot convert this float to integer');
  return BigInt(Math.trunc(found));
}

function toFloat(value: PythonValue): PythonValue {
  if (typeof value !== 'string') return Number(number(value));
  const found = value.trim() === '' ? Number.NaN : Number(value);
  if (Number.isNaN(found))
    throw new PythonRaised('ValueError', `could not convert string to float: ${repr(value)}`);
  return found;
}

/** Halves go to the even neighbour. */
function round(value: PythonValue, digits: PythonValue | undefined): PythonValue {
  const found = number(value);
  if (typeof found === 'bigint') return found;
  if (digits !== undefined && digits !== null) {
    return Math.sign(found) * Number(fixed(Math.abs(found), Number(number(digits))));
  }
  const floor = Math.floor(found);
  const half = found - floor === 0.5;
  return BigInt(half ? floor + (floor % 2 === 0 ? 0 : 1) : Math.round(found));
}

function based(value: PythonValue, radix: number, prefix: string): string {
  const found = number(value);
  if (typeof found !== 'bigint') throw new PythonRaised('TypeError', "'float' object cannot be an integer");
  return `${found < 0n ? '-' : ''}${prefix}${(found < 0n ? -found : found).toString(radix)}`;
}

function range(args: readonly PythonValue[]): PythonValue {
  const numbers = args.map((value) => Number(number(value)));
  const [from, to] = numbers.length === 1 ? [0, numbers[0]] : numbers;
  const step = numbers[2] ?? 1;
  if (step === 0) throw new PythonRaised('ValueError', 'range() arg 3 must not be zero');
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (count > MAX_ITEMS) throw new PythonRaised('MemoryError', 'this range is too long');
  return { type: 'range', items: Array.from({ length: count }, (_, i) => BigInt(from + i * step)) };
}
