// Values of Python and what its operators make of them (The Python Language Reference, 6.5 to 6.10, and Built-in Types).

/** int is bigint, float is number; lists are never changed, so they are shared. */
export type PythonValue = null | boolean | bigint | number | string | PythonSequence;

export interface PythonSequence {
  readonly type: 'list' | 'tuple' | 'range';
  readonly items: readonly PythonValue[];
}

/** What Python would raise; `kind` is the name of its exception. */
export class PythonRaised extends Error {
  readonly kind: string;

  constructor(kind: string, message: string) {
    super(message);
    this.name = 'PythonRaised';
    this.kind = kind;
  }
}

/** Largest shift and exponent: beyond, numbers would fill the memory. */
const MAX_SHIFT = 4096n;

/** A value of the host as Python's: whole numbers are ints. */
export function pythonValue(value: PythonValue | undefined): PythonValue {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  return value ?? null;
}

export function isSequence(value: PythonValue): value is PythonSequence {
  return typeof value === 'object' && value !== null;
}

export function typeName(value: PythonValue): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'object') return value.type;
  return { boolean: 'bool', bigint: 'int', number: 'float', string: 'str' }[
    typeof value as 'boolean' | 'bigint' | 'number' | 'string'
  ];
}

export function truth(value: PythonValue): boolean {
  return isSequence(value) ? value.items.length > 0 : Boolean(value);
}

/** `str(value)`. */
export function str(value: PythonValue): string {
  return typeof value === 'string' ? value : repr(value);
}

/** `repr(value)`. */
export function repr(value: PythonValue): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return floatText(value);
  if (typeof value === 'string') return stringText(value);
  const inner = value.items.map(repr).join(', ');
  if (value.type === 'tuple') return value.items.length === 1 ? `(${inner},)` : `(${inner})`;
  return `[${inner}]`;
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const magnitude = Math.abs(value);
  if (value !== 0 && (magnitude >= 1e16 || magnitude < 1e-4)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return Number.isInteger(value) ? `${Object.is(value, -0) ? '-0' : value}.0` : String(value);
}

function stringText(value: string): string {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  const body = value
    .replaceAll('\\', '\\\\')
    .replaceAll(quote, `\\${quote}`)
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('\r', '\\r');
  return `${quote}${body}${quote}`;
}

/** Equal as `==` has it: `1 == 1.0 == True`. */
export function equals(left: PythonValue, right: PythonValue): boolean {
  const [a, b] = [numeric(left), numeric(right)];
  if (a !== undefined && b !== undefined) return sameNumber(a, b);
  if (isSequence(left) && isSequence(right)) {
    if (left.type !== right.type || left.items.length !== right.items.length) return false;
    return left.items.every((item, i) => equals(item, right.items[i]));
  }
  return left === right;
}

function sameNumber(a: bigint | number, b: bigint | number): boolean {
  if (typeof a === 'bigint' && typeof b === 'number') return Number.isInteger(b) && a === BigInt(b);
  if (typeof a === 'number' && typeof b === 'bigint') return sameNumber(b, a);
  return a === b;
}

/** `operator` is one of `== != < <= > >= in`, `not in`, `is`, `is not`. */
export function compare(operator: string, left: PythonValue, right: PythonValue): boolean {
  switch (operator) {
    case '==':
      return equals(left, right);
    case '!=':
      return !equals(left, right);
    case 'in':
      return contains(right, left);
    case 'not in':
      return !contains(right, left);
    case 'is':
      return typeof left === typeof right && left === right;
    case 'is not':
      return !(typeof left === typeof right && left === right);
    default:
      return order(operator, left, right);
  }
}

function order(operator: string, left: PythonValue, right: PythonValue): boolean {
  const a = numeric(left) ?? left;
  const b = numeric(right) ?? right;
  if (isSequence(a) && isSequence(b) && a.type === b.type) {
    const length = Math.min(a.items.length, b.items.length);
    for (let i = 0; i < length; i++) {
      if (!equals(a.items[i], b.items[i])) return order(operator, a.items[i], b.items[i]);
    }
    return order(operator, BigInt(a.items.length), BigInt(b.items.length));
  }
  const bothText = typeof a === 'string' && typeof b === 'string';
  if (!bothText && (!isNumber(a) || !isNumber(b))) {
    const types = `'${typeName(left)}' and '${typeName(right)}'`;
    throw new PythonRaised('TypeError', `'${operator}' not supported between instances of ${types}`);
  }
  if (operator === '<') return a < b;
  if (operator === '<=') return a <= b;
  return operator === '>' ? a > b : a >= b;
}

