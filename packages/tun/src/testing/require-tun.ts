// Decides whether tests that need a TUN run: skipped where there is none, failing where REQUIRE_TUN=1 says there must be.
import { formatPreflight, preflight } from '../preflight.ts';

/**
 * @returns true when the tests are to be skipped; the reason goes to stderr once.
 * @throws Error when REQUIRE_TUN=1 and no TUN can be opened.
 * @example
 * describe.skipIf(requireTun())('against the kernel', () => { ... });
 */
export function requireTun(): boolean {
  const verdict = preflight();
  if (verdict.ok) return false;
  const report = formatPreflight(verdict).join('\n');
  if (process.env.REQUIRE_TUN === '1') throw new Error(`REQUIRE_TUN=1, but no TUN can be opened:\n${report}`);
  process.stderr.write(`tests that need a TUN are skipped:\n${report}\n`);
  return true;
}

/** True when a test that changes mounts or named namespaces must be skipped; fails instead under REQUIRE_TUN=1. */
export function requireRoot(): boolean {
  if (requireTun()) return true;
  return process.geteuid?.() !== 0;
}
