// Controllers by name.

import { expect, test } from 'vitest';
import { CONTROLLERS, controllerFactory } from './registry.ts';

test('each name makes the controller of that name; the default comes first', () => {
  expect(CONTROLLERS[0]).toBe('cubic');
  expect(CONTROLLERS.map((name) => controllerFactory(name, 1)?.(1460).name)).toEqual([...CONTROLLERS]);
});

test.each(['', 'vegas', 'Cubic', 'constructor'])('%j is the name of none', (name) => {
  expect(controllerFactory(name, 1)).toBe(undefined);
});

test('each connection gets a controller of its own', () => {
  const make = controllerFactory('bbr', 1);
  expect(make?.(1460)).not.toBe(make?.(1460));
});
