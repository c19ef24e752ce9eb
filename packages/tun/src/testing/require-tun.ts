// Decides whether tests against the kernel run: skipped where there is no TUN or no tools, failing where REQUIRE_TUN=1
// says there must be.
import { findTool } from '../find-tool.ts';
import { formatPreflight, preflight } from '../preflight.ts';

/** What the tests against the kernel run, by the Debian package that has it. */
const TOOLS: Readonly<Record<string, readonly string[]>> = {
  iproute2: ['ip', 'tc'],
  'iputils-ping': ['ping'],
  'netcat-openbsd': ['nc'],
  tshark: ['tshark'],
  'util-linux': ['nsenter', 'unshare', 'setpriv'],
};

let told = false;

/**
 * @returns true when the tests are to be skipped; the reason goes to stderr once.
 * @throws Error when REQUIRE_TUN=1 and no TUN can be opened, or a tool is not installed.
 * @example
 * describe.skipIf(requireTun())('against the kernel', () => { ... });
 */
export function requireTun(): boolean {
  const why = whyNot();
  if (why === undefined) return false;
  if (process.env.REQUIRE_TUN === '1') throw new Error(`REQUIRE_TUN=1, but ${why}`);
  if (!told) process.stderr.write(`tests against the kernel are skipped: ${why}\n`);
  told = true;
  return true;
}

/** True when tests that run these programs must be skipped, for one is not installed; fails instead under REQUIRE_TUN=1. */
export function requireTools(...tools: readonly string[]): boolean {
  const missing = tools.filter((tool) => findTool(tool) === undefined);
  if (missing.length === 0) return false;
  const why = `not installed: ${missing.join(', ')}`;
  if (process.env.REQUIRE_TUN === '1') throw new Error(`REQUIRE_TUN=1, but ${why}`);
  process.stderr.write(`tests are skipped: ${why}\n`);
  return true;
}

/** True when a test that changes mounts or named namespaces must be skipped; fails instead under REQUIRE_TUN=1. */
export function requireRoot(): boolean {
  if (requireTun()) return true;
  return process.geteuid?.() !== 0;
}

function whyNot(): string | undefined {
  const verdict = preflight();
  if (!verdict.ok) return `no TUN can be opened:\n${formatPreflight(verdict).join('\n')}`;
  const missing = Object.entries(TOOLS).filter(([, tools]) =>
    tools.some((tool) => findTool(tool) === undefined),
  );
  if (missing.length === 0) return undefined;
  return `tools are missing: apt install ${missing.map(([name]) => name).join(' ')}`;
}
