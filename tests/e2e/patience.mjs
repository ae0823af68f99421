// The watchdog of the end-to-end tests. It ends a test that waits for what never comes; however slow the machine is, it decides
// nothing else.

export const PATIENCE_MS = 10 * 60_000;

/** The promise, or after `PATIENCE_MS` a failure that says what did not come. */
export function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`did not come: ${what}`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
