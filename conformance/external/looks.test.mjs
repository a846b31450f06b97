// How the pages look and whether everybody can use them: screenshots, axe, zoom and narrow screens.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { launch, listen, logIn } from './chromium.mjs';
import { Person } from './person.mjs';
import { ISSUER, SPA, WEB, authorizeUrl, tokensFor } from './program.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SCREENSHOTS = process.env.VALETKEY_SCREENSHOTS;
const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };

let browser, client;

before(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  [browser, client] = await Promise.all([launch(), listen()]);
  const alice = new Person();
  for (const who of [WEB, SPA]) await tokensFor(alice, who);
});
after(async () => {
  await browser?.close();
  await client?.close();
});

const ask = () => authorizeUrl(WEB, { redirect_uri: client.redirectUri });

/** Each page: how to come there from nothing, ending with something that only this page has. */
const PAGES = {
  login: async (page) => {
    await page.goto(ask());
    await page.getByLabel('Password').waitFor();
  },
  'login-wrong': async (page) => {
    await page.goto(ask());
    await logIn(page, { username: 'alice', password: 'wrong' });
    await page.getByRole('alert').waitFor();
  },
  consent: async (page) => {
    await page.goto(ask());
    await logIn(page);
    await page.getByRole('button', { name: 'Allow', exact: true }).waitFor();
  },
  'account-login': async (page) => {
    await page.goto(`${ISSUER}/account`);
    await page.getByLabel('Password').waitFor();
  },
  account: async (page) => {
    await page.goto(`${ISSUER}/account`);
    await logIn(page);
    await page.getByRole('region', { name: 'Demo web' }).waitFor();
    await page.getByRole('region', { name: 'Demo browser app' }).waitFor();
  },
  'account-told': async (page) => {
    await PAGES.account(page);
    await page.getByRole('button', { name: 'Sign out everywhere else' }).click();
    await page.getByRole('status').waitFor();
  },
  'signed-out': async (page) => {
    await PAGES.account(page);
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.getByRole('status').waitFor();
  },
  error: async (page) => {
    const answer = await page.goto(authorizeUrl(WEB, { redirect_uri: 'https://attacker.example/' }));
    assert.equal(answer.status(), 400);
  },
  front: async (page) => {
    const answer = await page.goto(`${ISSUER}/`);
    assert.equal(answer.status(), 200);
  },
};

/** A page of a context of its own. axe is no script of the page, so the page's policy must not stop it. */
async function newPage(options) {
  const page = await browser.newPage({ bypassCSP: true, ...options });
  page.setDefaultTimeout(10_000);
  return page;
}

/** Violations of WCAG 2.2 A and AA and of axe's best practices, as far as a machine sees them. */
async function violations(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  return violations.map(({ id, impact, nodes }) => `${impact}: ${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

/** How far the page reaches beyond the right edge, in pixels. */
const overflow = (page) => page.evaluate(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  return scrollWidth - clientWidth;
});

for (const [size, viewport] of Object.entries(SIZES)) {
  suite(size, () => {
    for (const colorScheme of ['light', 'dark']) {
      for (const [name, visit] of Object.entries(PAGES)) {
        test(`${name}, ${colorScheme}`, async () => {
          const page = await newPage({ viewport, colorScheme });
          await visit(page);
          await page.screenshot({ path: join(SCREENSHOTS, `${name}-${colorScheme}-${size}.png`), fullPage: true });
          assert.deepEqual(await violations(page), []);
          assert.equal(await overflow(page), 0, 'pixels beyond the right edge');
          const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
          const red = Number(/\d+/.exec(ground)[0]);
          assert.ok(colorScheme === 'dark' ? red < 80 : red > 200, `${ground} is not ${colorScheme}`);
          await page.close();
        });
      }
    }
  });
}

test('small targets are large enough for a finger', async () => {
  const page = await newPage({ viewport: SIZES.phone });
  for (const visit of [PAGES.consent, PAGES.account]) {
    await visit(page);
    for (const button of await page.getByRole('button').all()) {
      const { width, height } = await button.boundingBox();
      assert.ok(width >= 24 && height >= 24, `${await button.innerText()}: ${width} x ${height}`);
    }
    await page.context().clearCookies();
  }
  await page.close();
});

test('with text at twice its size nothing is cut off', async () => {
  const page = await newPage({ viewport: SIZES.phone });
  for (const visit of [PAGES.login, PAGES.consent, PAGES.account, PAGES.error]) {
    await visit(page);
    await page.addStyleTag({ content: 'html { font-size: 200% !important }' });
    assert.equal(await overflow(page), 0, `pixels beyond the right edge of ${page.url()}`);
    await page.context().clearCookies();
  }
  await page.close();
});
