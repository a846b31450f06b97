// The endpoints as HTTP sees them: methods, headers, statuses, parameters that are wrong, and where nothing may redirect.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { suite, test } from 'node:test';
import { Person } from './person.mjs';
import {
  API, DEVICE, ISSUER, OTHER, REDIRECT_URI, SPA, WEB,
  authorizeUrl, base64url, basic, data, form, introspect, pkce, post, read, token, tokensFor,
} from './program.mjs';

const alice = new Person();
const CLIENT_CREDENTIALS = { grant_type: 'client_credentials', scope: 'read' };

/** A refusal in the words of RFC 6749 section 5.2, that no cache keeps. */
function assertRefused(answer, error, status = 400) {
  assert.deepEqual([answer.status, answer.body?.error], [status, error], answer.text);
  assert.equal(answer.body.access_token, undefined);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  if (status === 401) assert.match(answer.headers.get('www-authenticate'), /^Basic realm="/);
}

/** A page of the server, and no redirect. */
function assertPage(page, status) {
  assert.ok(!(page instanceof URL), `redirected to ${page}`);
  assert.equal(page.status, status, page.title);
  assert.equal(page.headers.get('location'), null);
  assert.equal(page.forms.length, 0, 'there is nothing to agree to');
}

suite('the metadata', () => {
  const url = `${ISSUER}/.well-known/oauth-authorization-server`;

  test('rfc8414_3_01 rfc8414_3_2_01 rfc8414_2_02 rfc8414_2_04 a JSON object without empty arrays', async () => {
    const { status, body } = await read(await fetch(url));
    assert.equal(status, 200);
    assert.equal(body.issuer, ISSUER);
    assert.deepEqual(body.response_types_supported, ['code']);
    for (const name of ['authorization_endpoint', 'token_endpoint', 'revocation_endpoint', 'introspection_endpoint']) {
      assert.ok(body[name].startsWith(`${ISSUER}/`), name);
    }
    for (const [name, value] of Object.entries(body)) assert.ok(!Array.isArray(value) || value.length > 0, name);
  });

  test('oauth21_10_1_01 rfc9700_2_4_01 neither implicit nor password is offered', async () => {
    const { body } = await read(await fetch(url));
    assert.deepEqual(body.grant_types_supported.toSorted(), ['authorization_code', 'client_credentials', 'refresh_token']);
    assert.deepEqual(body.code_challenge_methods_supported, ['S256']);
    for (const method of ['client_secret_basic', 'client_secret_post', 'none']) {
      assert.ok(body.token_endpoint_auth_methods_supported.includes(method), method);
    }
  });
});

suite('the token endpoint', () => {
  test('rfc6749_3_2_02 oauth21_3_2_01 only POST is served', async () => {
    const parameters = form({ ...CLIENT_CREDENTIALS, client_id: WEB.id, client_secret: WEB.secret });
    for (const path of ['/token', '/revoke', '/introspect']) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const answer = await read(await fetch(`${ISSUER}${path}?${parameters}`, { method }));
        assert.equal(answer.status, 405, `${method} ${path}`);
        assert.match(answer.headers.get('allow'), /\bPOST\b/);
        assert.doesNotMatch(answer.text, /access_token/);
      }
    }
  });

  test('rfc6749_2_3_1_06 a secret in the query is no authentication', async () => {
    const parameters = form({ ...CLIENT_CREDENTIALS, client_id: WEB.id });
    const response = await fetch(`${ISSUER}/token?client_secret=${WEB.secret}`, { method: 'POST', body: parameters });
    assertRefused(await read(response), 'invalid_client', 401);
  });

  test('rfc6749_2_3_02 two methods of authentication at once are refused', async () => {
    const twice = { ...CLIENT_CREDENTIALS, client_id: WEB.id, client_secret: WEB.secret };
    assertRefused(await token(WEB, twice), 'invalid_request');
    const another = { ...CLIENT_CREDENTIALS, client_id: OTHER.id };
    assertRefused(await token(WEB, another), 'invalid_request');
  });

  test('rfc6749_2_3_2_01 a public client has no secret to authenticate with', async () => {
    const answer = await token({ ...SPA, secret: 'anything' }, { grant_type: 'refresh_token', refresh_token: 'x' });
    assertRefused(answer, 'invalid_client', 401);
  });

  test('rfc6749_4_4_2_01 client credentials without credentials are refused', async () => {
    assertRefused(await token(undefined, CLIENT_CREDENTIALS), 'invalid_client', 401);
    assertRefused(await token({ id: WEB.id }, CLIENT_CREDENTIALS), 'invalid_client', 401);
  });

  test('an unknown client and a wrong secret are told alike', async () => {
    const unknown = await token({ id: 'nobody', secret: 'x' }, CLIENT_CREDENTIALS);
    const wrong = await token({ ...WEB, secret: 'x' }, CLIENT_CREDENTIALS);
    assertRefused(unknown, 'invalid_client', 401);
    assert.equal(unknown.text, wrong.text);
  });

  test('rfc6749_3_2_03 rfc6749_3_1_04 empty is absent, unknown is skipped, repeated is refused', async () => {
    const whole = await token(WEB, { grant_type: 'client_credentials', scope: '', resource: '', foo: 'bar' });
    assert.equal(whole.status, 200, whole.text);
    assert.deepEqual((whole.body.scope ?? 'read write').split(' ').toSorted(), ['read', 'write']);
    assertRefused(await token(WEB, { grant_type: '' }), 'invalid_request');
    assertRefused(await token(WEB, { ...CLIENT_CREDENTIALS, scope: ['read', 'read'] }), 'invalid_request');
    assertRefused(await token(WEB, { grant_type: ['client_credentials', 'client_credentials'] }), 'invalid_request');
  });

  test('rfc6749_5_2_01 rfc6749_5_2_05 what is missing is invalid_request', async () => {
    const code = base64url(randomBytes(48));
    const wholes = [
      { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: pkce().verifier },
      { grant_type: 'refresh_token', refresh_token: 'x' },
    ];
    for (const whole of wholes) {
      for (const name of Object.keys(whole).filter((name) => name !== 'redirect_uri')) {
        assertRefused(await token(WEB, { ...whole, [name]: null }), 'invalid_request');
      }
    }
    assertRefused(await post('/revoke', WEB, {}), 'invalid_request');
    assertRefused(await post('/introspect', API, {}), 'invalid_request');
  });

  test('rfc6749_4_3_01 rfc9700_2_4_01 oauth21_10_1_01 the password grant is not offered', async () => {
    const parameters = { grant_type: 'password', username: 'alice', password: 'wonderland' };
    assertRefused(await token(WEB, parameters), 'unsupported_grant_type');
  });

  test('rfc6749_5_2_04 a grant that is unknown, and one that the client may not use', async () => {
    assertRefused(await token(WEB, { grant_type: 'urn:example:grant' }), 'unsupported_grant_type');
    const code = { grant_type: 'authorization_code', code: 'x', redirect_uri: REDIRECT_URI, code_verifier: pkce().verifier };
    assertRefused(await token(DEVICE, code), 'unauthorized_client');
    assertRefused(await token(API, CLIENT_CREDENTIALS), 'unauthorized_client');
  });

  test('rfc6749_3_3_04 rfc6749_3_3_03 a scope outside the grammar is invalid_scope, none is the registered one', async () => {
    for (const scope of ['read"', 'read  write', ' read', 'read ', 'read\\', 'réad', 'read\twrite']) {
      assertRefused(await token(WEB, { grant_type: 'client_credentials', scope }), 'invalid_scope');
    }
    const { body } = await token(DEVICE, { grant_type: 'client_credentials' });
    assert.equal((await introspect(body.access_token)).scope, 'telemetry:write');
  });

  test('rfc8707_2_03 a resource that is unknown, or none at all, is invalid_target', async () => {
    for (const resource of ['https://foreign.example/', 'relative', 'https://foreign.example/#fragment']) {
      assertRefused(await token(WEB, { ...CLIENT_CREDENTIALS, resource }), 'invalid_target');
    }
  });

  test('a body that is no form is refused', async () => {
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x']) {
      const init = { method: 'POST', headers: { authorization: basic(WEB), 'content-type': type }, body: '{}' };
      assertRefused(await read(await fetch(`${ISSUER}/token`, init)), 'invalid_request');
    }
  });

  test('a body beyond every bound is refused', async () => {
    assertRefused(await token(WEB, { ...CLIENT_CREDENTIALS, padding: 'x'.repeat(9_000) }), 'invalid_request');
  });
});

