// What will happen, in order of time and, at one moment, of having been made.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { Agenda } from './agenda.ts';

property.prop([fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60, size: 'max' })])(
  'events happen in order of time, ties in order of making',
  (times) => {
    const agenda = new Agenda();
    const happened: [number, number][] = [];
    for (const [order, at] of times.entries()) agenda.add(at, () => happened.push([at, order]));
    agenda.run(10);
    expect(happened.every(([at]) => at <= 10)).toBe(true);
    expect(agenda.size).toBe(times.filter((at) => at > 10).length);
    agenda.run(Number.POSITIVE_INFINITY);
    const expected = times.map((at, order) => [at, order] as [number, number]);
    expect(happened).toEqual(expected.sort((a, b) => a[0] - b[0] || a[1] - b[1]));
  },
);

test('an event may make another for the same moment', () => {
  const agenda = new Agenda();
  const happened: string[] = [];
  agenda.add(5, () => {
    happened.push('first');
    agenda.add(5, () => happened.push('second'));
  });
  agenda.run(5);
  expect(happened).toEqual(['first', 'second']);
});

test('running to the end of time with nothing left is no harm', () => {
  const agenda = new Agenda();
  agenda.run(Number.POSITIVE_INFINITY);
  expect(agenda.nextUs).toBe(Number.POSITIVE_INFINITY);
});
