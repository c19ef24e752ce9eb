// The fast-check of whoever uses these arbitraries, handed in: the simulator has no dependency on it, and there is one copy.

import type * as fastCheck from 'fast-check';

/** `import fc from 'fast-check'`, version 4; or the `fc` of @fast-check/vitest. */
export type FastCheck = typeof fastCheck;
export type Arbitrary<T> = fastCheck.Arbitrary<T>;
