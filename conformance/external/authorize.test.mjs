// The authorization endpoint, login and consent as HTTP sees them, without a browser's help.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Person } from './person.mjs';
import { DEVICE, ISSUER, REDIRECT_URI, SPA, WEB, authorizeUrl, codeFor, pkce, read, token } from './program.mjs';

const alice = new Person();

/** A page that says what is wrong: no redirect, nothing to agree to. */
function assertErrorPage(page, status = 400) {
  assert.ok(!(page instanceof URL), `redirected to ${page}`);
  assert.equal(page.status, status, page.title);
  assert.match(page.headers.get('content-type'), /^text\/html\b/);
  assert.notEqual(page.title, '');
  assert.equal(page.forms.length, 0);
}

/** The client is told of the error at its redirect URI, with its state and the issuer. */
async function assertTold(url, error, { state = 'a-state', redirect = REDIRECT_URI } = {}) {
  const callback = await new Person().open(url);
  assert.ok(callback instanceof URL, `no redirect but the page "${callback.title}"`);
  assert.equal(callback.origin + callback.pathname, redirect);
  assert.equal(callback.searchParams.get('error'), error, callback.href);
  assert.equal(callback.searchParams.get('state'), state);
  assert.equal(callback.searchParams.get('iss'), ISSUER);
  assert.equal(callback.searchParams.get('code'), null);
}

suite('a good request', () => {
  test('rfc6749_3_1_03 rfc9207_2_01 rfc9207_2_02 GET leads to a code with state and iss', async () => {
    const callback = await alice.authorize(authorizeUrl(WEB));
    assert.equal(callback.origin + callback.pathname, REDIRECT_URI);
    assert.deepEqual([...callback.searchParams.keys()].toSorted(), ['code', 'iss', 'state']);
    assert.equal(callback.searchParams.get('iss'), ISSUER);
  });

  test('rfc6749_3_1_05 what is not recognised is skipped', async () => {
    const callback = await alice.authorize(authorizeUrl(WEB, { foo: 'bar', nonce: 'n', prompt: '', login_hint: 'x' }));
    assert.ok(callback.searchParams.get('code'));
  });

  test('rfc6749_4_1_2_07 state comes back byte for byte', async () => {
    for (const state of ['~!@#$%^&*()_+{}|:"<>?`-=[]\\;\',./ x', '%41%2B+', 'a'.repeat(1000)]) {
      const callback = await alice.authorize(authorizeUrl(WEB, { state }));
      assert.equal(callback.searchParams.get('state'), state);
    }
  });

  test('rfc6749_4_1_2_08 rfc6749_3_1_04 without state there is none in the answer', async () => {
    for (const state of [null, '']) {
      const callback = await alice.authorize(authorizeUrl(WEB, { state }));
      assert.equal(callback.searchParams.has('state'), false);
    }
  });

  test('rfc6749_3_3_03 without scope the client’s own is asked for', async () => {
    for (const scope of [null, '']) {
      const page = await alice.toConsent(authorizeUrl(WEB, { scope }));
      const asked = page.form('decision', 'allow').fields.filter(({ name }) => name === 'scope');
      assert.deepEqual(asked.map(({ value }) => value).toSorted(), ['read', 'write']);
    }
  });

  test('rfc6749_3_3_02 oauth21_1_4_1_01 less consent than was asked for is told in scope', async () => {
    const { verifier, challenge } = pkce();
    const callback = await alice.authorize(authorizeUrl(WEB, { code_challenge: challenge }), 'allow', ['write']);
    const code = callback.searchParams.get('code');
    const redeem = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: verifier };
    assert.equal((await token(WEB, redeem)).body.scope, 'write');
  });

  test('rfc6749_4_1_2_1_02 rfc9207_2_01 a denial is access_denied with state and iss', async () => {
    const callback = await alice.authorize(authorizeUrl(WEB), 'deny');
    const { error, state, iss, code } = Object.fromEntries(callback.searchParams);
    assert.deepEqual([error, state, iss, code], ['access_denied', 'a-state', ISSUER, undefined]);
  });
});

