// Codes that verbs answer: 0 or more is success, a negative number is one of these. The socket layer turns them into
// errors with Node's names.

export const OK = 0;
export const EADDRINUSE = -98;
export const EADDRNOTAVAIL = -99;
export const EAGAIN = -11;
export const EBADF = -9;
export const ECONNREFUSED = -111;
export const EDESTADDRREQ = -89;
export const EHOSTUNREACH = -113;
export const EINVAL = -22;
export const EISCONN = -106;
export const EMFILE = -24;
export const EMSGSIZE = -90;
export const ENETDOWN = -100;
export const ENODEV = -19;
export const ENETUNREACH = -101;
export const ENOBUFS = -105;
export const ENOPROTOOPT = -92;
export const ENOTCONN = -107;
export const EPROTO = -71;
export const EACCES = -13;
export const ECONNABORTED = -103;
export const ECONNRESET = -104;
export const EPIPE = -32;
export const ETIMEDOUT = -110;

export const ERRNO_NAMES: Readonly<Record<number, string>> = {
  [EADDRINUSE]: 'EADDRINUSE',
  [EADDRNOTAVAIL]: 'EADDRNOTAVAIL',
  [EAGAIN]: 'EAGAIN',
  [EBADF]: 'EBADF',
  [ECONNREFUSED]: 'ECONNREFUSED',
  [EDESTADDRREQ]: 'EDESTADDRREQ',
  [EHOSTUNREACH]: 'EHOSTUNREACH',
  [EINVAL]: 'EINVAL',
  [EISCONN]: 'EISCONN',
  [EMFILE]: 'EMFILE',
  [EMSGSIZE]: 'EMSGSIZE',
  [ENETDOWN]: 'ENETDOWN',
  [ENETUNREACH]: 'ENETUNREACH',
  [ENODEV]: 'ENODEV',
  [ENOBUFS]: 'ENOBUFS',
  [ENOPROTOOPT]: 'ENOPROTOOPT',
  [ENOTCONN]: 'ENOTCONN',
  [EPROTO]: 'EPROTO',
  [EACCES]: 'EACCES',
  [ECONNABORTED]: 'ECONNABORTED',
  [ECONNRESET]: 'ECONNRESET',
  [EPIPE]: 'EPIPE',
  [ETIMEDOUT]: 'ETIMEDOUT',
};
