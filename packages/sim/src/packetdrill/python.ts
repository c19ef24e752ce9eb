// An interpreter for the Python of `%{ }%` blocks: assertions over TCP_INFO, arithmetic, text, branches and short loops.

import type { PythonExpression, PythonStatement } from './python-ast.ts';
import { builtin, iterate, MAX_ITEMS, method, TCP_INFO_CONSTANTS } from './python-builtins.ts';
import { formatSpec, percentFormat } from './python-format.ts';
import { PythonUnsupported } from './python-lexer.ts';
import { parsePython } from './python-parser.ts';
import {
  arithmetic,
  compare,
  isSequence,
  numeric,
  PythonRaised,
  type PythonValue,
  pythonValue,
  repr,
  str,
  truth,
  typeName,
} from './python-values.ts';
import { ScriptError } from './script-error.ts';

/** Where the code stands in the script, for messages. */
export interface PythonPlace {
  readonly file: string;
  /** The line of the first line of the code. */
  readonly line: number;
}

/** What the code sees. One environment serves all blocks of a script: packetdrill runs them as one program. */
export interface PythonEnvironment {
  /** Names the code assigned; survives from block to block. */
  readonly variables: Map<string, PythonValue>;
  /** Names of the runner (`tcpi_snd_cwnd`): whole numbers become ints. undefined: not known, which raises NameError. */
  lookup(name: string): PythonValue | undefined;
  /** One line of `print`, without its newline. */
  print(line: string): void;
}

/** The code did not hold: an assertion, or what Python would raise. */
export class PythonError extends Error {
  readonly file: string;
  readonly line: number;
  /** `AssertionError`, `NameError`, `TypeError`, `ZeroDivisionError` ... */
  readonly kind: string;
  /** Of a NameError: the name that nobody knows, e.g. a field of TCP_INFO that is not had here. */
  readonly missing: string | undefined;

  constructor(place: PythonPlace, kind: string, reason: string, missing?: string) {
    super(`${place.file}:${place.line}: ${kind}${reason === '' ? '' : `: ${reason}`}`);
    this.name = 'PythonError';
    this.file = place.file;
    this.line = place.line;
    this.kind = kind;
    this.missing = missing;
  }
}

/**
 * Runs a block. Throws PythonError when it fails, ScriptError of kind `unsupported` for Python we do not have: the script is then skipped.
 *
 * @example
 * const environment = { variables: new Map(), lookup: (name) => info[name], print: console.log };
 * runPython('assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd', environment, { file: 'cwnd.pkt', line: 12 });
 */
export function runPython(code: string, environment: PythonEnvironment, place: PythonPlace): void {
  const program = supported(place, () => parsePython(code));
  supported(place, () => new PythonInterpreter(environment, place).run(program));
}

/** Throws the ScriptError that `runPython` would throw for Python we do not have, without running anything. */
export function checkPython(code: string, place: PythonPlace): void {
  supported(place, () => parsePython(code));
}

function supported<T>(place: PythonPlace, work: () => T): T {
  try {
    return work();
  } catch (error) {
    // Expressions are read and evaluated by recursion: a stack that is full is a limit of ours, told like one.
    if (error instanceof RangeError) {
      throw new ScriptError(place.file, place.line, 1, 'Python: nested too deeply', 'unsupported');
    }
    if (!(error instanceof PythonUnsupported)) throw error;
    const line = place.line + error.line - 1;
    throw new ScriptError(place.file, line, 1, `Python: ${error.message}`, 'unsupported');
  }
}

type Flow = 'next' | 'break' | 'continue';

class PythonInterpreter {
  private readonly environment: PythonEnvironment;
  private readonly place: PythonPlace;
  private steps = 0;
  private line = 1;

  constructor(environment: PythonEnvironment, place: PythonPlace) {
    this.environment = environment;
    this.place = place;
  }

  run(program: readonly PythonStatement[]): void {
    try {
      if (this.block(program) !== 'next') throw new PythonRaised('SyntaxError', 'outside loop');
    } catch (error) {
      if (error instanceof PythonRaised) throw this.error(error.kind, error.message);
      throw error;
    }
  }

  private error(kind: string, reason: string, missing?: string): PythonError {
    const place = { file: this.place.file, line: this.place.line + this.line - 1 };
    return new PythonError(place, kind, reason, missing);
  }