suite('where answers may go', () => {
  const foreign = [
    'https://attacker.example/cb', 'http://127.0.0.1:9099/cb/', 'http://127.0.0.1:9099/CB', 'http://127.0.0.1:9099/cb?x=1',
    'http://127.0.0.1:9099/cb#f', 'http://localhost:9099/cb', 'https://127.0.0.1:9099/cb', 'http://127.0.0.1:9099@attacker.example/cb',
    'http://127.0.0.1.attacker.example/cb', 'http://127.0.0.1:9099/x/../cb', 'http://127.0.0.1:9099/%63b', 'http://[::1]:9099/cb',
    'javascript:alert(1)', '//127.0.0.1:9099/cb', '/cb', 'cb', ' http://127.0.0.1:9099/cb',
  ];

  test('rfc6749_3_1_2_3_02 rfc6749_3_1_2_4_01 rfc6749_3_1_2_4_02 never to a redirect URI that is not registered', async () => {
    for (const redirect_uri of foreign) {
      assertErrorPage(await new Person().open(authorizeUrl(WEB, { redirect_uri })));
    }
  });

  test('rfc6749_3_1_2_2_01 public clients are held to their registration too', async () => {
    assertErrorPage(await new Person().open(authorizeUrl(SPA, { redirect_uri: 'https://attacker.example/cb' })));
    assertErrorPage(await new Person().open(authorizeUrl(DEVICE)), 400);
  });

  test('rfc6749_4_1_2_1_01 rfc6749_10_15_01 nowhere for a client that is missing or unknown', async () => {
    for (const id of [null, '', 'nobody', 'demo-web ']) {
      const page = await new Person().open(authorizeUrl({ id }));
      assertErrorPage(page, page.status);
      assert.ok(page.status === 400 || page.status === 401, `status ${page.status}`);
    }
  });

  test('rfc9700_4_11_2_01 whatever else is wrong, the redirect URI decides first', async () => {
    const wrong = { redirect_uri: 'https://attacker.example/cb', response_type: 'token', scope: 'nonsense', code_challenge: null };
    assertErrorPage(await new Person().open(authorizeUrl(WEB, wrong)));
  });

  test('rfc9700_2_1_02 rfc6749_10_15_01 no parameter makes the server send a browser elsewhere', async () => {
    const url = 'https://attacker.example/';
    const names = ['next', 'url', 'return_to', 'continue', 'redirect', 'post_logout_redirect_uri', 'target', 'pending'];
    for (const name of names) {
      for (const path of ['/', '/login', '/consent', '/authorize', '/logout']) {
        const answer = await fetch(`${ISSUER}${path}?${new URLSearchParams({ [name]: url })}`, { redirect: 'manual' });
        assert.doesNotMatch(answer.headers.get('location') ?? '', /attacker/, `${path}?${name}`);
      }
    }
    const callback = await alice.authorize(authorizeUrl(WEB, Object.fromEntries(names.map((name) => [name, url]))));
    assert.equal(callback.origin + callback.pathname, REDIRECT_URI);
  });

  test('rfc6749_3_1_06 a repeated client_id or redirect_uri leads nowhere, others to the client', async () => {
    for (const repeated of [{ client_id: [WEB.id, WEB.id] }, { redirect_uri: [REDIRECT_URI, REDIRECT_URI] }]) {
      assertErrorPage(await new Person().open(authorizeUrl(WEB, repeated)));
    }
    await assertTold(authorizeUrl(WEB, { scope: ['read', 'read'] }), 'invalid_request');
    await assertTold(authorizeUrl(WEB, { state: ['x', 'x'] }), 'invalid_request', { state: null });
  });
});

