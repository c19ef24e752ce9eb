import { World } from '@tunstack/sim';

const world = new World({ seed: 7 });
const [a, b] = [world.stack(), world.stack()];
const wire = world.wire({ impairment: { loss: 0.1, delayUs: 20_000, jitterUs: 5_000 } });
a.addLink(wire.ends[0], '10.0.0.1/24');
b.addLink(wire.ends[1], '10.0.0.2/24');

let replies = 0;
const ping = a.echoSocket({
  readable(socket) {
    while (socket.receive() !== undefined) replies++;
  },
});
for (let i = 1; i <= 100; i++) world.after(i * 10, () => ping.send('10.0.0.2', i, new Uint8Array(56)));
world.runFor(60_000);
console.log(`${replies} of 100 came back; the wire lost ${wire.counters.lost}`);