  private block(statements: readonly PythonStatement[]): Flow {
    for (const statement of statements) {
      this.line = statement.line;
      if (++this.steps > MAX_ITEMS) throw new PythonRaised('RuntimeError', 'this code runs too long');
      const flow = this.statement(statement);
      if (flow !== 'next') return flow;
    }
    return 'next';
  }

  private statement(statement: PythonStatement): Flow {
    switch (statement.kind) {
      case 'expression':
        this.evaluate(statement.value);
        return 'next';
      case 'assign':
        this.assign(statement);
        return 'next';
      case 'assert':
        if (!truth(this.evaluate(statement.test))) this.failAssertion(statement);
        return 'next';
      case 'print':
        this.environment.print(statement.values.map((value) => str(this.evaluate(value))).join(' '));
        return 'next';
      case 'if':
        return this.block(truth(this.evaluate(statement.test)) ? statement.then : statement.otherwise);
      case 'while':
        return this.loop(statement);
      case 'for':
        for (const item of iterate(this.evaluate(statement.of))) {
          this.bind(statement.target, item);
          if (this.block(statement.body) === 'break') break;
        }
        return 'next';
      case 'pass':
        return 'next';
      case 'break':
      case 'continue':
        return statement.kind;
    }
  }

  private loop(statement: Extract<PythonStatement, { kind: 'while' }>): Flow {
    while (truth(this.evaluate(statement.test))) {
      if (++this.steps > MAX_ITEMS) throw new PythonRaised('RuntimeError', 'this code runs too long');
      if (this.block(statement.body) === 'break') break;
    }
    return 'next';
  }

  private assign({ targets, operator, value }: Extract<PythonStatement, { kind: 'assign' }>): void {
    let result = this.evaluate(value);
    if (operator !== undefined) result = this.operate(operator, this.name(targets[0][0]), result);
    for (const target of targets) this.bind(target, result);
  }

  private bind(target: readonly string[], value: PythonValue): void {
    if (target.length === 1) {
      this.environment.variables.set(target[0], value);
      return;
    }
    const items = iterate(value);
    if (items.length !== target.length) {
      throw new PythonRaised(
        'ValueError',
        `cannot unpack ${items.length} values into ${target.length} names`,
      );
    }
    for (const [i, name] of target.entries()) this.environment.variables.set(name, items[i]);
  }

