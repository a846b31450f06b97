// Codes and refresh tokens, bent in every way that a client library would not bend them.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Person } from './person.mjs';
import {
  OTHER, REDIRECT_URI, SPA, WEB,
  authorizeUrl, codeFor, data, introspect, pkce, post, refresh, token, tokensFor,
} from './program.mjs';

const alice = new Person();

/** The token endpoint said no, in the words of RFC 6749 section 5.2. */
function assertRefused(answer, error, status = 400) {
  assert.deepEqual([answer.status, answer.body?.error], [status, error], answer.text);
  assert.equal(answer.body.access_token, undefined);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
}

/** A token with each of its characters changed in turn, cut short, and made longer. */
function altered(text) {
  const flipped = [...text].map((c, at) => text.slice(0, at) + (c === 'A' ? 'B' : 'A') + text.slice(at + 1));
  return [...flipped, text.slice(0, -1), `${text}A`, `${text}=`];
}

suite('a code', () => {
  test('rfc6749_5_1_01 rfc6749_5_1_02 rfc6749_5_1_03 rfc6750_4_01 oauth21_3_2_3_01 what it is redeemed for', async () => {
    const { status, headers, body } = await token(WEB, await codeFor(alice, WEB));
    assert.equal(status, 200);
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal(headers.get('pragma'), 'no-cache');
    assert.match(headers.get('content-type'), /^application\/json\b/);
    assert.equal(body.token_type, 'Bearer');
    assert.match(body.access_token, /^[\w.~+/-]+=*$/);
    assert.ok(Number.isInteger(body.expires_in) && body.expires_in > 0);
  });

  test('rfc6749_4_1_3_03 rfc6749_4_1_2_06 rfc6749_10_6_01 redirect_uri is present and the same', async () => {
    const code = await codeFor(alice, WEB);
    for (const redirect_uri of [null, '', `${REDIRECT_URI}/`, 'http://127.0.0.1:9098/cb', 'http://localhost:9099/cb']) {
      assertRefused(await token(WEB, { ...code, redirect_uri }), 'invalid_grant');
    }
    assert.equal((await token(WEB, code)).status, 200, 'the attempts spent nothing');
  });

  test('oauth21_10_2_01 redirect_uri may be left out where the authorization request left it out', async () => {
    const without = await codeFor(alice, WEB, { redirect_uri: null });
    assertRefused(await token(WEB, { ...without, redirect_uri: `${REDIRECT_URI}2` }), 'invalid_grant');
    assert.equal((await token(WEB, without)).status, 200);
    const named = await codeFor(alice, WEB, { redirect_uri: null });
    assert.equal((await token(WEB, { ...named, redirect_uri: REDIRECT_URI })).status, 200);
  });

  test('rfc8252_7_3_01 rfc8252_8_1_01 a loopback client may listen on any port', async () => {
    const redirect_uri = 'http://127.0.0.1:50123/cb';
    const code = await codeFor(alice, SPA, { redirect_uri });
    assertRefused(await token(SPA, { ...code, redirect_uri: REDIRECT_URI }), 'invalid_grant');
    assert.equal((await token(SPA, code)).status, 200);
  });

  test('rfc6749_3_2_1_01 rfc6749_2_2_01 a client id alone proves nothing', async () => {
    const code = await codeFor(alice, WEB);
    assertRefused(await token({ id: WEB.id }, code), 'invalid_client', 401);
    assertRefused(await token(undefined, code), 'invalid_client', 401);
    assert.equal((await token(WEB, code)).status, 200);
  });

  test('rfc6749_3_2_1_03 rfc6749_4_1_3_02 it is its client’s alone', async () => {
    const code = await codeFor(alice, WEB);
    for (const thief of [OTHER, SPA]) assertRefused(await token(thief, code), 'invalid_grant');
    assert.equal((await token(WEB, code)).status, 200);
    const ofPublic = await codeFor(alice, SPA);
    assertRefused(await token(WEB, ofPublic), 'invalid_grant');
  });

  test('rfc7636_4_6_03 rfc9700_2_1_1_07 oauth21_4_1_3_02 the verifier is demanded', async () => {
    for (const client of [WEB, SPA]) {
      const code = await codeFor(alice, client);
      assertRefused(await token(client, { ...code, code_verifier: null }), 'invalid_request');
      assertRefused(await token(client, { ...code, code_verifier: pkce().verifier }), 'invalid_grant');
      assert.equal((await token(client, code)).status, 200);
    }
  });

  test('rfc7636_7_2_01 rfc7636_4_5_02 the challenge is no verifier, whatever method the token request names', async () => {
    const { verifier, challenge } = pkce();
    const code = { ...(await codeFor(alice, SPA, { code_challenge: challenge })), code_verifier: verifier };
    const plain = { ...code, code_verifier: challenge };
    assertRefused(await token(SPA, plain), 'invalid_grant');
    assertRefused(await token(SPA, { ...plain, code_challenge_method: 'plain' }), 'invalid_grant');
    assert.equal((await token(SPA, { ...code, code_challenge_method: 'plain' })).status, 200);
  });

  test('rfc6749_4_1_3_04 rfc6749_5_2_03 what is no code is refused', async () => {
    const code = await codeFor(alice, WEB);
    const tokens = await tokensFor(alice, WEB);
    for (const wrong of ['x', ...altered(code.code), tokens.access_token, tokens.refresh_token]) {
      assertRefused(await token(WEB, { ...code, code: wrong }), 'invalid_grant');
    }
    assert.equal((await token(WEB, code)).status, 200, 'the attempts spent nothing');
  });

  test('rfc7636_4_4_02 oauth21_4_1_2_01 nobody can read the challenge from it', async () => {
    const { challenge } = pkce();
    const callback = await alice.authorize(authorizeUrl(SPA, { code_challenge: challenge }));
    assert.ok(!callback.href.includes(challenge));
    const code = Buffer.from(callback.searchParams.get('code'), 'base64url');
    assert.equal(code.indexOf(Buffer.from(challenge, 'base64url')), -1);
  });

  test('oauth21_4_1_3_01 rfc9700_4_2_4_02 rfc6749_10_5_01 a second valid use ends what the first got', async () => {
    const code = await codeFor(alice, WEB);
    const { body } = await token(WEB, code);
    assertRefused(await token(WEB, code), 'invalid_grant');
    assert.deepEqual(await introspect(body.access_token), { active: false });
    assert.equal((await data(body.access_token)).status, 401);
    assertRefused(await refresh(WEB, body.refresh_token), 'invalid_grant');
  });

  test('oauth21_7_5_2_01 a second use that is not valid ends nothing', async () => {
    const code = await codeFor(alice, WEB);
    const { body } = await token(WEB, code);
    assertRefused(await token(WEB, { ...code, code_verifier: pkce().verifier }), 'invalid_grant');
    assertRefused(await token(WEB, { ...code, redirect_uri: `${REDIRECT_URI}2` }), 'invalid_grant');
    assertRefused(await token(OTHER, code), 'invalid_grant');
    assertRefused(await token({ ...WEB, secret: 'wrong' }, code), 'invalid_client', 401);
    assert.equal((await introspect(body.access_token)).active, true);
  });

  test('of many redemptions at once one succeeds', async () => {
    const code = await codeFor(alice, SPA);
    const answers = await Promise.all(Array.from({ length: 16 }, () => token(SPA, code)));
    const good = answers.filter(({ status }) => status === 200);
    assert.equal(good.length, 1);
    assert.deepEqual(await introspect(good[0].body.access_token), { active: false });
  });
});

