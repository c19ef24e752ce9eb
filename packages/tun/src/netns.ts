// How to reach the network namespace of a device from a shell. Source: nsenter(1), ip-netns(8).
import { lstatSync, mkdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { TunError } from './errors.ts';
import type { OpenedDevice } from './open.ts';

/** Where `ip netns` looks. */
export const NETNS_DIR = '/run/netns';

/**
 * The words to put in front of a command to run it in the device's namespace, as long as this process lives. Empty when
 * the device is in the caller's own.
 *
 * @example
 * [...nsenterCommand(device), 'ping', '-c1', '10.9.0.2'].join(' ');  // nsenter --net=/proc/4711/fd/22 ping -c1 10.9.0.2
 */
export function nsenterCommand(device: Pick<OpenedDevice, 'netnsFd' | 'usernsFd'>): string[] {
  if (device.netnsFd < 0) return [];
  const net = `--net=/proc/${process.pid}/fd/${device.netnsFd}`;
  if (device.usernsFd < 0) return ['nsenter', net];
  return ['nsenter', `--user=/proc/${process.pid}/fd/${device.usernsFd}`, '--preserve-credentials', net];
}

/**
 * Gives the device's namespace a name for `ip netns exec NAME ...`: a symbolic link, which pins nothing and goes stale
 * with this process. A stale one is replaced. Needs write permission to /run/netns: root.
 *
 * @returns the path of the link
 * @throws TunError EEXIST when the name is that of a living namespace; EACCES
 */
export function linkNetns(
  device: Pick<OpenedDevice, 'netnsFd'>,
  name: string,
  dir: string = NETNS_DIR,
): string {
  const path = `${dir}/${name}`;
  if (device.netnsFd < 0) {
    throw new TunError(22, 'symlink', {
      path,
      hint: "the device is in no namespace of its own: open it with netns 'new'",
    });
  }
  try {
    mkdirSync(dir, { recursive: true, mode: 0o755 });
    if (isPresent(path)) {
      if (isAlive(path)) {
        const hint = `a namespace of that name lives: choose another name, or ip netns delete ${name}`;
        throw new TunError(17, 'symlink', { path, hint });
      }
      unlinkSync(path);
    }
    symlinkSync(`/proc/${process.pid}/fd/${device.netnsFd}`, path);
  } catch (error) {
    throw asTunError(error, 'symlink', path);
  }
  return path;
}

/** Removes a name that `linkNetns` of this process gave; no error when it is gone or another's. */
export function unlinkNetns(name: string, dir: string = NETNS_DIR): void {
  const path = `${dir}/${name}`;
  try {
    if (readlinkSync(path).startsWith(`/proc/${process.pid}/fd/`)) unlinkSync(path);
  } catch {
    // gone already
  }
}

function isPresent(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** A link is stale when its process, or the descriptor in it, is gone, or is no namespace any more. */
function isAlive(path: string): boolean {
  if (!lstatSync(path).isSymbolicLink()) return true; // made by `ip netns add`
  const target = readlinkSync(path);
  if (!/^\/proc\/\d+\/fd\/\d+$/.test(target))
    return lstatSync(target, { throwIfNoEntry: false }) !== undefined;
  try {
    return readlinkSync(target).startsWith('net:');
  } catch {
    return false;
  }
}

function asTunError(error: unknown, syscall: string, path: string): unknown {
  if (error instanceof TunError || !(error instanceof Error)) return error;
  const errno = (error as NodeJS.ErrnoException).errno;
  if (errno === undefined) return error;
  return new TunError(-errno, syscall, {
    path,
    hint: 'names for `ip netns` take root: use nsenterCommand(device)',
  });
}
