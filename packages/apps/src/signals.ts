// Signals as the tools we stand beside take them: SIGINT ends with statistics, SIGTERM ends, SIGQUIT reports in between.

/** Waits for one of these signals. `report` runs at each SIGQUIT (not SIGUSR1: that one is Node's inspector). */
export function untilSignal(signals: readonly NodeJS.Signals[], report: () => void): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const end = (signal: NodeJS.Signals): void => {
      for (const each of signals) process.off(each, end);
      process.off('SIGQUIT', report);
      resolve(signal);
    };
    for (const each of signals) process.on(each, end);
    process.on('SIGQUIT', report);
  });
}
