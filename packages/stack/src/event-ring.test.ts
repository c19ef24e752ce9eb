// The queue between core and application.

import { expect, test } from 'vitest';
import { EVENT_ERROR, EVENT_READABLE, type EventTarget } from './contract/events.ts';
import { EventRing } from './event-ring.ts';

function target(heard: string[], name: string, act: () => void = () => {}): EventTarget {
  return {
    pendingEvents: 0,
    dispatch(events) {
      heard.push(`${name}${events}`);
      act();
    },
  };
}

test('a target marked twice hears once, with all its bits, in the order of first marks', () => {
  const ring = new EventRing(4);
  const heard: string[] = [];
  const [a, b] = [target(heard, 'a'), target(heard, 'b')];
  ring.mark(a, EVENT_READABLE);
  ring.mark(b, EVENT_READABLE);
  ring.mark(a, EVENT_ERROR);
  expect(ring.size).toBe(2);
  ring.dispatchOne();
  ring.dispatchOne();
  ring.dispatchOne();
  expect(heard).toEqual(['a5', 'b1']);
});

test('a target marked by its own handler hears again, after the others', () => {
  const ring = new EventRing(4);
  const heard: string[] = [];
  let again = true;
  const a = target(heard, 'a', () => {
    if (again) ring.mark(a, EVENT_READABLE);
    again = false;
  });
  ring.mark(a, EVENT_READABLE);
  ring.mark(target(heard, 'b'), EVENT_READABLE);
  while (ring.size > 0) ring.dispatchOne();
  expect(heard).toEqual(['a1', 'b1', 'a1']);
});

test('a handler that throws is off the ring, and can be marked again', () => {
  const ring = new EventRing(4);
  const heard: string[] = [];
  const a = target(heard, 'a', () => {
    if (heard.length === 1) throw new Error('handler');
  });
  ring.mark(a, EVENT_READABLE);
  ring.mark(target(heard, 'b'), EVENT_READABLE);
  expect(() => ring.dispatchOne()).toThrow('handler');
  ring.mark(a, EVENT_ERROR);
  while (ring.size > 0) ring.dispatchOne();
  expect(heard).toEqual(['a1', 'b1', 'a4']);
});
