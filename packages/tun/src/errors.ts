// Errors of system calls: code, errno, syscall, what it was about, and a hint that can be run. Source: errno(3), and for
// the hints tuntap.rst, user_namespaces(7), network_namespaces(7).
import { getSystemErrorMap } from 'node:util';

// libuv has no names for these.
const EXTRA: ReadonlyMap<number, readonly [string, string]> = new Map([
  [77, ['EBADFD', 'file descriptor in bad state']],
  [-1, ['EOF', 'end of stream']],
]);

/** `[code, text]` of an errno: 13 -> ['EACCES', 'permission denied']. -1 is the end of a stream. */
export function describeErrno(errno: number): readonly [string, string] {
  return (
    EXTRA.get(errno) ?? getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, `unknown system error ${errno}`]
  );
}

/** What a failed call was about. */
export interface FailureContext {
  dev?: string | undefined;
  path?: string | undefined;
  /** What was to be opened. Default 'tun'. */
  mode?: 'tun' | 'tap' | undefined;
  /** By a forked child in a user namespace. */
  userNamespace?: boolean;
  hint?: string | undefined;
}

/**
 * A system call that failed. One line, with what to do about it.
 *
 * @example
 * try { openDevice({ mode: 'tun', name: 'tun0' }); }
 * catch (error) { error.code; error.syscall; error.hint; }  // 'EBUSY', 'ioctl(TUNSETIFF)', 'another process has ...'
 */
export class TunError extends Error {
  /** 'EBUSY', 'EACCES' ... */
  readonly code: string;
  /** Positive, as in errno(3). */
  readonly errno: number;
  readonly syscall: string;
  readonly dev?: string;
  readonly path?: string;
  /** What to run or change. */
  readonly hint: string;

  constructor(errno: number, syscall: string, context: FailureContext = {}) {
    const [code, text] = describeErrno(errno);
    const hint = context.hint ?? hintFor(code, syscall, context);
    const about = context.path ?? context.dev;
    super(`${syscall}${about === undefined ? '' : ` ${about}`}: ${code}, ${text}; ${hint}`);
    this.name = 'TunError';
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    if (context.dev !== undefined) this.dev = context.dev;
    if (context.path !== undefined) this.path = context.path;
    this.hint = hint;
  }
}

const TUN_NODE = '/dev/net/tun';
const ROOT_OR_CAP = "run as root, or in a namespace of your own: netns 'new'";
const USERNS_OFF =
  'user namespaces are off for you: run as root, or (root, once) sysctl user.max_user_namespaces=15000';
const USERNS_APPARMOR =
  'user namespaces are restricted: run as root, or (root) sysctl kernel.apparmor_restrict_unprivileged_userns=0, ' +
  'in a container add --cap-add NET_ADMIN --cap-add SYS_ADMIN or --security-opt seccomp=unconfined';

/** The remedy for a failure, by call and code: the table of what people meet. */
export function hintFor(code: string, syscall: string, context: FailureContext = {}): string {
  const dev = context.dev ?? 'tun0';
  if (syscall === 'open') return openHint(code, context);
  if (syscall === 'ioctl(TUNSETIFF)') return attachHint(code, dev, context);
  if (syscall === 'open(netns)') {
    return code === 'ENOENT' ? 'no such namespace: ip netns list, ip netns add NAME' : ROOT_OR_CAP;
  }
  if (syscall === 'setns') {
    return code === 'EINVAL' ? 'that file is not a network namespace: ip netns list' : 'run as root';
  }
  if (syscall.startsWith('unshare') || syscall.startsWith('write(')) {
    return code === 'ENOSPC' || code === 'EUSERS' ? USERNS_OFF : USERNS_APPARMOR;
  }
  if (syscall === 'rtnetlink(RTM_GETLINK)' && code === 'ENODEV') {
    return `no device of that name: ip tuntap add dev ${dev} mode ${context.mode ?? 'tun'} user "$USER"`;
  }
  if (syscall.startsWith('rtnetlink')) {
    if (code === 'EPERM') return `ask root to do it once: ip link set ${dev} up; or ${ROOT_OR_CAP}`;
    if (code === 'EINVAL' || code === 'ERANGE')
      return 'a value is out of range: see ip -d link (minmtu, maxmtu)';
  }
  if (syscall.startsWith('ioctl('))
    return 'this kernel does not take these offloads: all need TUN_F_CSUM; or leave vnetHdr and offload off';
  if (code === 'EIO') return `the device is down: ip link set ${dev} up`;
  if (code === 'EBADFD') return 'the device was deleted: open it again';
  if (code === 'EPERM' || code === 'EACCES') return ROOT_OR_CAP;
  if (code === 'EMFILE' || code === 'ENFILE') return 'too many open files: ulimit -n';
  return 'see errno(3)';
}

function openHint(code: string, { mode, path = TUN_NODE }: FailureContext): string {
  if (mode === 'tap' && path !== TUN_NODE) return macvtapHint(code, path);
  switch (code) {
    case 'EACCES':
      return 'the device node is closed to you: (root) chmod 0666 /dev/net/tun, or run as root';
    case 'ENOENT':
      return (
        'there is no TUN here: (root) modprobe tun; mkdir -p /dev/net; mknod /dev/net/tun c 10 200; ' +
        'in a container --device /dev/net/tun'
      );
    case 'ENODEV':
    case 'ENXIO':
      return 'the kernel has no TUN driver loaded: (root) modprobe tun';
    case 'EPERM':
      return 'the container does not allow the device: --device /dev/net/tun --cap-add NET_ADMIN';
    default:
      return 'see open(2)';
  }
}

/** /dev/tapN, which the kernel makes with the macvtap of ifindex N. */
function macvtapHint(code: string, path: string): string {
  if (code === 'EACCES')
    return `the device node is closed to you: (root) chown "$USER" ${path}, or run as root`;
  if (code === 'EBUSY') return 'another process has it open';
  return 'is the macvtap there, and N its ifindex? (root) ip link add link eth0 name mvt0 type macvtap; ip -o link show mvt0';
}

function attachHint(code: string, dev: string, { mode = 'tun', userNamespace }: FailureContext): string {
  switch (code) {
    case 'EPERM':
      if (userNamespace === true) return USERNS_APPARMOR;
      return `run as root, or let root make it for you once: ip tuntap add dev ${dev} mode ${mode} user "$USER"; or netns 'new'`;
    case 'EBUSY':
      return `another process has ${dev} open, or another device has that name: ip -d link show ${dev}`;
    case 'EINVAL':
      return `${dev} exists with another mode (tun/tap, multi_queue), or the name is not valid: ip -d link show ${dev}`;
    case 'ENAMETOOLONG':
      return 'the name of a device has at most 15 octets';
    case 'EEXIST':
      return `another device has the name ${dev}: ip -d link show ${dev}`;
    default:
      return `see ip -d link show ${dev}`;
  }
}
