// How a program that serves ends: by a signal, as the tools we stand beside take them, or because its device is gone.

/** The signal, or 'gone'. */
export type Ending = NodeJS.Signals | 'gone';

/**
 * Waits for one of these signals, or for `gone`. `report` runs at each SIGQUIT (not SIGUSR1: that one is Node's
 * inspector).
 */
export function untilEnding(
  signals: readonly NodeJS.Signals[],
  gone: Promise<unknown>,
  report: () => void,
): Promise<Ending> {
  return new Promise((resolve) => {
    const end = (ending: Ending): void => {
      for (const each of signals) process.off(each, end);
      process.off('SIGQUIT', report);
      resolve(ending);
    };
    for (const each of signals) process.on(each, end);
    process.on('SIGQUIT', report);
    void gone.then(() => end('gone'));
  });
}
