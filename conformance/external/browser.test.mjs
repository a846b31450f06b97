// Login and consent in a real browser.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, suite, test } from 'node:test';
import { callback, launch, listen, logIn, watchedPage } from './chromium.mjs';
import { ISSUER, SPA, WEB, authorizeUrl, data, pkce, token } from './program.mjs';

let browser, client, page;

before(async () => {
  [browser, client] = await Promise.all([launch(), listen()]);
});
after(async () => {
  await browser?.close();
  await client?.close();
});

/** What `authorizeUrl` gives, answered to where this test listens. */
const ask = (who, parameters) => authorizeUrl(who, { redirect_uri: client.redirectUri, ...parameters });
const heading = () => page.getByRole('heading', { level: 1 });
const allow = () => page.getByRole('button', { name: 'Allow', exact: true });
const deny = () => page.getByRole('button', { name: 'Deny', exact: true });

beforeEach(async () => {
  page = await watchedPage(browser, client);
});
afterEach(async () => {
  const { faults } = page;
  await page.context().close();
  assert.deepEqual(faults, [], 'the pages caused errors');
});

suite('login', () => {
  test('it says to which application it leads, and is ready to type', async () => {
    await page.goto(ask(WEB));
    assert.match(await heading().innerText(), /sign in/i);
    assert.match(await page.locator('main').innerText(), /Demo web/);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'username');
    assert.equal(await page.getByLabel('Password').getAttribute('type'), 'password');
    assert.equal(await page.getByLabel('Password').getAttribute('autocomplete'), 'current-password');
  });

  test('a wrong password is told, to a screen reader as well, and can be typed again', async () => {
    await page.goto(ask(WEB));
    await logIn(page, { username: 'alice', password: 'wrong' });
    const alert = page.getByRole('alert');
    assert.match(await alert.innerText(), /do not match/i);
    assert.match(await page.title(), /error/i);
    const password = page.getByLabel('Password');
    assert.equal(await password.getAttribute('aria-invalid'), 'true');
    assert.equal(await password.getAttribute('aria-describedby'), await alert.getAttribute('id'));
    assert.equal(await password.inputValue(), '', 'the password is not sent back');
    assert.equal(await page.getByLabel('Username').inputValue(), 'alice');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'password');
    await logIn(page);
    await allow().waitFor();
  });
});

