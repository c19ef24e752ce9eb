// Variables of kernels (Linux's net.ipv4, FreeBSD's net.inet.tcp) by what they mean to our stack: an option, what we do anyway, or
// nothing on the wire. What would change behaviour, and cannot here, is Unsupported.

import type { Options } from '@tunstack/stack';
import { Unsupported } from './target.ts';

/** The options of a stack that a script owns. */
export type Mutable = { -readonly [Name in keyof Options]: Options[Name] };

/** What a sysctl sets; answers false when the value is none that we have. */
type Setting = (options: Mutable, values: readonly number[]) => boolean;

const one =
  (set: (options: Mutable, value: number) => void): Setting =>
  (options, [value]) => {
    set(options, value);
    return true;
  };

/** Only this value: what we do anyway. */
const only =
  (...allowed: readonly number[]): Setting =>
  (_options, [value]) =>
    allowed.includes(value);

/** Linux's net.ipv4.*, without that prefix. */
const LINUX: Readonly<Record<string, Setting>> = {
  tcp_timestamps: one((o, v) => {
    o.tcpTimestamps = v !== 0;
  }),
  tcp_window_scaling: one((o, v) => {
    o.tcpWindowScaling = v !== 0;
  }),
  tcp_sack: one((o, v) => {
    o.tcpSack = v !== 0;
  }),
  tcp_syn_retries: one((o, v) => {
    o.tcpSynRetries = v;
  }),
  tcp_synack_retries: one((o, v) => {
    o.tcpSynAckRetries = v;
  }),
  tcp_retries1: one((o, v) => {
    o.tcpRetriesR1 = v;
  }),
  tcp_retries2: one((o, v) => {
    o.tcpRetries = v;
  }),
  tcp_keepalive_time: one((o, v) => {
    o.tcpKeepAliveIdleMs = v * 1000;
  }),
  tcp_keepalive_intvl: one((o, v) => {
    o.tcpKeepAliveIntervalMs = v * 1000;
  }),
  tcp_keepalive_probes: one((o, v) => {
    o.tcpKeepAliveProbes = v;
  }),
  tcp_fin_timeout: one((o, v) => {
    o.tcpFinWait2Ms = v * 1000;
  }),
  tcp_invalid_ratelimit: one((o, v) => {
    o.tcpChallengeIntervalMs = v;
  }),
  tcp_challenge_ack_limit: one((o, v) => {
    o.tcpChallengesPerSecond = v;
  }),
  tcp_rmem: (o, [, bytes, most]) => {
    o.tcpReceiveBytes = bytes;
    o.tcpReceiveBytesMax = Math.max(bytes, most);
    return bytes > 0 && most > 0;
  },
  tcp_wmem: (o, [, bytes, most]) => {
    o.tcpSendBytes = bytes;
    o.tcpSendBytesMax = Math.max(bytes, most);
    return bytes > 0 && most > 0;
  },
  tcp_min_snd_mss: one((o, v) => {
    o.tcpMssMin = v;
  }),
  ip_default_ttl: one((o, v) => {
    o.ttl = v;
  }),
  icmp_msgs_per_sec: one((o, v) => {
    o.icmpErrorsPerSecond = v;
  }),
  icmp_ratelimit: one((o, v) => {
    o.icmpTargetIntervalMs = v;
  }),
  'route.min_pmtu': one((o, v) => {
    o.minPmtuBytes = v;
  }),
  tcp_moderate_rcvbuf: only(1),
  tcp_abort_on_overflow: only(0),
  tcp_stdurg: only(0),
  tcp_rfc1337: one((o, v) => {
    o.tcpRfc1337 = v !== 0;
  }),
  tcp_adv_win_scale: only(1),
  tcp_app_win: only(31),
  tcp_mtu_probing: only(0),
  tcp_ecn_fallback: only(0, 1),
  tcp_orphan_retries: only(0),
  tcp_workaround_signed_windows: only(0),
  tcp_tw_reuse: one((o, v) => {
    o.tcpTimeWaitReuse = v;
  }),
  tcp_autocorking: only(0, 1),
  tcp_no_metrics_save: only(0, 1),
  tcp_no_ssthresh_metrics_save: only(0, 1),
  tcp_low_latency: only(0, 1),
  tcp_pacing_ss_ratio: only(200),
  tcp_pacing_ca_ratio: only(120),
  tcp_limit_output_bytes: () => true,
  tcp_min_tso_segs: () => true,
  tcp_tso_win_divisor: () => true,
  tcp_max_syn_backlog: () => true,
  tcp_max_orphans: () => true,
  tcp_max_tw_buckets: () => true,
  tcp_fastopen_key: () => true,
  ip_local_port_range: () => true,
  ip_no_pmtu_disc: only(0),
};

/** What our stack has by options whose values are names of the same meaning: set by name when the option exists. */
const BY_OPTION: Readonly<Record<string, { option: string; value: (text: string) => unknown }>> = {
  tcp_slow_start_after_idle: { option: 'tcpSlowStartAfterIdle', value: (text) => text !== '0' },
  tcp_congestion_control: { option: 'tcpCongestion', value: (text) => text },
  tcp_ecn: { option: 'tcpEcn', value: Number },
  tcp_frto: { option: 'tcpFrto', value: (text) => text !== '0' },
  tcp_dsack: { option: 'tcpDsack', value: (text) => text !== '0' },
  tcp_early_retrans: { option: 'tcpTailLossProbe', value: (text) => text === '3' || text === '4' },
  tcp_syncookies: { option: 'tcpSynCookies', value: Number },
};