  /** Says more than Python: without a message, the test as written and what its names stood for. */
  private failAssertion(statement: Extract<PythonStatement, { kind: 'assert' }>): never {
    const { line } = statement;
    const values = [...namesIn(statement.text)]
      .map((name) => [name, this.value(name)] as const)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name} = ${repr(value ?? null)}`);
    const shown = `${statement.text}${values.length > 0 ? ` (${values.join(', ')})` : ''}`;
    const message = statement.message === undefined ? shown : str(this.evaluate(statement.message));
    this.line = line;
    throw this.error('AssertionError', message);
  }

  private value(name: string): PythonValue | undefined {
    const { variables } = this.environment;
    const assigned = variables.get(name);
    if (assigned !== undefined) return assigned;
    const found = this.environment.lookup(name);
    if (found !== undefined) return pythonValue(found);
    return Object.hasOwn(TCP_INFO_CONSTANTS, name) ? BigInt(TCP_INFO_CONSTANTS[name]) : undefined;
  }

  private name(name: string): PythonValue {
    const value = this.value(name);
    if (value !== undefined) return value;
    if (builtin(name) !== undefined || name === 'print') {
      throw new PythonUnsupported(`the function ${name} as a value is not had here`, this.line);
    }
    throw this.error('NameError', `name '${name}' is not defined`, name);
  }

  private evaluate(expression: PythonExpression): PythonValue {
    switch (expression.kind) {
      case 'constant':
        return expression.value;
      case 'name':
        return this.name(expression.name);
      case 'sequence':
        return { type: expression.type, items: expression.items.map((item) => this.evaluate(item)) };
      case 'comprehension':
        return this.comprehension(expression);
      case 'unary':
        return this.unary(expression.operator, this.evaluate(expression.operand));
      case 'binary':
        return this.operate(
          expression.operator,
          this.evaluate(expression.left),
          this.evaluate(expression.right),
        );
      case 'comparison':
        return this.comparison(expression);
      case 'logic': {
        const left = this.evaluate(expression.left);
        return truth(left) === (expression.operator === 'or') ? left : this.evaluate(expression.right);
      }
      case 'conditional':
        return this.evaluate(truth(this.evaluate(expression.test)) ? expression.then : expression.otherwise);
      case 'call':
        return this.call(expression);
      case 'method':
        return this.method(expression);
      case 'subscript':
        return this.subscript(expression);
      case 'slice':
        return this.slice(expression);
      case 'format':
        return this.formatted(expression);
    }
  }

  private comparison({ first, rest }: Extract<PythonExpression, { kind: 'comparison' }>): PythonValue {
    let left = this.evaluate(first);
    for (const { operator, operand } of rest) {
      const right = this.evaluate(operand);
      if (!compare(operator, left, right)) return false;
      left = right;
    }
    return true;
  }

  private comprehension({
    item,
    target,
    of,
    test,
  }: Extract<PythonExpression, { kind: 'comprehension' }>): PythonValue {
    const { variables } = this.environment;
    const before = target.map((name) => [name, variables.get(name)] as const);
    const items: PythonValue[] = [];
    for (const value of iterate(this.evaluate(of))) {
      this.bind(target, value);
      if (test === undefined || truth(this.evaluate(test))) items.push(this.evaluate(item));
    }
    for (const [name, value] of before) {
      if (value === undefined) variables.delete(name);
      else variables.set(name, value);
    }
    return { type: 'list', items };
  }

  private unary(operator: string, operand: PythonValue): PythonValue {
    if (operator === 'not') return !truth(operand);
    const number = numeric(operand);
    if (number === undefined || (operator === '~' && typeof number !== 'bigint')) {
      throw new PythonRaised('TypeError', `bad operand type for unary ${operator}: '${typeName(operand)}'`);
    }
    if (operator === '~') return ~(number as bigint);
    return operator === '-' ? -number : number;
  }

  private operate(operator: string, left: PythonValue, right: PythonValue): PythonValue {
    if (operator === '%' && typeof left === 'string') return percentFormat(left, right);
    return arithmetic(operator, left, right);
  }

  private call(expression: Extract<PythonExpression, { kind: 'call' }>): PythonValue {
    const { name, line, keywords } = expression;
    const args = expression.arguments.map((argument) => this.evaluate(argument));
    if (name === 'print') {
      const separator = keywords.get('sep');
      const between = separator === undefined ? ' ' : str(this.evaluate(separator));
      this.environment.print(args.map(str).join(between));
      return null;
    }
    const found = builtin(name);
    if (found === undefined || keywords.size > 0) {
      throw new PythonUnsupported(`this call of ${name}() is not had here`, line);
    }
    return found(args);
  }

  private method(expression: Extract<PythonExpression, { kind: 'method' }>): PythonValue {
    const object = this.evaluate(expression.object);
    const args = expression.arguments.map((argument) => this.evaluate(argument));
    const result = method(object, expression.name, args);
    if (result !== undefined) return result;
    const what = `${typeName(object)}.${expression.name}()`;
    throw new PythonUnsupported(`${what} is not had here`, expression.line);
  }

  private subscript(expression: Extract<PythonExpression, { kind: 'subscript' }>): PythonValue {
    const items = iterate(this.evaluate(expression.object));
    const index = this.evaluate(expression.index);
    if (typeof index !== 'bigint') throw new PythonRaised('TypeError', 'indices must be integers');
    const found = items.at(Number(index));
    if (found === undefined) throw new PythonRaised('IndexError', 'index out of range');
    return found;
  }

  private slice(expression: Extract<PythonExpression, { kind: 'slice' }>): PythonValue {
    const object = this.evaluate(expression.object);
    const edge = (bound: PythonExpression | undefined) =>
      bound === undefined ? undefined : Number(numeric(this.evaluate(bound)) ?? 0);
    const items = iterate(object).slice(edge(expression.from), edge(expression.to));
    return isSequence(object) ? { type: object.type, items } : items.map(str).join('');
  }

  private formatted({ parts }: Extract<PythonExpression, { kind: 'format' }>): PythonValue {
    return parts
      .map((part) => {
        if (typeof part === 'string') return part;
        const value = this.evaluate(part.value);
        return formatSpec(part.repr ? repr(value) : value, part.spec);
      })
      .join('');
  }
}

function namesIn(text: string): Set<string> {
  const bare = text.replace(/'[^']*'|"[^"]*"/g, '');
  return new Set(bare.match(/\b[A-Za-z_]\w*\b/g) ?? []);
}
