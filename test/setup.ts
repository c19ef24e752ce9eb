// Every test runs with the invariants checked and freed memory poisoned, and properties use the sizes they name:
// without that setting fast-check would cut a `maxLength` of 200 to about 10.

import { fc } from '@fast-check/vitest';
import { setChecks } from '@tunstack/stack/base';

setChecks(true);
fc.configureGlobal({ ...fc.readConfigureGlobal(), defaultSizeToMaxWhenMaxSpecified: true });
