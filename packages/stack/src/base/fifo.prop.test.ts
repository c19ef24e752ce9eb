// The queue against an array that does the same.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { Fifo } from './fifo.ts';

const steps = fc.array(fc.oneof(fc.integer({ min: 0 }), fc.constant('shift' as const)), {
  maxLength: 200,
  size: 'max',
});

property.prop([fc.integer({ min: 1, max: 40 }), steps])(
  'a queue gives back what an array would, and refuses exactly what is beyond its limit',
  (limit, script) => {
    const queue = new Fifo<number>(limit);
    const model: number[] = [];
    for (const step of script) {
      if (step === 'shift') expect(queue.shift()).toBe(model.shift());
      else {
        expect(queue.push(step)).toBe(model.length < limit);
        if (model.length < limit) model.push(step);
      }
      expect(queue.size).toBe(model.length);
      expect(queue.room).toBe(limit - model.length);
      for (let i = 0; i < model.length; i++) expect(queue.at(i)).toBe(model[i]);
    }
  },
);

test('a queue is not read outside its size', () => {
  const queue = new Fifo<number>(4);
  queue.push(1);
  expect(() => queue.at(1)).toThrow('read within its size');
  expect(() => queue.at(-1)).toThrow('read within its size');
});
