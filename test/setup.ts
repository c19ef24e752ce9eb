// Every test runs with the invariants checked and freed memory poisoned.
import { setChecks } from '@tunstack/stack/base';

setChecks(true);
