// The whole flow of a client that runs in a browser alone: a page of another origin asks by CORS, with `fetch`.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { callback, launch, listen, logIn, watchedPage } from './chromium.mjs';
import { ISSUER, REDIRECT_URI, SPA, authorizeUrl, data, introspect } from './program.mjs';

/** The origin of the demo's browser app, and one that no client registered. */
const APP = { origin: new URL(REDIRECT_URI).origin };
const STRANGER = { origin: 'http://127.0.0.1:9098' };

let browser, pages;

before(async () => {
  // Whatever listens at those ports of this machine: this browser finds the pages of this test there.
  pages = await listen(() => '<!doctype html><html lang="en"><title>An app</title><h1>An app</h1>');
  const at = ({ origin }) => `MAP ${new URL(origin).host} ${new URL(pages.origin).host}`;
  browser = await launch([`--host-resolver-rules=${at(APP)},${at(STRANGER)}`]);
});
after(async () => {
  await browser?.close();
  await pages?.close();
});

async function pageAt(client) {
  const page = await watchedPage(browser, client);
  await page.goto(`${client.origin}/`);
  return page;
}

/** Posts a form by the page's own `fetch`, and reads the answer as the page may read it. */
const post = (page, url, fields, headers = {}) =>
  page.evaluate(
    async ({ url, fields, headers }) => {
      const response = await fetch(url, { method: 'POST', body: new URLSearchParams(fields), headers });
      const text = await response.text();
      const challenge = response.headers.get('www-authenticate');
      return { status: response.status, challenge, body: text ? JSON.parse(text) : undefined };
    },
    { url, fields, headers },
  );

suite('a page of a registered origin', () => {
  test('discovers, sends the person to log in, redeems, refreshes and revokes', async () => {
    const page = await pageAt(APP);
    const asked = await page.evaluate(
      async ({ issuer, client_id, redirect_uri }) => {
        const base64url = (bytes) =>
          btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
        const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
        const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
        const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
        const state = base64url(crypto.getRandomValues(new Uint8Array(16)));
        sessionStorage.setItem('flow', JSON.stringify({ metadata, verifier, state }));
        const url = new URL(metadata.authorization_endpoint);
        url.search = new URLSearchParams({
          response_type: 'code', client_id, redirect_uri, scope: 'read write', state,
          code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: 'S256',
        });
        return url.href;
      },
      { issuer: ISSUER, client_id: SPA.id, redirect_uri: REDIRECT_URI },
    );
    await page.goto(asked);
    await logIn(page);
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    const { code, state, iss } = await callback(page, APP);
    const flow = await page.evaluate(() => JSON.parse(sessionStorage.getItem('flow')));
    assert.deepEqual([state, iss], [flow.state, ISSUER]);
    const { token_endpoint, revocation_endpoint } = flow.metadata;

    const client_id = SPA.id;
    const redeem = { client_id, grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: flow.verifier };
    const first = await post(page, token_endpoint, redeem);
    assert.deepEqual([first.status, first.body.token_type, first.body.scope], [200, 'Bearer', 'read write']);
    assert.equal((await data(first.body.access_token)).status, 200);

    const renew = (refresh_token) => ({ client_id, grant_type: 'refresh_token', refresh_token });
    const second = await post(page, token_endpoint, renew(first.body.refresh_token));
    assert.equal(second.status, 200);
    assert.notEqual(second.body.access_token, first.body.access_token);

    const revoked = await post(page, revocation_endpoint, { client_id, token: second.body.refresh_token });
    assert.equal(revoked.status, 200);
    for (const { access_token } of [first.body, second.body]) {
      assert.equal((await introspect(access_token)).active, false);
    }
    assert.deepEqual(page.faults, []);

    // What is refused can be read as well. Chromium tells the console of its status, which is no fault.
    const refused = await post(page, token_endpoint, renew(second.body.refresh_token));
    assert.deepEqual([refused.status, refused.body.error], [400, 'invalid_grant']);
    await page.context().close();
  });

  test('may send headers for which the browser asks first, and reads the challenge', async () => {
    const page = await pageAt(APP);
    const fields = { grant_type: 'client_credentials' };
    const { status, body, challenge } = await post(page, `${ISSUER}/token`, fields, { authorization: 'Basic bm9ib2R5Ong=' });
    assert.deepEqual([status, body.error], [401, 'invalid_client']);
    assert.match(challenge, /^Basic /);
    await page.context().close();
  });

  test('cannot read the pages, the API or introspection', async () => {
    const page = await pageAt(APP);
    const urls = [authorizeUrl(SPA), `${ISSUER}/account`, `${ISSUER}/login`, `${ISSUER}/introspect`, `${ISSUER}/api/data`];
    for (const url of urls) {
      const outcome = await page.evaluate(
        (url) => fetch(url, { credentials: 'include' }).then(() => 'read', () => 'refused'),
        url,
      );
      assert.equal(outcome, 'refused', url);
    }
    await page.context().close();
  });
});

test('a page of an origin that no client registered cannot read what is shared with others', async () => {
  const page = await pageAt(STRANGER);
  for (const path of ['/.well-known/oauth-authorization-server', '/token', '/revoke']) {
    const outcome = await page.evaluate(
      (url) => fetch(url, { method: url.endsWith('server') ? 'GET' : 'POST' }).then(() => 'read', () => 'refused'),
      ISSUER + path,
    );
    assert.equal(outcome, 'refused', path);
  }
  await page.context().close();
});
