// The parser of packet scripts in packetdrill's language: options, an opening command, timed events, a closing command.

import type { CodeAction, CommandAction, EventTime, Script, ScriptEvent, SyscallAction } from './ast.ts';
import { type LexerOptions, lex, type Token } from './lexer.ts';
import { parseExpressions, parseResult } from './parse-expression.ts';
import { parsePacket } from './parse-packet.ts';
import { TokenCursor } from './token-cursor.ts';

/**
 * Reads a script. `file` is only for messages. Throws ScriptError (file, line, column, and whether it is a mistake or something of the
 * language that is not supported here). Nothing is played.
 *
 * @example
 * const script = parseScript('0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n', 'socket.pkt');
 * script.events[0].action; // { kind: 'syscall', name: 'socket', ... }
 */
export function parseScript(text: string, file: string, options: LexerOptions = {}): Script {
  const lines = text.replace(/^\ufeff/, '').replaceAll('\r\n', '\n');
  const cursor = new TokenCursor(lex(lines, file, options), lines, file);
  try {
    return script(cursor);
  } catch (error) {
    // Brackets within brackets are read by recursion: a stack that is full is a limit of ours, told like one.
    if (error instanceof RangeError) return cursor.unsupported('brackets are nested too deeply');
    throw error;
  }
}

function script(cursor: TokenCursor): Script {
  const { file } = cursor;
  const scriptOptions: Script['options'][number][] = [];
  while (cursor.is('option')) {
    const { text: name, value, at } = cursor.advance();
    scriptOptions.push({ name, value: unquoted(value), at });
  }
  const initCommands: CommandAction[] = [];
  while (cursor.is('command')) initCommands.push(command(cursor.advance()));
  const events: ScriptEvent[] = [];
  do events.push(event(cursor));
  while (!cursor.is('end') && !cursor.is('command'));
  const cleanupCommand = cursor.is('command') ? command(cursor.advance()) : undefined;
  if (!cursor.is('end')) cursor.fail('a command without a time must be the first or the last of the script');
  return { file, options: scriptOptions, initCommands, events, cleanupCommand };
}

function unquoted(value: string | undefined): string | undefined {
  return value === undefined
    ? undefined
    : value.replace(/^"([\s\S]*)"$/, '$1').replace(/^`([\s\S]*)`$/, '$1');
}

function command(token: Token): CommandAction {
  return { kind: 'command', text: token.text, at: token.at };
}

function code(token: Token): CodeAction {
  return { kind: 'code', text: token.text, at: token.at };
}

function event(cursor: TokenCursor): ScriptEvent {
  const at = cursor.at;
  // Code may go without a time: it then happens where it stands.
  if (cursor.is('code')) return { at, time: { kind: 'relative', fromUs: 0 }, action: code(cursor.advance()) };
  const time = eventTime(cursor);
  const found = action(cursor);
  const outgoing = found.kind === 'packet' && found.direction === 'out';
  if (time.kind === 'any' && !outgoing) cursor.fail('the time * can only be used with outgoing packets', at);
  if (time.kind.endsWith('-range') && !outgoing) {
    cursor.fail('a range of times can only be used with outgoing packets', at);
  }
  return { at, time, action: found };
}

function action(cursor: TokenCursor): ScriptEvent['action'] {
  if (cursor.isMark('<') || cursor.isMark('>')) return parsePacket(cursor);
  if (cursor.is('command')) return command(cursor.advance());
  if (cursor.is('code')) return code(cursor.advance());
  if (cursor.is('word') || cursor.is('ellipsis')) return syscall(cursor);
  return cursor.expected("a packet, a system call, `command` or %{ code }% behind the event's time");
}

/** `0.1`, `+.1`, `*`, `0.1~0.2`, `+0~+.05`. */
function eventTime(cursor: TokenCursor): EventTime {
  const at = cursor.at;
  if (cursor.acceptMark('*')) return { kind: 'any' };
  const relative = cursor.acceptMark('+');
  const fromUs = timeUs(cursor);
  if (!cursor.acceptMark('~')) return { kind: relative ? 'relative' : 'absolute', fromUs };
  if (cursor.acceptMark('+') && !relative) cursor.fail('a range of times has + on both sides or on none', at);
  const toUs = timeUs(cursor);
  if (toUs < fromUs) cursor.fail('this range of times ends before it begins', at);
  return { kind: relative ? 'relative-range' : 'absolute-range', fromUs, toUs };
}

function timeUs(cursor: TokenCursor): number {
  const { kind, text } = cursor.current;
  if ((kind !== 'integer' && kind !== 'float') || text.startsWith('0x')) cursor.expected('a time in seconds');
  if (text.startsWith('-')) cursor.fail(`a time cannot be negative: ${text}`);
  cursor.advance();
  return Math.round(Number(text) * 1e6);
}

function syscall(cursor: TokenCursor): SyscallAction {
  let endUs: number | undefined;
  if (cursor.is('ellipsis')) {
    cursor.advance();
    cursor.acceptMark('+');
    endUs = timeUs(cursor);
  }
  const at = cursor.at;
  const name = cursor.word('the name of a system call');
  cursor.mark('(', ` behind ${name}`);
  const args = parseExpressions(cursor, ')');
  cursor.mark('=', ` and the result behind ${name}(...)`);
  const result = parseResult(cursor);
  const errno = cursor.is('word') ? cursor.advance().text : undefined;
  let note: string | undefined;
  while (cursor.isMark('(')) {
    const words = cursor.balanced().slice(1, -1).trim().replace(/\s+/g, ' ');
    note = note === undefined ? words : `${note}; ${words}`;
  }
  return { kind: 'syscall', at, name, arguments: args, result, errno, note, endUs };
}
