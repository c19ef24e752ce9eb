// What stands in `<...>` behind a TCP packet: the options of RFC 9293 3.1, 7323, 2018, 7413, 2385, and AccECN's.

import type { Position, SackBlock, TcpOption } from './ast.ts';
import type { TokenCursor } from './token-cursor.ts';

const ACCECN_NAMES = new Set(['accecn0', 'accecn1', 'exp-accecn0', 'exp-accecn1', 'accecn', 'ecn']);

/** From `<` to `>`, both taken; `any` for `<...>`. Without `<` there are none. */
export function parseTcpOptions(cursor: TokenCursor): TcpOption[] | 'any' {
  if (!cursor.acceptMark('<')) return [];
  if (cursor.acceptMark('>')) return [];
  if (cursor.is('ellipsis')) {
    cursor.advance();
    cursor.mark('>', ' behind <...');
    return 'any';
  }
  const options: TcpOption[] = [];
  do options.push(option(cursor));
  while (cursor.acceptMark(','));
  if (!cursor.acceptMark('>')) cursor.expected("',' or '>' behind a TCP option");
  return options;
}

function option(cursor: TokenCursor): TcpOption {
  const at = cursor.at;
  let name = cursor.word('a TCP option');
  if (name === 'exp' && cursor.acceptMark('-')) name = `exp-${cursor.word('a TCP option behind exp-')}`;
  switch (name) {
    case 'nop':
    case 'eol':
    case 'sackOK':
      return { kind: name };
    case 'mss':
      return { kind: 'mss', value: cursor.integer('the value of mss', 0xffff) };
    case 'wscale':
      if (cursor.acceptMark('*')) return { kind: 'wscale', value: undefined };
      return { kind: 'wscale', value: cursor.integer('the value of wscale', 0xff) };
    case 'TS':
      return timestamps(cursor);
    case 'sack':
      return { kind: 'sack', blocks: sackBlocks(cursor) };
    case 'FO':
    case 'FOEXP':
      return { kind: name, cookie: hexadecimal(cursor, 'the cookie') };
    case 'exp-FO':
      return { kind: 'FOEXP', cookie: hexadecimal(cursor, 'the cookie') };
    case 'md5':
      if (cursor.acceptWord('valid')) return { kind: 'md5', digest: 'valid' };
      return { kind: 'md5', digest: hexadecimal(cursor, 'the digest') };
    case 'exp-tarr':
      return {
        kind: 'exp-tarr',
        value: cursor.is('integer') ? cursor.integer('the ratio', 0x7ff) : undefined,
      };
    default:
      return rare(cursor, name, at);
  }
}

function rare(cursor: TokenCursor, name: string, at: Position): TcpOption {
  if (!ACCECN_NAMES.has(name.toLowerCase()))
    cursor.unsupported(`'${name}' is not a TCP option known here`, at);
  const counters: { name: string; value: number }[] = [];
  while (cursor.is('word')) {
    const counter = cursor.advance().text;
    counters.push({ name: counter, value: cursor.integer(`the counter ${counter}`, 0xff_ffff) });
  }
  return { kind: 'accecn', name, counters };
}

function timestamps(cursor: TokenCursor): TcpOption {
  if (!cursor.acceptWord('val')) cursor.expected("'val' behind TS");
  let value: number | undefined;
  if (cursor.is('ellipsis')) cursor.advance();
  else value = cursor.integer('the value of TS val');
  if (!cursor.acceptWord('ecr')) cursor.expected("'ecr' behind TS val");
  const echo = cursor.integer('the value of ecr');
  return { kind: 'TS', value, echo, echoAbsolute: cursor.acceptMark('!') };
}

function sackBlocks(cursor: TokenCursor): SackBlock[] {
  const blocks: SackBlock[] = [];
  do {
    const left = cursor.integer('the left edge of a SACK block');
    cursor.mark(':', ' in a SACK block');
    blocks.push({ left, right: cursor.integer('the right edge of a SACK block') });
  } while (cursor.is('integer'));
  return blocks;
}

/** Hexadecimal digits, an even number, which the lexer may have taken for an integer; none is ''. */
function hexadecimal(cursor: TokenCursor, what: string): string {
  if (!cursor.is('word') && !cursor.is('integer')) return '';
  const { text } = cursor.current;
  if (!/^([\da-fA-F]{2})+$/.test(text)) cursor.expected(`${what} as pairs of hexadecimal digits`);
  return cursor.advance().text.toLowerCase();
}
