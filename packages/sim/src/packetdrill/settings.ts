// The options at the top of a script, and what they are when nothing is said: packetdrill's defaults.

import type { Script } from './ast.ts';
import { Unsupported } from './target.ts';

/** How a script is played. Times in microseconds. */
export interface ScriptSettings {
  readonly localIp: string;
  readonly prefixLength: number;
  readonly remoteIp: string;
  readonly gatewayIp: string;
  readonly mtu: number;
  /** The ports of `bind(...)` and `connect(...)`. */
  readonly bindPort: number;
  readonly connectPort: number;
  /** How far from its time a thing may happen. */
  readonly toleranceUs: number;
  /** One tick of the script's timestamps; 0: they are not compared. */
  readonly stampTickUs: number;
  /** A packet that must come out is one packet. Else segments that follow one another may make it up: see join.ts. */
  readonly strictSegments: boolean;
}

export const DEFAULT_SETTINGS: ScriptSettings = {
  localIp: '192.168.0.1',
  prefixLength: 16,
  remoteIp: '192.0.2.1',
  gatewayIp: '192.168.0.2',
  mtu: 1500,
  bindPort: 8080,
  connectPort: 8080,
  toleranceUs: 4000,
  stampTickUs: 0,
  strictSegments: false,
};

type Mutable = { -readonly [Name in keyof ScriptSettings]: ScriptSettings[Name] };

/** Options that say how packetdrill runs, not what the stack does. */
const INDIFFERENT =
  /^(verbose|v|non_fatal|fm_filename|code_command|code_format|code_sockopt|init_scripts|persistent_tun_dev|speed|tolerance_percent|tcp_ts_ecr_scaled|send_omit_free|define|D|timeout_usecs|timeout_secs|dry_run|no_cleanup|use_expect)$/;

/** Throws Unsupported for options that ask for more than we have. `flags` come after those of the script. */
export function settingsOf(
  script: Script,
  flags: readonly (readonly [name: string, value: string])[] = [],
): ScriptSettings {
  const settings: Mutable = { ...DEFAULT_SETTINGS };
  for (const { name, value = '' } of script.options) apply(settings, name, value);
  for (const [name, value] of flags) apply(settings, name, value);
  return settings;
}

function apply(settings: Mutable, name: string, value: string): void {
  switch (name) {
    case 'ip_version':
      if (value !== 'ipv4') throw new Unsupported(`--ip_version=${value}`);
      return;
    case 'local_ip':
    case 'remote_ip':
    case 'gateway_ip':
      setAddress(settings, name, value);
      return;
    case 'netmask_ip':
      settings.prefixLength = prefixOf(value);
      return;
    case 'mtu':
      settings.mtu = whole(name, value);
      return;
    case 'bind_port':
      settings.bindPort = whole(name, value);
      return;
    case 'connect_port':
      settings.connectPort = whole(name, value);
      return;
    case 'tolerance_usecs':
      settings.toleranceUs = whole(name, value);
      return;
    case 'strict_segments':
      settings.strictSegments = true;
      return;
    case 'tcp_ts_tick_usecs':
      settings.stampTickUs = whole(name, value);
      return;
  }
  if (!INDIFFERENT.test(name)) throw new Unsupported(`the option --${name}`);
}

function setAddress(settings: Mutable, name: 'local_ip' | 'remote_ip' | 'gateway_ip', value: string): void {
  if (!/^\d+\.\d+\.\d+\.\d+(\/\d+)?$/.test(value)) throw new Unsupported(`--${name}=${value}`);
  const [address, prefix] = value.split('/');
  if (name === 'remote_ip') settings.remoteIp = address;
  else if (name === 'gateway_ip') settings.gatewayIp = address;
  else {
    settings.localIp = address;
    if (prefix !== undefined) settings.prefixLength = Number(prefix);
  }
}

function prefixOf(netmask: string): number {
  const bits = netmask
    .split('.')
    .map((octet) => Number(octet).toString(2).padStart(8, '0'))
    .join('');
  if (!/^1*0*$/.test(bits) || bits.length !== 32) throw new Unsupported(`--netmask_ip=${netmask}`);
  return bits.indexOf('0') < 0 ? 32 : bits.indexOf('0');
}

function whole(name: string, value: string): number {
  const number = Number(value);
  if (value === '' || !Number.isInteger(number) || number < 0) throw new Unsupported(`--${name}=${value}`);
  return number;
}
