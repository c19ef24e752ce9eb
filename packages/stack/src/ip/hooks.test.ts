// The run over the hooks of a point.

import { expect, test } from 'vitest';
import { ACCEPT, DROP, type Hook, INPUT, OUTPUT, QUEUE, REPEAT, STOLEN } from '../contract/hook.ts';
import type { Packet } from '../contract/packet.ts';
import { Hooks } from './hooks.ts';

const packet = {} as Packet;

function hook(log: string[], name: string, ...verdicts: number[]): Hook {
  return {
    verdict() {
      log.push(name);
      return verdicts.length > 1 ? (verdicts.shift() as number) : verdicts[0];
    },
  };
}

test('hooks run by priority, equal ones in the order they were registered, and only at their point', () => {
  const hooks = new Hooks();
  const log: string[] = [];
  hooks.add(INPUT, hook(log, 'c', ACCEPT), 10);
  hooks.add(INPUT, hook(log, 'a', ACCEPT), -5);
  hooks.add(INPUT, hook(log, 'd', ACCEPT), 10);
  hooks.add(INPUT, hook(log, 'b', ACCEPT));
  hooks.add(OUTPUT, hook(log, 'x', DROP));
  expect(hooks.run(INPUT, packet)).toBe(ACCEPT);
  expect(log).toEqual(['a', 'b', 'c', 'd']);
});

test.each([DROP, STOLEN, QUEUE])('verdict %i ends the run at once', (verdict) => {
  const hooks = new Hooks();
  const log: string[] = [];
  hooks.add(INPUT, hook(log, 'a', verdict));
  hooks.add(INPUT, hook(log, 'b', ACCEPT));
  expect(hooks.run(INPUT, packet)).toBe(verdict);
  expect(log).toEqual(['a']);
});

test('REPEAT starts again at the first hook', () => {
  const hooks = new Hooks();
  const log: string[] = [];
  hooks.add(INPUT, hook(log, 'a', ACCEPT));
  hooks.add(INPUT, hook(log, 'b', REPEAT, ACCEPT));
  expect(hooks.run(INPUT, packet)).toBe(ACCEPT);
  expect(log).toEqual(['a', 'b', 'a', 'b']);
});

test('a hook that repeats for ever is a DROP after four times', () => {
  const hooks = new Hooks();
  const log: string[] = [];
  hooks.add(INPUT, hook(log, 'a', REPEAT));
  expect(hooks.run(INPUT, packet)).toBe(DROP);
  expect(log.length).toBe(5);
});

test('a removed hook runs no more, and removing it twice harms no other', () => {
  const hooks = new Hooks();
  const log: string[] = [];
  const a = hook(log, 'a', DROP);
  hooks.add(INPUT, a);
  hooks.add(INPUT, hook(log, 'b', ACCEPT));
  hooks.remove(INPUT, a);
  hooks.remove(INPUT, a);
  expect(hooks.run(INPUT, packet)).toBe(ACCEPT);
  expect(log).toEqual(['b']);
});