suite('what the client is told of', () => {
  const cases = [
    ['rfc6749_3_1_1_01 response_type missing', { response_type: null }, 'invalid_request'],
    ['rfc6749_3_1_1_01 response_type unknown', { response_type: 'unheard-of' }, 'unsupported_response_type'],
    ['rfc6749_4_2_2_01 oauth21_10_1_01 the implicit grant', { response_type: 'token' }, 'unsupported_response_type'],
    ['rfc6749_4_1_2_1_02 rfc6749_4_1_2_1_04 scope unknown', { scope: 'read admin' }, 'invalid_scope'],
    ['rfc6749_3_3_04 scope outside the grammar', { scope: 'read  write' }, 'invalid_scope'],
    ['rfc7636_4_4_1_01 rfc9700_4_8_2_01 no challenge', { code_challenge: null, code_challenge_method: null }, 'invalid_request'],
    ['rfc7636_4_4_03 the method left out, which means plain', { code_challenge_method: null }, 'invalid_request'],
    ['plain', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['rfc7636_4_4_1_02 oauth21_4_1_2_1_01 a method unknown', { code_challenge_method: 'S512' }, 'invalid_request'],
    ['rfc7636_4_2_04 a challenge too short', { code_challenge: 'A'.repeat(42) }, 'invalid_request'],
    ['rfc7636_4_2_04 a challenge too long', { code_challenge: 'A'.repeat(44) }, 'invalid_request'],
    ['rfc7636_4_2_04 a challenge padded', { code_challenge: `${'A'.repeat(43)}=` }, 'invalid_request'],
    ['rfc8707_2_03 a resource unknown', { resource: 'https://foreign.example/' }, 'invalid_target'],
    ['a request object', { request: 'e30.e30.' }, 'invalid_request'],
  ];
  for (const [name, parameters, error] of cases) {
    test(name, () => assertTold(authorizeUrl(WEB, parameters), error));
  }

  test('oauth21_4_1_1_02 rfc8252_6_02 rfc6749_4_1_1_03 a public client without a challenge, on any port', async () => {
    const redirect = 'http://127.0.0.1:51234/cb';
    const parameters = { redirect_uri: redirect, code_challenge: null, code_challenge_method: null };
    await assertTold(authorizeUrl(SPA, parameters), 'invalid_request', { redirect });
  });
});

suite('login and consent', () => {
  const isPage = ({ headers }) => /^text\/html\b/.test(headers.get('content-type') ?? '');

  test('rfc9700_4_12_01 rfc9700_2_1_06 after a password, redirects are 303', async () => {
    const person = new Person();
    await person.authorize(authorizeUrl(WEB));
    const redirects = person.answers.filter(({ headers }) => headers.has('location'));
    assert.ok(redirects.length > 0);
    for (const { status, url } of redirects) assert.equal(status, 303, url.pathname);
  });

  test('rfc6749_10_13_01 rfc9700_4_16_01 rfc9700_4_2_4_01 every page forbids frames, scripts, referrers and caches', async () => {
    const person = new Person();
    let page = await person.open(authorizeUrl(WEB));
    page = await person.logIn(page, { username: 'alice', password: 'wrong' });
    page = await person.logIn(page);
    await person.decide(page);
    await person.decide(page);
    await person.open(authorizeUrl(WEB, { redirect_uri: 'https://attacker.example/' }));
    await person.open(`${ISSUER}/`);
    await person.open(`${ISSUER}/nothing-here`);
    const pages = person.answers.filter(isPage);
    assert.ok(pages.length >= 7, `${pages.length} pages`);
    for (const { url, headers } of pages) {
      const policy = headers.get('content-security-policy');
      assert.match(policy, /frame-ancestors 'none'/, url.pathname);
      assert.match(policy, /default-src 'none'/);
      assert.match(policy, /base-uri 'none'/);
      assert.doesNotMatch(policy, /unsafe|script-src/);
      assert.equal(headers.get('x-frame-options'), 'DENY');
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
      assert.match(headers.get('referrer-policy'), /^(no-referrer|same-origin)$/);
      assert.equal(headers.get('cache-control'), 'no-store');
    }
  });

  test('an answer with a code is kept by no cache, and tells no other site where it came from', async () => {
    const person = new Person();
    await person.authorize(authorizeUrl(WEB));
    const { headers } = person.answers.at(-1);
    assert.match(headers.get('location'), /[?&]code=/);
    assert.equal(headers.get('cache-control'), 'no-store');
  });

  test('cookies are out of reach for scripts and for posts of other sites', async () => {
    const person = new Person();
    await person.authorize(authorizeUrl(WEB));
    const cookies = person.answers.flatMap(({ headers }) => headers.getSetCookie());
    assert.ok(cookies.length >= 2);
    for (const cookie of cookies) {
      assert.match(cookie, /; HttpOnly/i);
      assert.match(cookie, /; SameSite=(Lax|Strict)/i);
      assert.match(cookie, /; Path=\//i);
      assert.doesNotMatch(cookie, /; Domain/i);
      assert.doesNotMatch(cookie, /alice|wonderland/);
    }
  });

  test('rfc9700_2_6_03 oauth21_3_1_01 no other origin may read the authorization endpoint or its pages', async () => {
    const headers = { origin: 'https://attacker.example', 'access-control-request-method': 'POST' };
    for (const path of ['/authorize', '/login', '/consent']) {
      for (const method of ['OPTIONS', 'GET', 'POST']) {
        const answer = await fetch(path === '/authorize' ? authorizeUrl(WEB) : ISSUER + path, { method, headers, redirect: 'manual' });
        assert.equal(answer.headers.get('access-control-allow-origin'), null, `${method} ${path}`);
      }
    }
  });

  test('a consent is given once', async () => {
    const person = new Person();
    const page = await person.toConsent(authorizeUrl(WEB));
    assert.ok((await person.decide(page)) instanceof URL);
    const again = await person.decide(page);
    assertErrorPage(again, 403);
    assert.match(again.html, /answered/i);
  });

  test('what was begun in one browser is not finished in another', async () => {
    const [here, elsewhere] = [new Person(), new Person()];
    const begun = await here.open(authorizeUrl(WEB));
    const stolen = await elsewhere.logIn(begun);
    assert.ok(!(stolen instanceof URL) && !stolen.asksForConsent, 'no cookie at all');
    const consent = await here.toConsent(authorizeUrl(WEB));
    await elsewhere.toConsent(authorizeUrl(WEB));
    const taken = await elsewhere.decide(consent);
    assert.ok(!(taken instanceof URL), 'another browser, signed in as well');
    assert.ok(taken.status >= 400 && taken.status < 500, `status ${taken.status}`);
    assert.ok((await here.decide(consent)) instanceof URL, 'the attempt spent nothing');
  });

  test('rfc6749_10_12_03 a form from another site, or without its token, agrees to nothing', async () => {
    const person = new Person();
    const page = await person.toConsent(authorizeUrl(WEB));
    const target = page.form('decision', 'allow');
    const fields = target.fields.filter(({ sent }) => sent).map(({ name, value }) => [name, value]);
    const body = new URLSearchParams([...fields, ['scope', 'read'], ['decision', 'allow']]);
    const cookie = [...person.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const forged = [{ origin: 'https://attacker.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }];
    for (const headers of forged) {
      const answer = await fetch(target.action, { method: 'POST', headers: { cookie, ...headers }, body, redirect: 'manual' });
      assert.doesNotMatch(answer.headers.get('location') ?? '', /code=/, JSON.stringify(headers));
    }
    const withoutToken = await person.submit(target, { decision: 'allow', csrf: null });
    assert.ok(!(withoutToken instanceof URL));
    const wrongToken = await person.submit(target, { decision: 'allow', csrf: 'A'.repeat(43) });
    assert.ok(!(wrongToken instanceof URL));
    assert.ok((await person.decide(page)) instanceof URL, 'the attempts spent nothing');
  });

  test('rfc6749_3_1_01 nobody agrees to anything before it is known who they are', async () => {
    const person = new Person();
    const login = await person.open(authorizeUrl(WEB));
    const form = { ...login.form('password'), action: new URL('/consent', ISSUER) };
    const answer = await person.submit(form, { decision: 'allow', scope: 'read', username: null, password: null });
    assert.ok(!(answer instanceof URL), 'no code');
    assert.ok(answer.asksForPassword);
  });

  test('rfc8252_8_6_01 rfc6749_10_2_02 a public client is agreed to each time', async () => {
    for (let times = 0; times < 2; times += 1) {
      const page = await alice.toConsent(authorizeUrl(SPA));
      assert.ok((await alice.decide(page)) instanceof URL);
    }
  });

  test('a sealed request that was altered is refused', async () => {
    const person = new Person();
    const page = await person.toConsent(authorizeUrl(WEB));
    const { value } = page.form('decision', 'allow').fields.find(({ name }) => name === 'pending');
    for (const at of [0, Math.floor(value.length / 2), value.length - 2]) {
      const pending = value.slice(0, at) + (value[at] === 'A' ? 'B' : 'A') + value.slice(at + 1);
      const answer = await person.submit(page.form('decision', 'allow'), { decision: 'allow', pending });
      assertErrorPage(answer, 400);
    }
  });

  test('nobody can agree to more than was asked for, or to nothing', async () => {
    const person = new Person();
    const page = await person.toConsent(authorizeUrl(WEB, { scope: 'read' }));
    const wider = await person.decide(page, 'allow', ['read', 'write']);
    if (wider instanceof URL) assert.equal(wider.searchParams.get('code'), null);
    const both = await person.toConsent(authorizeUrl(WEB));
    const nothing = await person.decide(both, 'allow', []);
    assert.ok(!(nothing instanceof URL) && nothing.asksForConsent, 'the question is asked again');
    assert.match(nothing.html, /role="alert"/);
    assert.ok((await person.decide(nothing, 'allow', ['read'])) instanceof URL);
  });

  test('a wrong password and an unknown person are told alike', async () => {
    const person = new Person();
    const page = await person.open(authorizeUrl(WEB));
    const answers = [];
    for (const username of ['alice', 'nobody']) {
      const again = await person.logIn(page, { username, password: 'wrong' });
      assert.ok(again.asksForPassword);
      assert.doesNotMatch(again.html, /value="wrong"/);
      answers.push([again.status, /role="alert">([^<]*)</.exec(again.html)?.[1]]);
    }
    assert.ok(answers[0][1]);
    assert.deepEqual(answers[0], answers[1]);
    assert.ok((await person.logIn(page)).asksForConsent);
  });

  test('who is signed in is not asked for the password again, and can sign in as someone else', async () => {
    const person = new Person();
    await person.authorize(authorizeUrl(WEB));
    const page = await person.open(authorizeUrl(SPA));
    assert.ok(page.asksForConsent);
    const other = await person.submit(page.form('decision', 'switch'), { decision: 'switch' });
    assert.ok(other.asksForPassword);
  });
});

suite('budgets', () => {
  test('a request beyond every bound is refused', async () => {
    const page = await new Person().open(authorizeUrl(WEB, { state: 'x'.repeat(10_000) }));
    assert.ok(!(page instanceof URL));
    assert.ok(page.status >= 400 && page.status < 500, `status ${page.status}`);
  });
});