suite('introspection', () => {
  test('rfc7662_2_01 rfc7662_2_3_01 the caller authenticates', async () => {
    const { body } = await token(WEB, CLIENT_CREDENTIALS);
    for (const caller of [undefined, { id: API.id }, { ...API, secret: 'wrong' }]) {
      assertRefused(await post('/introspect', caller, { token: body.access_token }), 'invalid_client', 401);
    }
  });

  test('rfc7662_2_1_03 a client without the right learns nothing, public ones included', async () => {
    const { body } = await token(WEB, CLIENT_CREDENTIALS);
    for (const caller of [WEB, OTHER, SPA]) {
      const answer = await post('/introspect', caller, { token: body.access_token });
      assert.equal(answer.status, 401);
      assert.equal(answer.body.active, undefined);
    }
  });

  test('rfc7662_2_2_01 rfc7662_2_2_02 rfc7662_2_2_03 rfc7662_4_01 what is not good is inactive and no more', async () => {
    const tokens = await tokensFor(alice, WEB);
    await post('/revoke', WEB, { token: tokens.access_token });
    for (const given of [tokens.access_token, tokens.refresh_token, 'x', `${tokens.access_token}A`]) {
      const answer = await post('/introspect', API, { token: given });
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.body, { active: false });
      assert.equal(answer.headers.get('cache-control'), 'no-store');
    }
  });

  test('rfc7662_2_1_02 an unhelpful hint is skipped', async () => {
    const { body } = await token(WEB, CLIENT_CREDENTIALS);
    for (const token_type_hint of ['refresh_token', 'unheard-of']) {
      const answer = await post('/introspect', API, { token: body.access_token, token_type_hint });
      assert.equal(answer.body.active, true);
    }
  });
});

