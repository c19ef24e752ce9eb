// The Python of %{ }% blocks: what holds, what fails and with which words, and what is told not to be supported.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { checkPython, type PythonEnvironment, PythonError, runPython } from './python.ts';
import type { PythonValue } from './python-values.ts';
import { ScriptError } from './script-error.ts';

const INFO: Readonly<Record<string, PythonValue>> = {
  tcpi_state: 1,
  tcpi_options: 7,
  tcpi_snd_cwnd: 10,
  tcpi_rtt: 100_412,
  tcpi_ca_state: 4,
  tcpi_delivery_rate: 1_234_567.5,
};

function environment(info: Readonly<Record<string, PythonValue>> = INFO) {
  const lines: string[] = [];
  const found: PythonEnvironment & { lines: string[] } = {
    variables: new Map(),
    lookup: (name) => info[name],
    print: (line) => lines.push(line),
    lines,
  };
  return found;
}

const place = { file: 'x.pkt', line: 20 };

function thrown(code: string): unknown {
  try {
    runPython(code, environment(), place);
  } catch (error) {
    return error;
  }
  return undefined;
}

function printed(code: string): string[] {
  const env = environment();
  runPython(code, env, place);
  return env.lines;
}

const TRUE: readonly string[] = [
  'tcpi_snd_cwnd == 10',
  'tcpi_snd_cwnd is not None and None is None',
  'not tcpi_state == 2',
  '9 < tcpi_snd_cwnd <= 10 != 11',
  'tcpi_options & TCPI_OPT_SACK and tcpi_options & (TCPI_OPT_TIMESTAMPS|TCPI_OPT_WSCALE) == 5',
  'tcpi_options & TCPI_OPT_ECN == 0',
  'tcpi_ca_state == TCP_CA_Loss and tcpi_state == TCP_ESTABLISHED and TCPS_ESTABLISHED == 4',
  'abs(tcpi_rtt - 100 * 1000) < 0.5e3',
  'min(3, 2, 5) == 2 and max([1, 4.5]) == 4.5 and sum([1, 2], 3) == 6 and len((1, 2)) == 2',
  '7 // 2 == 3 and -7 // 2 == -4 and -7 % 3 == 2 and 7 % -3 == -2 and 7 / 2 == 3.5 and -7.5 % 2 == 0.5',
  '2 ** 64 - 1 == 0xffffffffffffffff and 2 ** -1 == 0.5 and -2 ** 2 == -4 and 2 ** 3 ** 2 == 512',
  '1 << 40 >> 38 == 4 and 5 ^ 1 == 4 and ~0 == -1 and 0b11 == 3 and 0o17 == 15 and 1_000 == 1000',
  '1 == 1.0 == True and not 1 == "1" and (1, 2) == (1, 2) and [1] != (1,)',
  '2**53 + 1 != 2.0**53',
  '(1, 2) < (1, 3) < (1, 3, 0) and "a" < "b"',
  '3 in [1, 2, 3] and 4 not in (1, 2) and "cw" in "tcpi_snd_cwnd"',
  '(1 if tcpi_state == 2 else 5) == 5',
  'all(x > 0 for x in [1, 2]) and any([x == 2 for x in range(3) if x]) and not any(())',
  'int("12") == 12 and int(3.9) == 3 and float("1.5") == 1.5 and round(2.5) == 2 and round(-1.5) == -2 and round(7) == 7 and round(2.25, 1) == 2.2',
  'str(10.0) == "10.0" and str(10) == "10" and repr("it\'s") == \'"it\\\'s"\' and hex(255) == "0xff"',
  '[1, 2, 3][-1] == 3 and "abc"[1:] == "bc" and [1, 2][:1] == [1]',
  '"%d of %5.2f, %-4s|%04d %x %s%%" % (3, 2.5, "ab", 7, 255, None) == "3 of  2.50, ab  |0007 ff None%"',
  '"%s" % 5 == "5" and "%r" % "a" == "\'a\'" and "%+d" % 5 == "+5" and "%g" % 0.0001 == "0.0001"',
  '"{} {}".format(1, 2) == "1 2" and "{0:>4d}|{1:.1f}".format(5, 2.25) == "   5|2.2"',
  'f"{tcpi_snd_cwnd + 1:03d} {{x}}" == "011 {x}" and f"{1.5!r}" == "1.5"',
  '"a" "b" == "ab" and "\\x41\\t" == "A\\t" and r"\\x" == "\\\\x"',
  '",".join(["a", "b"]) == "a,b" and "a b".split() == ["a", "b"] and "Abc".lower().startswith("ab")',
  '(tcpi_rtt >= 100000 and\n   tcpi_rtt <= 101000)',
  'tcpi_rtt > 1 \\\n  and True',
  'sorted([3, 1, 2]) == [1, 2, 3] and list(range(4, 0, -2)) == [4, 2]',
  '1e3 == 1000 and .5 == 0.5 and 5. == 5',
  'None or 3 and 0 or "x"',
];

