// A browser whose every wait has the patience of the other tests: playwright's own thirty seconds would fail a slow machine.
import {chromium} from 'playwright-core';
import {PATIENCE_MS} from './patience.mjs';

/** Chromium, with pages and contexts that wait for as long as `within` does. The caller closes it. */
export const launchBrowser = (...more) => launch(more);

/** The same with the back/forward cache, which playwright turns off. Users have it. */
export const launchCachingBrowser = (...more) => launch(more, {ignoreDefaultArgs: ['--disable-back-forward-cache']});

async function launch(more, options) {
  const browser = await chromium.launch({
    executablePath: process.env.HOTLINE_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync', ...more],
    timeout: PATIENCE_MS,
    ...options,
  });
  for (const open of ['newPage', 'newContext']) {
    const opened = browser[open].bind(browser);
    browser[open] = async (...options) => {
      const pageOrContext = await opened(...options);
      pageOrContext.setDefaultTimeout(PATIENCE_MS);
      return pageOrContext;
    };
  }
  return browser;
}