suite('consent', () => {
  test('it says who asks, for what, for how long, and where the answer goes', async () => {
    await page.goto(ask(WEB));
    await logIn(page);
    await allow().waitFor();
    const text = await page.locator('main').innerText();
    assert.match(text, /Allow Demo web/);
    assert.match(text, /alice/);
    assert.match(text, /Read your data/);
    assert.match(text, /Change your data/);
    assert.match(text, /10 minutes at a time/);
    assert.match(text, /up to 90 days/);
    assert.ok(text.includes(new URL(client.origin).host), 'the host of the redirect URI');
    assert.ok(text.includes(WEB.id));
  });

  test('rfc9207_2_01 Allow leads to the client with code, state and iss, and the code is good', async () => {
    const { verifier, challenge } = pkce();
    await page.goto(ask(WEB, { code_challenge: challenge, state: 'x y&z' }));
    await logIn(page);
    await allow().click();
    const { code, state, iss, ...rest } = await callback(page, client);
    assert.deepEqual([state, iss, rest], ['x y&z', ISSUER, {}]);
    const redeem = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: client.redirectUri };
    const { body } = await token(WEB, redeem);
    assert.equal(body.scope, 'read write');
    assert.equal((await data(body.access_token)).status, 200);
  });

  test('rfc6749_4_1_2_1_02 Deny leads to the client with access_denied', async () => {
    await page.goto(ask(SPA));
    await logIn(page);
    await deny().click();
    const { error, state, iss, code } = await callback(page, client);
    assert.deepEqual([error, state, iss, code], ['access_denied', 'a-state', ISSUER, undefined]);
  });

  test('what is unticked is not given', async () => {
    const { verifier, challenge } = pkce();
    await page.goto(ask(SPA, { code_challenge: challenge }));
    await logIn(page);
    await page.getByLabel('Change your data').uncheck();
    await allow().click();
    const { code } = await callback(page, client);
    const redeem = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: client.redirectUri };
    assert.equal((await token(SPA, redeem)).body.scope, 'read');
  });

  test('with nothing ticked it asks again', async () => {
    await page.goto(ask(WEB));
    await logIn(page);
    for (const box of await page.getByRole('checkbox').all()) await box.uncheck();
    await allow().click();
    assert.match(await page.getByRole('alert').innerText(), /at least one/i);
    await page.getByLabel('Read your data').check();
    await allow().click();
    assert.ok((await callback(page, client)).code);
  });

  test('who is signed in goes straight to it, and can sign in as someone else', async () => {
    await page.goto(ask(WEB));
    await logIn(page);
    await allow().click();
    await callback(page, client);
    await page.goto(ask(SPA));
    await allow().waitFor();
    await page.getByRole('button', { name: /someone else/i }).click();
    await page.getByLabel('Password').waitFor();
    await logIn(page);
    await allow().click();
    assert.ok((await callback(page, client)).code);
  });

  test('an answer sent twice is answered once', async () => {
    await page.goto(ask(WEB));
    await logIn(page);
    await allow().waitFor();
    const answering = page.waitForRequest((request) => request.method() === 'POST');
    await allow().click();
    const sent = await answering;
    assert.ok((await callback(page, client)).code);
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: ISSUER };
    const again = await page.context().request.post(sent.url(), { data: sent.postData(), headers, maxRedirects: 0 });
    assert.equal(again.status(), 403);
    assert.match(await again.text(), /answered/i);
  });

  test('in another browser the page is worth nothing', async () => {
    await page.goto(ask(WEB));
    await logIn(page);
    await allow().waitFor();
    const fields = await page.locator('form', { has: allow() }).evaluate((form) => [...new FormData(form)]);
    const elsewhere = await browser.newContext();
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: ISSUER };
    const form = new URLSearchParams([...fields, ['decision', 'allow']]).toString();
    const answer = await elsewhere.request.post(`${ISSUER}/consent`, { data: form, headers, maxRedirects: 0 });
    await elsewhere.close();
    assert.ok(answer.status() >= 400 && answer.status() < 500, `status ${answer.status()}`);
    assert.equal(answer.headers().location, undefined);
    await allow().click();
    assert.ok((await callback(page, client)).code, 'the attempt spent nothing');
  });
});

suite('every way to use it', () => {
  /** Goes on by Tab until something of that accessible role and name has the focus, and sees that it shows. */
  async function tabTo(target) {
    for (let steps = 0; steps < 12; steps += 1) {
      await page.keyboard.press('Tab');
      if (await target.evaluate((element) => element === document.activeElement)) {
        const outline = await target.evaluate((element) => getComputedStyle(element).outlineStyle);
        assert.notEqual(outline, 'none', 'the focus can be seen');
        return;
      }
    }
    assert.fail('the keyboard does not come there');
  }

  test('by keyboard alone', async () => {
    await page.goto(ask(WEB));
    // The page is ready for typing once its first field has the focus, which may be a moment after it has loaded.
    await page.locator('#username:focus').waitFor();
    await page.keyboard.type('alice');
    await tabTo(page.getByLabel('Password'));
    await page.keyboard.type('wonderland');
    await page.keyboard.press('Enter');
    await allow().waitFor();
    await tabTo(page.getByLabel('Change your data'));
    await page.keyboard.press('Space');
    assert.equal(await page.getByLabel('Change your data').isChecked(), false);
    await tabTo(allow());
    await page.keyboard.press('Enter');
    assert.ok((await callback(page, client)).code);
  });

  test('without JavaScript', async () => {
    const plain = await watchedPage(browser, client, { javaScriptEnabled: false });
    await plain.goto(ask(WEB));
    await logIn(plain, { username: 'alice', password: 'wrong' });
    await plain.getByRole('alert').waitFor();
    await logIn(plain);
    await plain.getByRole('button', { name: 'Allow', exact: true }).click();
    assert.ok((await callback(plain, client)).code);
    const { faults } = plain;
    await plain.context().close();
    assert.deepEqual(faults, []);
  });

  test('no page carries a script', async () => {
    const scripts = () => page.evaluate(() => document.querySelectorAll('script, [onclick], [onload], [style]').length);
    await page.goto(ask(WEB));
    assert.equal(await scripts(), 0);
    await logIn(page);
    await allow().waitFor();
    assert.equal(await scripts(), 0);
  });
});