describe('what holds', () => {
  test.each(TRUE)('%s', (code) => {
    expect(thrown(`assert ${code}`)).toBeUndefined();
  });

  test.each(TRUE)('and its opposite does not: %s', (code) => {
    expect(thrown(`assert not (${code})`)).toMatchObject({ kind: 'AssertionError' });
  });
});

describe('a failing assertion', () => {
  const message = (code: string) => {
    const error = thrown(code);
    return error instanceof PythonError ? [error.line, error.message] : error;
  };

  test('without a message shows the test and what its names stood for', () => {
    expect(message('\nassert tcpi_snd_cwnd  ==\\\n 2 * x or "tcpi_rtt" in ()\n')).toMatchObject([
      21,
      "x.pkt:21: NameError: name 'x' is not defined",
    ]);
    expect(message('x = 3\nassert tcpi_snd_cwnd  == 2 * x or "y" in ()')).toEqual([
      21,
      'x.pkt:21: AssertionError: tcpi_snd_cwnd == 2 * x or "y" in () (tcpi_snd_cwnd = 10, x = 3)',
    ]);
  });

  test('with a message shows the message', () => {
    expect(message('assert False, "cwnd=%d" % tcpi_snd_cwnd')).toEqual([
      20,
      'x.pkt:20: AssertionError: cwnd=10',
    ]);
    expect(message('assert tcpi_rtt < 5, tcpi_rtt')).toEqual([20, 'x.pkt:20: AssertionError: 100412']);
  });
});

describe('statements', () => {
  test('assign, in chains, to several names and on top', () => {
    expect(printed('a = b = 2\nb += 3; c, d = a, b\nprint(a, b, c, d)')).toEqual(['2 5 2 5']);
  });

  test('print in the ways of both Pythons', () => {
    expect(printed('print "a", 1\nprint("b", 2.0)\nprint\nprint(("c",))\nprint("x", "y", sep="-")')).toEqual([
      'a 1',
      'b 2.0',
      '',
      "('c',)",
      'x-y',
    ]);
  });

  test('branch and loop', () => {
    const code = `
if tcpi_state == 2:
  print("no")
elif tcpi_state == 1:
  for i in range(5):
    if i == 1: continue
    if i == 3:
      break
    print(i)
else: print("no")
# a comment
n = 0
while True:
	n += 1
	if n > 3: break
print(n); pass
`;
    expect(printed(code)).toEqual(['0', '2', '4']);
  });

  test('keep their names from block to block', () => {
    const env = environment();
    runPython('x = tcpi_snd_cwnd', env, place);
    runPython('assert x == 10', env, place);
    expect(env.variables.get('x')).toBe(10n);
  });

  test('hide nothing: a comprehension gives its name back', () => {
    expect(printed('x = 1\ny = [x * 2 for x in [4, 5]]\nprint(x, y)')).toEqual(['1 [8, 10]']);
  });

  test('over several lines in brackets, with comments', () => {
    expect(printed('x = [1, # one\n  2,\n\n 3]\nprint(x)')).toEqual(['[1, 2, 3]']);
  });
});