function contains(container: PythonValue, item: PythonValue): boolean {
  if (typeof container === 'string' && typeof item === 'string') return container.includes(item);
  if (isSequence(container)) return container.items.some((candidate) => equals(candidate, item));
  throw new PythonRaised('TypeError', `argument of type '${typeName(container)}' is not iterable`);
}

/** A number for arithmetic, bools too; undefined for the rest. */
export function numeric(value: PythonValue): bigint | number | undefined {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return isNumber(value) ? value : undefined;
}

function isNumber(value: PythonValue): value is bigint | number {
  return typeof value === 'bigint' || typeof value === 'number';
}

/** `left operator right` of numbers, strings and sequences; not the `%` of strings, which is formatting. */
export function arithmetic(operator: string, left: PythonValue, right: PythonValue): PythonValue {
  const [a, b] = [numeric(left), numeric(right)];
  if (typeof left === 'boolean' && typeof right === 'boolean' && '&|^'.includes(operator)) {
    return operator === '&' ? left && right : operator === '|' ? left || right : left !== right;
  }
  if (typeof a === 'bigint' && typeof b === 'bigint') return integers(operator, a, b);
  if (a !== undefined && b !== undefined) return floats(operator, Number(a), Number(b));
  if (operator === '+' && typeof left === 'string' && typeof right === 'string') return left + right;
  if (operator === '+' && isSequence(left) && isSequence(right) && left.type === right.type) {
    return { type: left.type, items: [...left.items, ...right.items] };
  }
  if (operator === '*' && typeof left === 'string' && typeof b === 'bigint') return repeat(left, b);
  if (operator === '*' && typeof right === 'string' && typeof a === 'bigint') return repeat(right, a);
  return unsuited(operator, left, right);
}

function repeat(text: string, count: bigint): string {
  if (BigInt(text.length) * count > 65536n) throw new PythonRaised('MemoryError', 'this string is too long');
  return text.repeat(Math.max(0, Number(count)));
}

function integers(operator: string, a: bigint, b: bigint): PythonValue {
  if ('/ // %'.split(' ').includes(operator) && b === 0n) {
    throw new PythonRaised('ZeroDivisionError', 'division by zero');
  }
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return Number(a) / Number(b);
    case '//':
      return (a - floorRemainder(a, b)) / b;
    case '%':
      return floorRemainder(a, b);
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    case '**':
      return b < 0n ? Number(a) ** Number(b) : a ** bounded(b);
    case '<<':
      return a << bounded(b);
    case '>>':
      return a >> bounded(b);
    default:
      return unsuited(operator, a, b);
  }
}

function bounded(count: bigint): bigint {
  if (count < 0n) throw new PythonRaised('ValueError', 'negative shift count');
  if (count > MAX_SHIFT) throw new PythonRaised('MemoryError', 'this number is too large');
  return count;
}

/** Python's remainder has the sign of the divisor. */
function floorRemainder(a: bigint, b: bigint): bigint {
  const remainder = a % b;
  return remainder !== 0n && remainder < 0n !== b < 0n ? remainder + b : remainder;
}

function floats(operator: string, a: number, b: number): PythonValue {
  if ('/ // %'.split(' ').includes(operator) && b === 0) {
    throw new PythonRaised('ZeroDivisionError', 'float division by zero');
  }
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '//':
      return Math.floor(a / b);
    case '%':
      return a % b !== 0 && a < 0 !== b < 0 ? (a % b) + b : a % b;
    case '**':
      return a ** b;
    default:
      return unsuited(operator, a, b);
  }
}

function unsuited(operator: string, left: PythonValue, right: PythonValue): never {
  const types = `'${typeName(left)}' and '${typeName(right)}'`;
  throw new PythonRaised('TypeError', `unsupported operand type(s) for ${operator}: ${types}`);
}
