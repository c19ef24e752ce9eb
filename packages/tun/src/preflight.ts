// Can this process open a TUN, and if not, what would help? Source: ecosystem practice on Debian, Ubuntu, Docker; each
// check tries the thing itself instead of guessing from versions.
import { closeSync, constants, openSync, readFileSync, statSync } from 'node:fs';
import { hintFor, TunError } from './errors.ts';
import { native } from './native.ts';
import { closeDevice, openDevice, probeNetns } from './open.ts';

export interface PreflightCheck {
  /** 'linux', 'addon', 'device', 'open', 'net-admin', 'netns', 'tun' */
  readonly name: string;
  readonly ok: boolean;
  /** One line for a reader. */
  readonly detail: string;
  /** What to run. Only where `ok` is false. */
  readonly remedy?: string;
  /** False: its failure alone does not make the verdict bad. */
  readonly required: boolean;
}

export interface Preflight {
  /** A TUN in a network namespace of our own can be opened, without further privilege. */
  readonly ok: boolean;
  readonly checks: readonly PreflightCheck[];
}

const CAP_NET_ADMIN = 12n;

/**
 * Looks from the bottom up, and stops where nothing above can work. Takes a few milliseconds, leaves nothing behind.
 *
 * @example
 * const { ok, checks } = preflight();
 * if (!ok) for (const check of checks) if (!check.ok) console.error(check.detail, check.remedy);
 */
export function preflight(): Preflight {
  const checks: PreflightCheck[] = [];
  for (const look of [linux, addon, deviceNode, openable, netAdmin, namespace, device]) {
    const check = look();
    checks.push(check);
    if (!check.ok && check.required) break;
  }
  return { ok: checks.every((check) => check.ok || !check.required), checks };
}

/** The verdict as lines of text: one a check, remedies below. */
export function formatPreflight(verdict: Preflight): string[] {
  const lines: string[] = [];
  for (const check of verdict.checks) {
    lines.push(
      `${check.ok ? 'ok  ' : check.required ? 'FAIL' : 'note'} ${check.name.padEnd(9)} ${check.detail}`,
    );
    if (check.remedy !== undefined) lines.push(`     ${''.padEnd(9)} try: ${check.remedy}`);
  }
  return lines;
}

function pass(name: string, detail: string): PreflightCheck {
  return { name, ok: true, detail, required: true };
}

function fail(name: string, detail: string, remedy: string): PreflightCheck {
  return { name, ok: false, detail, remedy, required: true };
}

function linux(): PreflightCheck {
  if (process.platform === 'linux') return pass('linux', `${process.platform} ${process.arch}`);
  return fail('linux', `this is ${process.platform}`, 'run it on Linux (a container or a VM will do)');
}

function addon(): PreflightCheck {
  try {
    native();
    return pass('addon', `loaded, Node.js ${process.versions.node}`);
  } catch (error) {
    const { message, hint } = error as Error & { hint?: string };
    return fail('addon', message, hint ?? 'node packages/tun/scripts/build.mjs');
  }
}

function deviceNode(): PreflightCheck {
  const path = '/dev/net/tun';
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return fail('device', `${path} does not exist`, hintFor('ENOENT', 'open'));
  if (!stat.isCharacterDevice()) return fail('device', `${path} is no device`, hintFor('ENOENT', 'open'));
  return pass('device', `${path}, mode ${(stat.mode & 0o777).toString(8).padStart(4, '0')}`);
}

function openable(): PreflightCheck {
  try {
    closeSync(openSync('/dev/net/tun', constants.O_RDWR));
    return pass('open', '/dev/net/tun opens for reading and writing');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    return fail('open', `/dev/net/tun: ${code}`, hintFor(code, 'open'));
  }
}

/** Only a note: it takes this capability to make devices in the host's own namespace. */
function netAdmin(): PreflightCheck {
  const mask = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  if ((BigInt(`0x${mask}`) >> CAP_NET_ADMIN) & 1n) {
    return { ...pass('net-admin', 'CAP_NET_ADMIN is there'), required: false };
  }
  return {
    ...fail('net-admin', "no CAP_NET_ADMIN: only namespaces of our own (netns 'new')", 'run as root'),
    remedy: 'for a device in the host\'s namespace, root once: ip tuntap add dev tun0 mode tun user "$USER"',
    required: false,
  };
}

function namespace(): PreflightCheck {
  try {
    const how = probeNetns() === 'thread' ? 'as root, by a helper thread' : 'as user, in a user namespace';
    return pass('netns', `a network namespace can be made ${how}`);
  } catch (error) {
    return failed('netns', error);
  }
}

function device(): PreflightCheck {
  try {
    const opened = openDevice({ mode: 'tun', netns: 'new' });
    closeDevice(opened);
    return pass('tun', `${opened.name} was opened in it`);
  } catch (error) {
    return failed('tun', error);
  }
}

function failed(name: string, error: unknown): PreflightCheck {
  if (error instanceof TunError) return fail(name, `${error.syscall}: ${error.code}`, error.hint);
  throw error;
}