describe('errors of Python', () => {
  test.each([
    ['x', 'NameError', "name 'x' is not defined"],
    ['1 / 0', 'ZeroDivisionError', 'division by zero'],
    ['1 % 0', 'ZeroDivisionError', 'division by zero'],
    ['1 + "a"', 'TypeError', "unsupported operand type(s) for +: 'int' and 'str'"],
    ['1 < "a"', 'TypeError', "'<' not supported between instances of 'int' and 'str'"],
    ['-"a"', 'TypeError', "bad operand type for unary -: 'str'"],
    ['[1][5]', 'IndexError', 'index out of range'],
    ['int("x")', 'ValueError', "invalid literal for int(): 'x'"],
    ['a, b = 1, 2, 3', 'ValueError', 'cannot unpack 3 values into 2 names'],
    ['"%d %d" % 1', 'TypeError', 'not enough arguments for format string'],
    ['"%d" % (1, 2)', 'TypeError', 'not all arguments converted during string formatting'],
    ['len(5)', 'TypeError', "'int' object is not iterable"],
    ['1 << 5000', 'MemoryError', 'this number is too large'],
    ['while True: pass', 'RuntimeError', 'this code runs too long'],
    ['range(10 ** 9)', 'MemoryError', 'this range is too long'],
  ])('%s', (code, kind, message) => {
    expect(thrown(code)).toMatchObject({ kind, line: 20, message: `x.pkt:20: ${kind}: ${message}` });
  });

  test('name the field that nobody knows', () => {
    expect(thrown('assert tcpi_unheard == 1')).toMatchObject({ kind: 'NameError', missing: 'tcpi_unheard' });
  });
});

describe('more Python than we have is not supported, which is no failure', () => {
  test.each([
    ['import os'],
    ['def f(): pass'],
    ['x = lambda: 1'],
    ['x = {1: 2}'],
    ['x.y = 1'],
    ['x = y.z'],
    ['try: pass'],
    ['open("x")'],
    ['x = min'],
    ['"a".title()'],
    ['print("a", end="") or f(x=1)'],
    ['assert 1 ==='],
    ['x = "a'],
    ['x = 1 ? 2'],
    ['  x = 1\n y = 2'],
    ['if 1:\nx = 1'],
    ['f"{1:{2}}"'],
    ['assert (1'],
  ])('%s', (code) => {
    const error = thrown(`1\n${code}`);
    expect(error).toBeInstanceOf(ScriptError);
    expect(error).toMatchObject({ kind: 'unsupported', file: 'x.pkt' });
    expect((error as ScriptError).line).toBeGreaterThanOrEqual(21);
  });

  test('and parentheses or sums without end are no crash', () => {
    const reason = { kind: 'unsupported', message: 'x.pkt:20:1: Python: nested too deeply' };
    expect(thrown(`x = ${'('.repeat(50_000)}1${')'.repeat(50_000)}`)).toMatchObject(reason);
    expect(thrown(`x = ${'1+'.repeat(50_000)}1`)).toMatchObject(reason);
  });

  test('and what only the reader sees is told without running', () => {
    expect(() => checkPython('assert x\nimport os', place)).toThrow(
      "x.pkt:21:1: Python: this statement is not had here, found 'import'",
    );
    expect(() => checkPython('assert unheard', place)).not.toThrow();
  });
});

const operand = fc.oneof(fc.integer({ min: -50, max: 50 }), fc.constantFrom(0, 1, 2 ** 31, -(2 ** 31)));

property.prop([operand, operand.filter((b) => b !== 0)])(
  'a == b * (a // b) + a % b, as Python has it',
  (a, b) => {
    const env = environment({ a, b });
    runPython('assert a == b * (a // b) + a % b and 0 <= (a % b) * b < b * b', env, place);
  },
);

property.prop([fc.string({ unit: 'grapheme-ascii', maxLength: 40, size: 'max' })])(
  'whatever is read, what is thrown has a file and a line',
  (code) => {
    const error = thrown(code);
    if (error !== undefined) expect(error).toMatchObject({ file: 'x.pkt', line: expect.any(Number) });
  },
);