suite('the API', () => {
  test('rfc6750_3_01 rfc6750_3_1_02 without a token the challenge has a parameter and no error', async () => {
    for (const headers of [{}, { authorization: basic(WEB) }]) {
      const answer = await data(undefined, { headers });
      assert.equal(answer.status, 401);
      assert.match(answer.headers.get('www-authenticate'), /^Bearer \w+="/);
      assert.doesNotMatch(answer.headers.get('www-authenticate'), /error/);
    }
  });

  test('rfc6750_2_1_01 rfc6750_2_1_02 the scheme is matched without regard to case', async () => {
    const { body } = await token(WEB, CLIENT_CREDENTIALS);
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      const answer = await data(undefined, { headers: { authorization: `${scheme} ${body.access_token}` } });
      assert.deepEqual([answer.status, answer.body], [200, { data: 'This is protected data.' }]);
    }
  });

  test('rfc6750_2_3_02 oauth21_5_1_02 a token in the query is no token', async () => {
    const { body } = await token(WEB, CLIENT_CREDENTIALS);
    const answer = await read(await fetch(`${ISSUER}/api/data?access_token=${body.access_token}`));
    assert.equal(answer.status, 401);
    assert.doesNotMatch(answer.headers.get('www-authenticate'), /error/);
  });

  test('rfc6750_2_2_03 a token in the body of a GET is no token', async () => {
    const { body } = await token(WEB, CLIENT_CREDENTIALS);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const sent = request(`${ISSUER}/api/data`, { method: 'GET', headers, agent: false });
    sent.end(form({ access_token: body.access_token }).toString());
    const [answer] = await once(sent, 'response');
    answer.resume();
    assert.equal(answer.statusCode, 401);
    assert.doesNotMatch(answer.headers['www-authenticate'], /error/);
  });

  test('rfc6750_3_1_01 oauth21_5_2_01 rfc6749_7_01 the three refusals', async () => {
    const narrow = (await token(WEB, { ...CLIENT_CREDENTIALS, scope: 'write' })).body.access_token;
    const revoked = (await token(WEB, CLIENT_CREDENTIALS)).body.access_token;
    await post('/revoke', WEB, { token: revoked });
    const cases = [
      [400, 'invalid_request', 'Bearer'],
      [400, 'invalid_request', 'Bearer a b'],
      [401, 'invalid_token', 'Bearer unknown'],
      [401, 'invalid_token', `Bearer ${revoked}`],
      [403, 'insufficient_scope', `Bearer ${narrow}`],
    ];
    for (const [status, error, authorization] of cases) {
      const answer = await data(undefined, { headers: { authorization } });
      assert.equal(answer.status, status, authorization.slice(0, 10));
      assert.match(answer.headers.get('www-authenticate'), new RegExp(`^Bearer .*error="${error}"`));
      assert.doesNotMatch(answer.text, /protected data/);
    }
  });
});

suite('the server', () => {
  test('/healthz says that it is up', async () => {
    assert.equal((await fetch(`${ISSUER}/healthz`)).status, 200);
  });

  test('what is not there is a page with status 404', async () => {
    assertPage(await new Person().open(`${ISSUER}/nothing-here`), 404);
  });
});