suite('an access token', () => {
  test('rfc6750_5_2_01 rfc6749_10_3_02 one that was altered is worth nothing', async () => {
    const tokens = await tokensFor(alice, WEB);
    for (const forged of altered(tokens.access_token)) {
      assert.deepEqual(await introspect(forged), { active: false });
    }
    assert.equal((await data(altered(tokens.access_token)[0])).status, 401);
    assert.equal((await introspect(tokens.access_token)).active, true);
  });
});

suite('a refresh token', () => {
  test('rfc6749_6_01 oauth21_4_3_1_01 a confidential client authenticates', async () => {
    const tokens = await tokensFor(alice, WEB);
    assertRefused(await refresh({ id: WEB.id }, tokens.refresh_token), 'invalid_client', 401);
    assertRefused(await refresh({ ...WEB, secret: 'wrong' }, tokens.refresh_token), 'invalid_client', 401);
    assert.equal((await refresh(WEB, tokens.refresh_token)).status, 200);
  });

  test('rfc6749_6_02 rfc6749_10_4_01 it is its client’s alone', async () => {
    const tokens = await tokensFor(alice, SPA);
    for (const thief of [WEB, OTHER]) assertRefused(await refresh(thief, tokens.refresh_token), 'invalid_grant');
    assert.equal((await refresh(SPA, tokens.refresh_token)).status, 200);
  });

  test('rfc6749_6_04 rfc6749_6_05 oauth21_4_3_3_01 a narrower access token leaves the grant as wide as it was', async () => {
    const tokens = await tokensFor(alice, WEB);
    const narrow = await refresh(WEB, tokens.refresh_token, { scope: 'write' });
    assert.equal(narrow.body.scope, 'write');
    assert.equal((await data(narrow.body.access_token)).status, 403);
    const full = await refresh(WEB, narrow.body.refresh_token);
    assert.equal(full.body.scope ?? 'read write', 'read write');
    assert.equal((await introspect(full.body.access_token)).scope, 'read write');
  });

  test('rfc6749_6_03 oauth21_4_3_1_01 it is never worth more than was agreed to', async () => {
    const tokens = await tokensFor(alice, WEB, { scope: 'read' });
    for (const scope of ['write', 'read write', 'telemetry:write', 'read admin']) {
      assertRefused(await refresh(WEB, tokens.refresh_token, { scope }), 'invalid_scope');
    }
    assert.equal((await refresh(WEB, tokens.refresh_token)).status, 200, 'the attempts spent nothing');
  });

  test('rfc9700_4_14_2_01 rfc8707_2_2_01 it does not reach a resource that nobody agreed to', async () => {
    const tokens = await tokensFor(alice, WEB);
    const answer = await refresh(WEB, tokens.refresh_token, { resource: 'https://foreign.example/' });
    assertRefused(answer, 'invalid_target');
  });

  test('rfc9700_4_14_2_02 oauth21_4_3_1_02 an old one ends the grant, the newest one with it', async () => {
    for (const client of [WEB, SPA]) {
      const first = await tokensFor(alice, client);
      const second = (await refresh(client, first.refresh_token)).body;
      const third = (await refresh(client, second.refresh_token)).body;
      assertRefused(await refresh(client, first.refresh_token), 'invalid_grant');
      assertRefused(await refresh(client, third.refresh_token), 'invalid_grant');
      for (const { access_token } of [first, second, third]) {
        assert.deepEqual(await introspect(access_token), { active: false });
      }
    }
  });

  test('rfc9700_4_14_2_03 rfc6749_10_3_02 one that was altered is refused and ends nothing', async () => {
    const tokens = await tokensFor(alice, WEB);
    for (const forged of altered(tokens.refresh_token)) {
      assertRefused(await refresh(WEB, forged), 'invalid_grant');
    }
    assert.equal((await refresh(WEB, tokens.refresh_token)).status, 200);
  });

  test('of many refreshes at once all get the one successor', async () => {
    const tokens = await tokensFor(alice, SPA);
    const answers = await Promise.all(Array.from({ length: 16 }, () => refresh(SPA, tokens.refresh_token)));
    const good = answers.filter(({ status }) => status === 200);
    assert.ok(good.length >= 1);
    assert.equal(new Set(good.map(({ body }) => body.refresh_token)).size, 1);
    for (const { status } of answers) assert.ok([200, 503].includes(status), `status ${status}`);
    assert.equal((await refresh(SPA, good[0].body.refresh_token)).status, 200);
  });
});

