// The account page in a real browser: what was allowed is listed and ended, other logins are ended, and one logs out.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, suite, test } from 'node:test';
import { callback, launch, listen, logIn, watchedPage } from './chromium.mjs';
import { ISSUER, SPA, WEB, authorizeUrl, introspect, pkce, refresh, token } from './program.mjs';

const ACCOUNT = `${ISSUER}/account`;

let browser, client, page;

before(async () => {
  [browser, client] = await Promise.all([launch(), listen()]);
});
after(async () => {
  await browser?.close();
  await client?.close();
});
beforeEach(async () => {
  page = await watchedPage(browser, client);
});
afterEach(async () => {
  const { faults } = page;
  await page.context().close();
  assert.deepEqual(faults, [], 'the pages caused errors');
});

const heading = (one) => one.getByRole('heading', { level: 1 });
const entry = (name) => page.getByRole('region', { name, exact: true });

/** Signs in on the way to the account. */
async function open(one = page) {
  await one.goto(ACCOUNT);
  await logIn(one);
  await one.getByRole('heading', { level: 1, name: 'Your account' }).waitFor();
}

/** Allows a client in this browser, which is signed in already, and redeems its code. */
async function allow(who) {
  const { verifier, challenge } = pkce();
  const redirect_uri = client.redirectUri;
  await page.goto(authorizeUrl(who, { redirect_uri, code_challenge: challenge }));
  await page.getByRole('button', { name: 'Allow', exact: true }).click();
  const { code } = await callback(page, client);
  const redeem = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri };
  const { status, body } = await token(who, redeem);
  assert.equal(status, 200);
  return body;
}

const isActive = async ({ access_token }) => (await introspect(access_token)).active;

suite('what was allowed', () => {
  test('is listed in plain words, and ended at once and alone', async () => {
    await open();
    const [web, spa] = [await allow(WEB), await allow(SPA)];
    await page.goto(ACCOUNT);
    const text = await entry('Demo web').innerText();
    for (const said of [/Read your data/, /Change your data/, /\b20\d\d\b/, /90 days|30 days/, /demo-web/]) {
      assert.match(text, said);
    }
    await entry('Demo web').getByRole('button', { name: 'End its access' }).click();
    assert.match(await page.getByRole('status').innerText(), /can no longer use your account/);
    assert.equal(await entry('Demo web').count(), 0);
    assert.equal(await entry('Demo browser app').count(), 1);
    assert.deepEqual([await isActive(web), await isActive(spa)], [false, true]);
    assert.equal((await refresh(WEB, web.refresh_token)).body.error, 'invalid_grant');
    await page.reload();
    assert.equal(page.url(), ACCOUNT, 'loading again sends no form');
    assert.equal(await page.getByRole('status').count(), 0);
  });

  test('tells when it was renewed', async () => {
    await open();
    const tokens = await allow(SPA);
    assert.equal((await refresh(SPA, tokens.refresh_token)).status, 200);
    await page.goto(ACCOUNT);
    assert.match(await entry('Demo browser app').innerText(), /Last renewed\s+\d+ \w+ 20\d\d at \d\d:\d\d UTC/);
  });
});

suite('logins', () => {
  test('elsewhere are ended from here, while this one and the applications stay', async () => {
    await open();
    const tokens = await allow(WEB);
    const elsewhere = await watchedPage(browser, client);
    await open(elsewhere);
    await page.goto(ACCOUNT);
    await page.getByRole('button', { name: 'Sign out everywhere else' }).click();
    assert.match(await page.getByRole('status').innerText(), /signed in here only/);
    await elsewhere.reload();
    await elsewhere.getByLabel('Password').waitFor();
    await elsewhere.goto(authorizeUrl(WEB, { redirect_uri: client.redirectUri }));
    await elsewhere.getByLabel('Password').waitFor();
    await page.reload();
    assert.equal(await heading(page).innerText(), 'Your account');
    assert.equal(await isActive(tokens), true);
    const { faults } = elsewhere;
    await elsewhere.context().close();
    assert.deepEqual(faults, []);
  });

  test('end by signing out, and Back shows nothing of the account', async () => {
    await open();
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    assert.match(await page.getByRole('status').innerText(), /signed out/);
    await page.getByLabel('Password').waitFor();
    await page.goBack();
    await page.getByLabel('Password').waitFor();
    assert.equal(await page.getByText('Signed in as').count(), 0);
  });

  test('a wrong password is told, and a right one leads to the account', async () => {
    await page.goto(ACCOUNT);
    await logIn(page, { username: 'alice', password: 'wrong' });
    assert.match(await page.getByRole('alert').innerText(), /do not match/i);
    await logIn(page);
    await page.getByRole('heading', { level: 1, name: 'Your account' }).waitFor();
    assert.equal(page.url(), ACCOUNT);
  });

  test('without JavaScript', async () => {
    const plain = await watchedPage(browser, client, { javaScriptEnabled: false });
    await open(plain);
    await plain.getByRole('button', { name: 'Sign out', exact: true }).click();
    await plain.getByRole('status').waitFor();
    const { faults } = plain;
    await plain.context().close();
    assert.deepEqual(faults, []);
  });
});

test('a form of another site can neither end nor log out', async (t) => {
  await open();
  const tokens = await allow(WEB);
  await page.goto(ACCOUNT);
  const form = page.locator('form', { has: page.getByRole('button', { name: 'End its access' }) }).first();
  const fields = await form.evaluate((element) => [...new FormData(element)]);
  for (const action of ['end', 'end-logins', 'log-out']) {
    const inputs = [...fields, ['action', action]].map(([name, value]) => `<input name="${name}" value="${value}">`);
    const html = `<!doctype html><title>Attacker</title><form method="post" action="${ACCOUNT}">${inputs.join('')}<button>Win</button></form>`;
    const attacker = await listen(() => html);
    t.after(attacker.close);
    const lured = await page.context().newPage();
    await lured.goto(attacker.origin);
    const answered = lured.waitForResponse((response) => response.request().method() === 'POST');
    await lured.getByRole('button', { name: 'Win' }).click();
    assert.equal((await answered).status(), 400);
    // The page closes with its context, and only once it has come to rest: in the middle of a navigation that may never end.
    await lured.getByRole('heading', { level: 1 }).waitFor();
  }
  await page.reload();
  assert.equal(await heading(page).innerText(), 'Your account');
  assert.equal(await isActive(tokens), true);
});
