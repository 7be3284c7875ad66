/** A real browser for the tests of pages. */
import { chromium, type Browser, type Page } from 'playwright-core';

const PROGRAM = '/usr/bin/chromium';
/** How long the page may take for whatever is waited for; ms. */
const PAGE_TIMEOUT = 15_000;

export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  /** What the page did wrong so far: exceptions, errors on its console, answers of 400 and more. */
  readonly errors: readonly string[];
}

/** Opens a page in a browser of its own, which disposing ends. */
export async function openPage(url: string): Promise<OpenPage> {
  const browser = await chromium.launch({ executablePath: PROGRAM, args: ['--no-sandbox'] });
  try {
    return await pageOf(browser, url);
  } catch (error) {
    await browser.close();
    throw error;
  }
}

async function pageOf(browser: Browser, url: string): Promise<OpenPage> {
  const page = await browser.newPage();
  page.setDefaultTimeout(PAGE_TIMEOUT);
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('response', (response) => {
    if (response.status() >= 400) errors.push(`${response.url()} answered ${response.status()}`);
  });
  await page.goto(url);
  return { page, errors, [Symbol.asyncDispose]: () => browser.close() };
}
