// The parser of Python's statements (The Python Language Reference, 7 and 8), as far as packet scripts use them.

import type { PythonExpression, PythonStatement } from './python-ast.ts';
import { PythonExpressions } from './python-expressions.ts';

/** Words that begin statements we do not have. `global` is nothing at the top. */
const NOT_OURS = new Set([
  'import',
  'from',
  'def',
  'class',
  'try',
  'with',
  'return',
  'raise',
  'del',
  'lambda',
  'yield',
  'exec',
  'async',
  'global',
  'nonlocal',
]);
const AUGMENTED = new Set(['+=', '-=', '*=', '/=', '//=', '%=', '&=', '|=', '^=', '<<=', '>>=', '**=']);

/** The statements of a block. Throws PythonUnsupported for what we do not have. */
export function parsePython(code: string): PythonStatement[] {
  return new PythonParser(code).program();
}

class PythonParser extends PythonExpressions {
  program(): PythonStatement[] {
    const statements: PythonStatement[] = [];
    while (!this.isKind('end')) statements.push(...this.statement());
    return statements;
  }

  private statement(): PythonStatement[] {
    const { line, kind, text } = this.current;
    if (kind === 'indent') this.unsupported('this line is set in too far');
    if (kind === 'name' && NOT_OURS.has(text)) this.unsupported('this statement is not had here');
    if (this.accept('if')) return [this.branch(line)];
    if (this.accept('while')) {
      const test = this.expression();
      return [{ kind: 'while', line, test, body: this.block() }];
    }
    if (this.accept('for')) {
      const target = this.names();
      this.expect('in');
      const of = this.expressionList();
      return [{ kind: 'for', line, target, of, body: this.block() }];
    }
    return this.simpleLine();
  }

  private branch(line: number): PythonStatement {
    const test = this.expression();
    const then = this.block();
    let otherwise: PythonStatement[] = [];
    const elseLine = this.current.line;
    if (this.accept('elif')) otherwise = [this.branch(elseLine)];
    else if (this.accept('else')) otherwise = this.block();
    return { kind: 'if', line, test, then, otherwise };
  }

  /** Behind the colon: simple statements on the same line, or a block that is set in. */
  private block(): PythonStatement[] {
    this.expect(':');
    if (!this.isKind('newline')) return this.simpleLine();
    this.advance();
    if (!this.isKind('indent')) this.unsupported('expected an indented block');
    this.advance();
    const statements: PythonStatement[] = [];
    while (!this.isKind('dedent') && !this.isKind('end')) {
      statements.push(...this.statement());
    }
    if (this.isKind('dedent')) this.advance();
    return statements;
  }

  private simpleLine(): PythonStatement[] {
    const statements: PythonStatement[] = [];
    do {
      if (this.isKind('newline')) break;
      statements.push(this.simple());
    } while (this.accept(';'));
    if (!this.isKind('newline')) this.unsupported('expected the end of the statement');
    this.advance();
    return statements;
  }

  private simple(): PythonStatement {
    const { line, kind, text } = this.current;
    if (kind === 'name' && NOT_OURS.has(text)) this.unsupported('this statement is not had here');
    if (kind === 'name' && (text === 'pass' || text === 'break' || text === 'continue')) {
      this.advance();
      return { kind: text, line };
    }
    if (this.accept('assert')) return this.assertion(line);
    if (this.is('print') && !(this.next.kind === 'mark' && '(=.'.includes(this.next.text))) {
      this.advance();
      return this.printed(line);
    }
    const first = this.expressionList();
    const { text: operator, kind: operatorKind } = this.current;
    if (operatorKind === 'mark' && AUGMENTED.has(operator)) {
      this.advance();
      const targets = [this.target(first)];
      return { kind: 'assign', line, targets, operator: operator.slice(0, -1), value: this.expressionList() };
    }
    if (!this.is('=')) return { kind: 'expression', line, value: first };
    const chain = [first];
    while (this.accept('=')) chain.push(this.expressionList());
    const value = chain.pop() ?? first;
    return {
      kind: 'assign',
      line,
      targets: chain.map((target) => this.target(target)),
      operator: undefined,
      value,
    };
  }

  private assertion(line: number): PythonStatement {
    const { start } = this.current;
    const test = this.expression();
    const text = this.textFrom(start);
    const message = this.accept(',') ? this.expressionList() : undefined;
    return { kind: 'assert', line, test, message, text };
  }

  /** Python 2's `print a, b`. */
  private printed(line: number): PythonStatement {
    if (this.isKind('newline') || this.is(';')) return { kind: 'print', line, values: [] };
    const value = this.expressionList();
    return { kind: 'print', line, values: isBareTuple(value) ? value.items : [value] };
  }

  private target(expression: PythonExpression): string[] {
    if (expression.kind === 'name') return [expression.name];
    if (expression.kind !== 'sequence') this.unsupported('only names can be assigned to');
    return expression.items.map((item) =>
      item.kind === 'name' ? item.name : this.unsupported('only names can be assigned to'),
    );
  }
}

function isBareTuple(value: PythonExpression): value is Extract<PythonExpression, { kind: 'sequence' }> {
  return value.kind === 'sequence' && value.type === 'tuple';
}
