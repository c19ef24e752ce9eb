// Python's ways from values to text: `'%d of %s' % (a, b)`, `'{:>5}'.format(a)`, f-strings.

import { isSequence, numeric, PythonRaised, type PythonValue, repr, str, typeName } from './python-values.ts';

const CONVERSION = /%(?:%|([-+ 0#]*)(\d+)?(?:\.(\d+))?[hlL]?([diuoxXeEfFgGcrsa]))/g;
const SPEC = /^(?:(.)?([<>^=]))?([-+ ])?(#)?(0)?(\d+)?(,)?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/;
/** Widths beyond this are mistakes. */
const MAX_WIDTH = 1000;

/** `text % values`. */
export function percentFormat(text: string, values: PythonValue): string {
  const items = isSequence(values) && values.type === 'tuple' ? values.items : [values];
  let taken = 0;
  const result = text.replace(
    CONVERSION,
    (all: string, flags?: string, width?: string, precision?: string, type?: string) => {
      if (type === undefined) return all === '%%' ? '%' : all;
      if (taken === items.length)
        throw new PythonRaised('TypeError', 'not enough arguments for format string');
      const body = convert(items[taken++], type, precision === undefined ? undefined : Number(precision), {
        sign: flags?.includes('+') ? '+' : flags?.includes(' ') ? ' ' : '-',
        alternate: flags?.includes('#') ?? false,
      });
      const columns = checkedWidth(width);
      if (flags?.includes('-')) return body.padEnd(columns);
      return flags?.includes('0') && !'srac'.includes(type)
        ? zeroPadded(body, columns)
        : body.padStart(columns);
    },
  );
  if (taken < items.length) {
    throw new PythonRaised('TypeError', 'not all arguments converted during string formatting');
  }
  return result;
}

/** `text.format(...values)`. */
export function braceFormat(text: string, values: readonly PythonValue[]): string {
  let next = 0;
  return text.replace(
    /\{\{|\}\}|\{(\d*)(!r)?(?::([^{}]*))?\}|[{}]/g,
    (all: string, index?: string, asRepr?: string, spec?: string) => {
      if (all === '{{') return '{';
      if (all === '}}') return '}';
      if (index === undefined)
        throw new PythonRaised('ValueError', 'this format string is more than is had here');
      const at = index === '' ? next++ : Number(index);
      if (at >= values.length)
        throw new PythonRaised('IndexError', 'Replacement index out of range for positional args tuple');
      const value = values[at];
      return formatSpec(asRepr === undefined ? value : repr(value), spec ?? '');
    },
  );
}

/** `format(value, spec)`: `[[fill]align][sign][#][0][width][,][.precision][type]`. */
export function formatSpec(value: PythonValue, spec: string): string {
  if (spec === '') return str(value);
  const found = SPEC.exec(spec);
  if (found === null) throw new PythonRaised('ValueError', `Invalid format specifier '${spec}'`);
  const [, fill, align, sign, alternate, zero, width, comma, precision, type] = found;
  const isNumber = numeric(value) !== undefined;
  let body = convert(
    value,
    type ?? (isNumber && typeof value !== 'number' ? 'd' : isNumber && precision !== undefined ? 'g' : 's'),
    precision === undefined ? undefined : Number(precision),
    { sign: sign ?? '-', alternate: alternate !== undefined },
  );
  if (comma !== undefined) body = body.replace(/\d+/, (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ','));
  const columns = checkedWidth(width);
  if (align === '=' || (zero !== undefined && align === undefined)) return zeroPadded(body, columns);
  const missing = Math.max(0, columns - body.length);
  const before =
    align === '^' ? missing >> 1 : align === '>' || (align === undefined && isNumber) ? missing : 0;
  return (fill ?? ' ').repeat(before) + body + (fill ?? ' ').repeat(missing - before);
}

function checkedWidth(width: string | undefined): number {
  const columns = Number(width ?? 0);
  if (columns > MAX_WIDTH) throw new PythonRaised('ValueError', 'this width is too large');
  return columns;
}

function zeroPadded(body: string, columns: number): string {
  const sign = /^[-+ ]/.exec(body)?.[0] ?? '';
  return sign + body.slice(sign.length).padStart(columns - sign.length, '0');
}

function convert(
  value: PythonValue,
  type: string,
  precision: number | undefined,
  { sign, alternate }: { sign: string; alternate: boolean },
): string {
  if (type === 's' || type === 'a' || type === 'r') {
    const text = type === 's' ? str(value) : repr(value);
    return precision === undefined ? text : text.slice(0, precision);
  }
  if (type === 'c' && typeof value === 'string') return value;
  const number = numeric(value);
  if (number === undefined) {
    throw new PythonRaised('TypeError', `%${type} format: a number is required, not ${typeName(value)}`);
  }
  if (type === 'c') return String.fromCodePoint(Number(number));
  if (type === '%') return `${signed(Number(number) * 100, 'f', precision ?? 6, sign)}%`;
  if ('eEfFgG'.includes(type)) return signed(Number(number), type, Math.min(precision ?? 6, 100), sign);
  if (typeof number !== 'bigint' && 'xXob'.includes(type)) {
    throw new PythonRaised('TypeError', `%${type} format: an integer is required, not float`);
  }
  const integer = typeof number === 'bigint' ? number : BigInt(Math.trunc(number));
  const radix = { x: 16, X: 16, o: 8, b: 2 }[type] ?? 10;
  const prefix = alternate && radix !== 10 ? `0${type}` : '';
  const digits = (integer < 0n ? -integer : integer).toString(radix).padStart(precision ?? 0, '0');
  return withSign(integer < 0n, prefix + (type === 'X' ? digits.toUpperCase() : digits), sign);
}

function signed(number: number, type: string, precision: number, sign: string): string {
  const magnitude = Math.abs(number);
  let text: string;
  if (!Number.isFinite(number)) text = Number.isNaN(number) ? 'nan' : 'inf';
  else if (type === 'f' || type === 'F') text = fixed(magnitude, precision);
  else if (type === 'e' || type === 'E') text = exponent(magnitude.toExponential(precision));
  else text = general(magnitude, Math.max(1, precision));
  return withSign(number < 0, type === type.toUpperCase() ? text.toUpperCase() : text, sign);
}

/** Digits behind the point; halves go to the even neighbour, which toFixed does not do. `value` is not negative. */
export function fixed(value: number, precision: number): string {
  const rounded = value.toFixed(precision);
  if (precision > 60 || value >= 1e21) return rounded;
  const exact = value.toFixed(precision + 40);
  const cut = exact.slice(0, exact.length - 40).replace(/\.$/, '');
  return /^50*$/.test(exact.slice(-40)) && /[02468]$/.test(cut) ? cut : rounded;
}

/** `%g`: the shorter of fixed and exponent, without the zeros at the end. */
function general(magnitude: number, precision: number): string {
  const scientific = magnitude.toExponential(precision - 1);
  const power = Number(scientific.slice(scientific.indexOf('e') + 1));
  const strip = (text: string) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (power >= -4 && power < precision) return strip(fixed(magnitude, Math.max(0, precision - 1 - power)));
  const [mantissa, rest] = scientific.split('e');
  return exponent(`${strip(mantissa)}e${rest}`);
}

/** Python writes at least two digits. */
function exponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

function withSign(negative: boolean, text: string, sign: string): string {
  return (negative ? '-' : sign === '-' ? '' : sign) + text;
}
