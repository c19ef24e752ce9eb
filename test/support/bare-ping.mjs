// Two stacks on a cable, and ten pings: all it takes of the world is a clock, an entropy and a link, written here.

import { Stack } from '@tunstack/stack';
import { FULL, Inbox, MEDIUM_IP, newLinkCounters, TAKEN } from '@tunstack/stack/contract';

let now = 0x7fffff00; // wraps on the way
const clock = { nowMs: () => now | 0, nowUs: () => Math.imul(now, 1000) };

let state = 1;
const entropy = {
  int32() {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state;
  },
};

const runnable = [];
class CableEnd {
  name = 'cable0';
  medium = MEDIUM_IP;
  mtu = 1500;
  features = 0;
  headroom = 0;
  up = true;
  counters = newLinkCounters();
  inbox = new Inbox(64, this.counters);
  get room() {
    return this.peer.inbox.room;
  }
  get backlog() {
    return this.inbox.backlog;
  }
  attach(user) {
    this.user = user;
  }
  poll(budget) {
    return this.inbox.poll(this.user, budget);
  }
  transmit(packet) {
    return packet.own() && this.peer.inbox.push(packet) ? TAKEN : FULL;
  }
  flush() {
    this.peer.user?.ready();
  }
  close() {
    this.inbox.clear();
  }
}

function host(end, address) {
  const stack = new Stack({ clock, entropy });
  const wake = () => {
    if (!runnable.includes(stack)) runnable.push(stack);
  };
  stack.attachHost({ wake, wakeNow: wake });
  stack.addLink(end, address);
  return stack;
}

const [left, right] = [new CableEnd(), new CableEnd()];
left.peer = right;
right.peer = left;
const a = host(left, '10.0.0.1/24');
const b = host(right, '10.0.0.2/24');

let replies = 0;
const ping = a.echoSocket({
  readable(socket) {
    while (socket.receive() !== undefined) replies++;
  },
});
for (let sequence = 1; sequence <= 10; sequence++) {
  ping.send('10.0.0.2', sequence, new Uint8Array(56));
  for (let pumps = 0; runnable.length > 0 && pumps < 100; pumps++) {
    const stack = runnable.shift();
    if (stack.pump()) runnable.push(stack);
  }
  now = (now + 100) | 0;
}
print(`${replies} of 10`);
a.close();
b.close();