suite('revocation', () => {
  test('rfc7009_2_1_02 rfc7009_5_01 another client revokes nothing and learns nothing', async () => {
    const tokens = await tokensFor(alice, WEB);
    const unknown = await post('/revoke', OTHER, { token: 'no-such-token' });
    for (const name of ['access_token', 'refresh_token']) {
      const foreign = await post('/revoke', OTHER, { token: tokens[name] });
      assert.deepEqual([foreign.status, foreign.text], [unknown.status, unknown.text]);
    }
    assert.equal((await introspect(tokens.access_token)).active, true);
    assert.equal((await refresh(WEB, tokens.refresh_token)).status, 200);
  });

  test('rfc7009_2_2_01 a token that is unknown, or revoked already, is answered 200', async () => {
    const tokens = await tokensFor(alice, WEB);
    for (const given of ['no-such-token', tokens.refresh_token, tokens.refresh_token, tokens.access_token]) {
      assert.equal((await post('/revoke', WEB, { token: given })).status, 200);
    }
  });

  test('rfc7009_2_1_03 a wrong hint does not save a token', async () => {
    const tokens = await tokensFor(alice, WEB);
    await post('/revoke', WEB, { token: tokens.access_token, token_type_hint: 'refresh_token' });
    assert.deepEqual(await introspect(tokens.access_token), { active: false });
    await post('/revoke', WEB, { token: tokens.refresh_token, token_type_hint: 'access_token' });
    assertRefused(await refresh(WEB, tokens.refresh_token), 'invalid_grant');
  });

  test('rfc7009_2_1_02 the client authenticates', async () => {
    const tokens = await tokensFor(alice, WEB);
    for (const client of [undefined, { id: WEB.id }, { ...WEB, secret: 'wrong' }]) {
      assertRefused(await post('/revoke', client, { token: tokens.refresh_token }), 'invalid_client', 401);
    }
    assert.equal((await introspect(tokens.access_token)).active, true);
  });
});
