// The tree of the Python we read: expressions and statements.

import type { PythonValue } from './python-values.ts';

/** `line` counts from 1 within the block. */
export type PythonExpression =
  | { readonly kind: 'constant'; readonly line: number; readonly value: PythonValue }
  | { readonly kind: 'name'; readonly line: number; readonly name: string }
  | {
      readonly kind: 'sequence';
      readonly line: number;
      readonly type: 'list' | 'tuple';
      readonly items: readonly PythonExpression[];
    }
  /** `[item for name in of if test]`, and the same without brackets as the one argument of a call. */
  | {
      readonly kind: 'comprehension';
      readonly line: number;
      readonly item: PythonExpression;
      readonly target: readonly string[];
      readonly of: PythonExpression;
      readonly test: PythonExpression | undefined;
    }
  | {
      readonly kind: 'unary';
      readonly line: number;
      readonly operator: string;
      readonly operand: PythonExpression;
    }
  | {
      readonly kind: 'binary';
      readonly line: number;
      readonly operator: string;
      readonly left: PythonExpression;
      readonly right: PythonExpression;
    }
  /** `a < b <= c`: each operand is evaluated once. */
  | {
      readonly kind: 'comparison';
      readonly line: number;
      readonly first: PythonExpression;
      readonly rest: readonly { readonly operator: string; readonly operand: PythonExpression }[];
    }
  | {
      readonly kind: 'logic';
      readonly line: number;
      readonly operator: 'and' | 'or';
      readonly left: PythonExpression;
      readonly right: PythonExpression;
    }
  | {
      readonly kind: 'conditional';
      readonly line: number;
      readonly test: PythonExpression;
      readonly then: PythonExpression;
      readonly otherwise: PythonExpression;
    }
  | {
      readonly kind: 'call';
      readonly line: number;
      readonly name: string;
      readonly arguments: readonly PythonExpression[];
      readonly keywords: ReadonlyMap<string, PythonExpression>;
    }
  | {
      readonly kind: 'method';
      readonly line: number;
      readonly object: PythonExpression;
      readonly name: string;
      readonly arguments: readonly PythonExpression[];
    }
  | {
      readonly kind: 'subscript';
      readonly line: number;
      readonly object: PythonExpression;
      readonly index: PythonExpression;
    }
  | {
      readonly kind: 'slice';
      readonly line: number;
      readonly object: PythonExpression;
      readonly from: PythonExpression | undefined;
      readonly to: PythonExpression | undefined;
    }
  /** f-strings: text and values by turns. */
  | {
      readonly kind: 'format';
      readonly line: number;
      readonly parts: readonly (
        | string
        | { readonly value: PythonExpression; readonly repr: boolean; readonly spec: string }
      )[];
    };

export type PythonStatement =
  | { readonly kind: 'expression'; readonly line: number; readonly value: PythonExpression }
  | {
      readonly kind: 'assign';
      readonly line: number;
      readonly targets: readonly (readonly string[])[];
      /** `+` of `+=`; undefined for `=`. */
      readonly operator: string | undefined;
      readonly value: PythonExpression;
    }
  | {
      readonly kind: 'assert';
      readonly line: number;
      readonly test: PythonExpression;
      readonly message: PythonExpression | undefined;
      /** The test as written. */
      readonly text: string;
    }
  | { readonly kind: 'print'; readonly line: number; readonly values: readonly PythonExpression[] }
  | {
      readonly kind: 'if';
      readonly line: number;
      readonly test: PythonExpression;
      readonly then: readonly PythonStatement[];
      readonly otherwise: readonly PythonStatement[];
    }
  | {
      readonly kind: 'while';
      readonly line: number;
      readonly test: PythonExpression;
      readonly body: readonly PythonStatement[];
    }
  | {
      readonly kind: 'for';
      readonly line: number;
      readonly target: readonly string[];
      readonly of: PythonExpression;
      readonly body: readonly PythonStatement[];
    }
  | { readonly kind: 'pass' | 'break' | 'continue'; readonly line: number };