/** What they are where our stack has no such option: then this value is what it does anyway. */
const FIXED: Readonly<Record<string, readonly string[]>> = {
  tcp_ecn: ['0', '2'],
  tcp_slow_start_after_idle: ['1'],
  tcp_fack: ['0'],
  tcp_syn_linear_timeouts: ['0'],
  tcp_notsent_lowat: ['4294967295', '-1'],
  tcp_frto: ['0'],
  tcp_dsack: ['1'],
  tcp_early_retrans: ['0'],
  tcp_syncookies: ['0', '1'],
  tcp_recovery: ['1'],
  tcp_reordering: ['3'],
  tcp_max_reordering: ['300'],
  tcp_thin_linear_timeouts: ['0'],
  tcp_fastopen: ['0', '1'],
  tcp_comp_sack_nr: ['0'],
};

/** FreeBSD's net.inet.tcp.*, without that prefix. */
const FREEBSD: Readonly<Record<string, Setting>> = {
  rfc1323: one((o, v) => {
    o.tcpTimestamps = v !== 0 && v !== 2;
    o.tcpWindowScaling = v !== 0 && v !== 3;
  }),
  'sack.enable': one((o, v) => {
    o.tcpSack = v !== 0;
  }),
  keepidle: one((o, v) => {
    o.tcpKeepAliveIdleMs = v;
  }),
  keepintvl: one((o, v) => {
    o.tcpKeepAliveIntervalMs = v;
  }),
  keepcnt: one((o, v) => {
    o.tcpKeepAliveProbes = v;
  }),
  rexmit_min: one((o, v) => {
    o.tcpRtoMinMs = v;
  }),
  rexmit_initial: one((o, v) => {
    o.tcpRtoInitialMs = v;
  }),
  delacktime: one((o, v) => {
    o.tcpDelayedAckMs = v;
  }),
  msl: one((o, v) => {
    o.tcpTimeWaitMs = 2 * v;
  }),
  finwait2_timeout: one((o, v) => {
    o.tcpFinWait2Ms = v;
  }),
  recvspace: one((o, v) => {
    o.tcpReceiveBytes = v;
  }),
  delayed_ack: only(1),
  'ecn.enable': one((o, v) => {
    o.tcpEcn = v;
  }),
  syncookies: one((o, v) => {
    o.tcpSynCookies = v;
  }),
  syncookies_only: only(0),
  rfc3042: only(0, 1),
  rfc3390: only(0, 1),
  rfc3465: only(0, 1),
  rfc6675_pipe: only(0, 1),
  do_prr: only(0, 1),
  initcwnd_segments: only(10),
  path_mtu_discovery: only(1),
  pmtud_blackhole_detection: only(0),
  minmss: one((o, v) => {
    o.tcpMssMin = v;
  }),
  mssdflt: only(536),
  always_keepalive: only(0),
  icmp_may_rst: only(0, 1),
  insecure_rst: only(0),
  insecure_syn: only(0),
  insecure_ack: only(0),
  nolocaltimewait: only(0, 1),
  fast_finwait2_recycle: only(0),
  recvbuf_auto: only(0, 1),
  recvbuf_max: one((o, v) => {
    o.tcpReceiveBytesMax = v;
  }),
  sendbuf_auto: only(0, 1),
  sendbuf_max: one((o, v) => {
    o.tcpSendBytes = v;
  }),
  reass: () => true,
  rexmit_slop: () => true,
  rexmit_drop_options: only(0),
  ts_offset_per_conn: only(0, 1),
  tolerate_missing_ts: only(0),
  sendspace: () => true,
  'hostcache.purgenow': () => true,
  'syncache.rst_on_sock_fail': only(1),
  blackhole: only(0),
  drop_synfin: only(0, 1),
  log_debug: () => true,
};

/** Controllers that our stack may have. */
const CONTROLLERS = /^(reno|cubic|bbr)$/;
/** Of no consequence to a stack in virtual time. */
const INDIFFERENT =
  /^(net\.core\.(wmem|rmem|optmem|somaxconn|netdev|default_qdisc)|kern\.|net\.inet\.(ip|icmp|udp)\.|debug\.)/;

/** Sets one. Throws Unsupported. */
export function setSysctl(name: string, text: string, options: Mutable): void {
  const [, linux] = /^net\.ipv4\.(.*)$/.exec(name) ?? [];
  const [, freebsd] = /^net\.inet\.tcp\.(.*)$/.exec(name) ?? [];
  if (INDIFFERENT.test(name)) return;
  if (linux !== undefined && setByOption(linux, text, options)) return;
  if (freebsd !== undefined && setFreeBsdName(freebsd, text, options)) return;
  const values = text.trim().split(/\s+/).map(Number);
  const set = linux === undefined ? FREEBSD[freebsd ?? ''] : LINUX[linux];
  if (set === undefined || values.some(Number.isNaN) || !set(options, values))
    throw new Unsupported(`sysctl ${name}=${text}`);
}

/** True when it was set, or is so anyway. */
function setByOption(name: string, text: string, options: Mutable): boolean {
  const known = BY_OPTION[name];
  if (known !== undefined && known.option in options) {
    if (name === 'tcp_congestion_control' && !CONTROLLERS.test(text)) return false;
    Object.assign(options, { [known.option]: known.value(text) });
    return true;
  }
  return FIXED[name]?.includes(text.trim()) ?? false;
}

/** FreeBSD's variables whose values are names. */
function setFreeBsdName(name: string, text: string, options: Mutable): boolean {
  if (name === 'functions_default') return text === 'freebsd';
  if (name !== 'cc.algorithm') return false;
  return setByOption('tcp_congestion_control', text === 'newreno' ? 'reno' : text, options);
}
