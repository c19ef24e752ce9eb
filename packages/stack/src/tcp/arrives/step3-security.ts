// RFC 9293 3.10.7.4, third: security and compartment. Empty on purpose: RFC 9293 appendix A.1 keeps the IP security
// option for networks that use it, and we drop no segment for one (MUST-50: IP options we do not know are ignored).

import { CONTINUE } from '../segment.ts';

export function checkSecurity(): number {
  return CONTINUE;
}
