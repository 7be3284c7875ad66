/** The web page: three files, read once at the start, with a policy that lets the browser run only them. */
import { readFile } from 'node:fs/promises';
import type { Hono } from 'hono';

const FILES = [
  { path: '/', file: 'page.html', type: 'text/html; charset=utf-8' },
  { path: '/page.css', file: 'page.css', type: 'text/css; charset=utf-8' },
  { path: '/page.js', file: 'page.js', type: 'text/javascript; charset=utf-8' },
];

const HEADERS = {
  'Cache-Control': 'no-cache',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

export async function addPage(app: Hono): Promise<void> {
  for (const { path, file, type } of FILES) {
    const content = await readFile(new URL(file, import.meta.url), 'utf8');
    app.get(path, (c) => c.body(content, 200, { ...HEADERS, 'Content-Type': type }));
  }
}
