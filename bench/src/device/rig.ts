// What echo and ping stand on: a TUN in a namespace of its own, and a reflector on it that is stopped and let run.

import { closeDevice, nsenterCommand, type OpenedDevice, openDevice } from '@tunstack/tun';
import { built } from '../rig/built.ts';
import { Child, cpuNs } from '../rig/child.ts';
import { cpus, pinned } from '../rig/cpus.ts';
import { nativeProgram } from '../rig/native.ts';
import { KERNEL_ADDRESS } from '../rig/tun.ts';
import type { Goal, RowExtras } from '../rows.ts';

/** The prefill and the kernel's own IPv6 chatter: no packet may find the queue full. */
const TXQUEUELEN = 10_240;

export type Side = 'ours' | 'anchor';

/** What stands beside ours in a row; beside another build of ours there is no goal. */
export function beside(against: string | undefined, goal?: Goal): RowExtras {
  return against === undefined ? { against: 'C, epoll', goal } : { against: 'the other build' };
}

/** One reflector, C's or ours, on its TUN. It is stopped (SIGSTOP) but while `run` lets it run. */
export class Rig {
  private readonly device: OpenedDevice;
  private readonly reflector: Child;

  private constructor(device: OpenedDevice, reflector: Child) {
    this.device = device;
    this.reflector = reflector;
  }

  /** Ours, or the anchor: C's, or that of another build. */
  static async start(side: Side, against?: string): Promise<Rig> {
    const words =
      side === 'anchor' && against === undefined
        ? [await nativeProgram('reflector')]
        : [process.execPath, built('device/reflector.js', side === 'ours' ? undefined : against)];
    const device = openDevice({ mode: 'tun', netns: 'new', address: KERNEL_ADDRESS, txqueuelen: TXQUEUELEN });
    const reflector = new Child(pinned(cpus().stack, words), device.fd);
    const rig = new Rig(device, reflector);
    try {
      if ((await reflector.line()) !== 'ready') throw new Error('the reflector did not become ready');
    } catch (error) {
      await rig.end();
      throw error;
    }
    reflector.process.kill('SIGSTOP');
    return rig;
  }

  /** Starts a program of the peer's in the namespace, on a CPU. */
  peer(cpu: number, words: readonly string[]): Child {
    return new Child([...nsenterCommand(this.device), ...pinned(cpu, words)]);
  }

  resume(): void {
    this.reflector.process.kill('SIGCONT');
  }

  pause(): void {
    this.reflector.process.kill('SIGSTOP');
  }

  /** Nanoseconds of the reflector's CPU so far. */
  cpuNs(): { thread: number; process: number } {
    return cpuNs(this.reflector.process.pid as number);
  }

  async end(): Promise<void> {
    await this.reflector.end();
    closeDevice(this.device);
  }
}
