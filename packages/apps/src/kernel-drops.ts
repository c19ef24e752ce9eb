// What the kernel could not hand us because we did not read fast enough: the device's tx drops, by `ip -s link`.

import { findTool, nsenterCommand, type OpenedDevice } from '@tunstack/tun';
import { runTool } from './run-tool.ts';

const LIMIT_MS = 2000;

/** Packets, or undefined where `ip` is not installed or the device is gone. */
export async function kernelDrops(device: OpenedDevice): Promise<number | undefined> {
  const ip = findTool('ip');
  if (ip === undefined) return undefined;
  const words = [...nsenterCommand(device), ip, '-s', '-j', 'link', 'show', 'dev', device.name];
  const { code, stdout } = await runTool(words, '', LIMIT_MS);
  if (code !== 0) return undefined;
  try {
    const [link] = JSON.parse(stdout) as { stats64?: { tx?: { dropped?: number } } }[];
    return link.stats64?.tx?.dropped;
  } catch {
    return undefined;
  }
}
