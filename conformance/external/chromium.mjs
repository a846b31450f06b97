// A real browser: headless Chromium, a client that listens for its callback, and a watch on what goes wrong on a page.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';
import { ALICE, ISSUER } from './program.mjs';

/** Starts Chromium, without anything that would leave this machine. `args` are more of its options. */
export function launch(args = []) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', ...args,
    ],
  });
}

/** Listens on a free port of 127.0.0.1; `answer` gives the HTML for a URL. `seen` are the URLs that were asked for. */
export async function listen(answer = () => '<!doctype html><title>The client</title><h1>Back at the client</h1>') {
  const seen = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url, `http://${request.headers.host}`);
    if (url.pathname === '/favicon.ico') return response.writeHead(204).end();
    seen.push({ url, method: request.method, referrer: request.headers.referer });
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(answer(url));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const close = () => {
    const closed = new Promise((done) => server.close(done));
    server.closeAllConnections();
    return closed;
  };
  return { origin, redirectUri: `${origin}/cb`, seen, close };
}

/**
 * A page of a context of its own, watched: violations of the content security policy, script errors, requests to
 * other hosts than the server and the client, and responses of the server without the headers of a page.
 */
export async function watchedPage(browser, client, options = {}) {
  const context = await browser.newContext({ serviceWorkers: 'block', ...options });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  return Object.assign(page, { faults: watch(page, [ISSUER, client.origin]) });
}

function watch(page, origins) {
  const faults = [];
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('console', (message) => {
    // A page with an error status is told to the console by Chromium itself.
    const ofStatus = /^Failed to load resource: the server responded with a status of 4\d\d/.test(message.text());
    const ofPage = ofStatus && !/\.(css|svg|ico|js|png)$/.test(new URL(message.location().url).pathname);
    if (['error', 'warning'].includes(message.type()) && !ofPage) faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== 'data:' && !origins.includes(origin)) faults.push(`request: ${request.url()}`);
  });
  page.on('response', (response) => {
    const headers = response.headers();
    if (new URL(response.url()).origin !== ISSUER || !/^text\/html\b/.test(headers['content-type'] ?? '')) return;
    const policy = headers['content-security-policy'] ?? '';
    const good =
      policy.includes("frame-ancestors 'none'") &&
      policy.includes("default-src 'none'") &&
      headers['x-content-type-options'] === 'nosniff' &&
      headers['cache-control'] === 'no-store' &&
      /^(no-referrer|same-origin)$/.test(headers['referrer-policy'] ?? '');
    if (!good) faults.push(`headers: ${response.url()}`);
  });
  return faults;
}

/** Types name and password where the page asks for them, and sends them. */
export async function logIn(page, { username, password } = ALICE) {
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Waits until the browser is back at the client, and answers with the parameters of the callback. */
export async function callback(page, client) {
  await page.waitForURL((url) => url.origin === client.origin);
  const url = new URL(page.url());
  assert.equal(url.pathname, '/cb');
  return Object.fromEntries(url.searchParams);
}
