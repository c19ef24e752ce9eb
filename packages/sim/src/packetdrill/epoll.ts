// epoll(7): level-triggered, edge-triggered and one-shot, over the masks of the descriptors.

import { POLLERR, POLLHUP } from './constants.ts';
import { at, type Descriptor, type Descriptors } from './descriptor.ts';
import { done, failed } from './errors.ts';
import { isFields } from './evaluate.ts';
import type { Outcome, Running, Value } from './target.ts';

const ADD = 1;
const DELETE = 2;
const MODIFY = 3;
const EDGE = 0x80000000;
const ONE_SHOT = 0x40000000;

interface Interest {
  events: number;
  data: Value;
  /** The descriptor's activity when it was last told of, with EPOLLET; -1: never. */
  told: number;
}

/** See the head of this file. */
export class Epoll implements Descriptor {
  readonly kind = 'epoll';
  nonblocking = false;
  activity = 0;
  private readonly interests: Map<number, Interest> = new Map();
  private readonly descriptors: Descriptors;

  constructor(descriptors: Descriptors) {
    this.descriptors = descriptors;
  }

  control(operation: number, fd: number, event: Value | undefined): Outcome {
    if (this.descriptors.get(fd) === undefined) return failed('EBADF');
    const known = this.interests.get(fd);
    if (operation === DELETE) return this.interests.delete(fd) ? done() : failed('ENOENT');
    if (operation === ADD && known !== undefined) return failed('EEXIST');
    if (operation === MODIFY && known === undefined) return failed('ENOENT');
    if ((operation !== ADD && operation !== MODIFY) || !isFields(event)) return failed('EINVAL');
    const { events, fd: own, ptr, u32, u64 } = event;
    const data = own ?? ptr ?? u32 ?? u64 ?? fd;
    this.interests.set(fd, { events: typeof events === 'number' ? events >>> 0 : 0, data, told: -1 });
    return done();
  }

  /** Up to `most` that are ready; `take`: what is edge-triggered counts as told. */
  ready(most: number, take: boolean): Value[] {
    const found: Value[] = [];
    for (const [fd, interest] of this.interests) {
      const descriptor = this.descriptors.get(fd);
      if (descriptor === undefined || found.length === most) continue;
      const events = (descriptor.mask() & (interest.events | POLLERR | POLLHUP)) >>> 0;
      const edge = (interest.events & EDGE) !== 0;
      if (interest.events === 0 || events === 0 || (edge && interest.told === descriptor.activity)) continue;
      found.push({ events, fd: interest.data, ptr: interest.data, u32: interest.data, u64: interest.data });
      if (!take) continue;
      interest.told = descriptor.activity;
      if ((interest.events & ONE_SHOT) !== 0) interest.events = 0;
    }
    return found;
  }

  mask(): number {
    return this.ready(1, false).length > 0 ? 1 : 0;
  }

  close(): Running {
    return at(done());
  }
}