suite('what is refused', () => {
  test('rfc6749_3_1_2_4_01 rfc6749_3_1_2_4_02 a redirect URI that is not registered is a page and no redirect', async () => {
    const answer = await page.goto(authorizeUrl(WEB, { redirect_uri: 'https://attacker.example/cb' }));
    assert.equal(answer.status(), 400);
    assert.equal(new URL(page.url()).origin, ISSUER);
    assert.ok((await heading().innerText()).length > 0);
    assert.equal(await page.getByRole('button').count(), 0);
    assert.match(await page.locator('main').innerText(), /redirect_uri/);
  });

  test('rfc6749_10_13_01 rfc9700_4_16_01 no page of another origin can frame login or consent', async (t) => {
    await page.goto(ask(WEB));
    await logIn(page);
    await allow().waitFor();
    const url = ask(WEB).replaceAll('&', '&amp;');
    const attacker = await listen(() => `<!doctype html><title>Attacker</title><iframe src="${url}"></iframe>`);
    t.after(attacker.close);
    const victim = await page.context().newPage();
    const refused = victim.waitForEvent('console', (message) => /frame/i.test(message.text()));
    await victim.goto(attacker.origin);
    assert.match((await refused).text(), /frame-ancestors|X-Frame-Options|refused|violates/i);
    const [, frame] = victim.frames();
    assert.match(frame.url(), /^chrome-error:/);
    assert.equal(await frame.locator('form').count(), 0);
  });

  test('rfc9700_2_6_03 a script of another origin cannot read the authorization endpoint', async (t) => {
    const attacker = await listen();
    t.after(attacker.close);
    const stranger = await page.context().newPage();
    await stranger.goto(attacker.origin);
    const outcome = await stranger.evaluate(
      (url) => fetch(url, { credentials: 'include' }).then(() => 'read', () => 'refused'),
      ask(WEB),
    );
    assert.equal(outcome, 'refused');
  });

  test('a form of another site cannot give consent', async (t) => {
    await page.goto(ask(WEB));
    await logIn(page);
    await allow().waitFor();
    const form = page.locator('form', { has: allow() });
    const fields = await form.evaluate((element) => [...new FormData(element)]);
    const inputs = [...fields, ['decision', 'allow']].map(([name, value]) => `<input name="${name}" value="${value}">`);
    const attacker = await listen(
      () => `<!doctype html><title>Attacker</title><form method="post" action="${ISSUER}/consent">${inputs.join('')}<button>Win</button></form>`,
    );
    t.after(attacker.close);
    const lured = await page.context().newPage();
    await lured.goto(attacker.origin);
    const callbacks = client.seen.length;
    await lured.getByRole('button', { name: 'Win' }).click();
    await lured.waitForURL((url) => url.origin === ISSUER);
    assert.equal(client.seen.length, callbacks, 'no code was sent to the client');
  });

  test('rfc9700_4_2_4_01 the client does not learn the address of the login', async () => {
    await page.goto(ask(WEB));
    await logIn(page);
    await allow().click();
    await callback(page, client);
    assert.equal(client.seen.at(-1).referrer, undefined);
  });

  test('cookies are out of reach for scripts', async () => {
    await page.goto(ask(WEB));
    await logIn(page);
    await allow().waitFor();
    assert.equal(await page.evaluate(() => document.cookie), '');
    const cookies = await page.context().cookies(ISSUER);
    assert.ok(cookies.length >= 2);
    for (const { httpOnly, sameSite, name } of cookies) {
      assert.ok(httpOnly && ['Lax', 'Strict'].includes(sameSite), name);
    }
  });
});
