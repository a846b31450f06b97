// What openid-client, a certified client library, gets from the program.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as oidc from 'openid-client';
import { Person } from './person.mjs';
import { API, DEVICE, ISSUER, OTHER, REDIRECT_URI, SPA, WEB } from './program.mjs';

const RESOURCE = new URL(`${ISSUER}/api/data`);
const alice = new Person();

/** The library's view of the server for one client, from the server's own metadata. */
function discover(client, authentication) {
  const execute = ISSUER.startsWith('https:') ? [] : [oidc.allowInsecureRequests];
  const options = { algorithm: 'oauth2', execute };
  return oidc.discovery(new URL(ISSUER), client.id, {}, authentication, options);
}

const web = await discover(WEB, oidc.ClientSecretBasic(WEB.secret));
const webPost = await discover(WEB, oidc.ClientSecretPost(WEB.secret));
const spa = await discover(SPA, oidc.None());
const other = await discover(OTHER, oidc.ClientSecretBasic(OTHER.secret));
const api = await discover(API, oidc.ClientSecretBasic(API.secret));
const apiPost = await discover(API, oidc.ClientSecretPost(API.secret));
const device = await discover(DEVICE, oidc.ClientSecretBasic(DEVICE.secret));

/** A person follows the library's authorization URL; what is needed for the exchange comes back. */
async function visit(config, { scope = 'read write', decision, scopes } = {}) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const expectedState = oidc.randomState();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope,
    state: expectedState,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  });
  const callback = await alice.authorize(url, decision, scopes);
  return { callback, checks: { pkceCodeVerifier, expectedState } };
}

async function login(config, options) {
  const { callback, checks } = await visit(config, options);
  return oidc.authorizationCodeGrant(config, callback, checks);
}

const isActive = async (token) => (await oidc.tokenIntrospection(api, token)).active;
const read = (token) => oidc.fetchProtectedResource(web, token, RESOURCE, 'GET');

/** The library read an error body of the token endpoint. */
const answered = (error, status = 400) => (thrown) => {
  assert.ok(thrown instanceof oidc.ResponseBodyError, `${thrown.name}: ${thrown.message}`);
  assert.deepEqual([thrown.error, thrown.status], [error, status]);
  return true;
};

/** The library read a challenge. */
const challenged = (status, scheme, parameters) => (thrown) => {
  assert.ok(thrown instanceof oidc.WWWAuthenticateChallengeError, `${thrown.name}: ${thrown.message}`);
  assert.equal(thrown.status, status);
  assert.equal(thrown.cause.length, 1);
  assert.equal(thrown.cause[0].scheme, scheme);
  for (const [name, value] of Object.entries(parameters)) assert.equal(thrown.cause[0].parameters[name], value, name);
  return true;
};

async function assertGrantIsDead(config, tokens) {
  assert.equal(await isActive(tokens.access_token), false);
  await assert.rejects(read(tokens.access_token), challenged(401, 'bearer', { error: 'invalid_token' }));
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), answered('invalid_grant'));
}

suite('discovery', () => {
  test('rfc8414_3_01 rfc8414_2_02 rfc9700_2_6_01 the library configures itself from the metadata', () => {
    const metadata = web.serverMetadata();
    assert.equal(metadata.issuer, ISSUER);
    assert.equal(metadata.authorization_endpoint, `${ISSUER}/authorize`);
    assert.equal(metadata.token_endpoint, `${ISSUER}/token`);
    assert.equal(metadata.revocation_endpoint, `${ISSUER}/revoke`);
    assert.equal(metadata.introspection_endpoint, `${ISSUER}/introspect`);
  });

  test('rfc9700_2_1_1_09 rfc8414_2_07 PKCE support can be detected', () => {
    assert.ok(web.serverMetadata().supportsPKCE('S256'));
    assert.deepEqual(web.serverMetadata().code_challenge_methods_supported, ['S256']);
  });

  test('rfc9207_2_3_01 iss in responses is announced', () => {
    assert.equal(web.serverMetadata().authorization_response_iss_parameter_supported, true);
  });
});

suite('authorization code', () => {
  for (const [name, config] of [['Basic', web], ['secret in the body', webPost], ['public', spa]]) {
    test(`rfc9700_2_1_1_06 rfc7636_4_6_01 code with PKCE, ${name}`, async () => {
      const tokens = await login(config);
      assert.equal(tokens.token_type, 'bearer', 'the library lowers its case');
      assert.equal(tokens.scope, 'read write');
      assert.ok(tokens.expiresIn() > 0 && tokens.expiresIn() <= 600);
      assert.ok(tokens.refresh_token);
      const answer = await oidc.fetchProtectedResource(config, tokens.access_token, RESOURCE, 'GET');
      assert.deepEqual(await answer.json(), { data: 'This is protected data.' });
    });
  }

  test('rfc9207_2_01 the library demands iss and refuses a foreign one', async () => {
    const { callback, checks } = await visit(web);
    assert.equal(callback.searchParams.get('iss'), ISSUER);
    const foreign = new URL(callback);
    foreign.searchParams.set('iss', 'https://attacker.example');
    const missing = new URL(callback);
    missing.searchParams.delete('iss');
    for (const forged of [foreign, missing]) {
      await assert.rejects(oidc.authorizationCodeGrant(web, forged, checks), { code: 'OAUTH_INVALID_RESPONSE' });
    }
    assert.ok((await oidc.authorizationCodeGrant(web, callback, checks)).access_token, 'no code was spent by that');
  });

  test('rfc6749_4_1_2_1_02 a denial arrives as access_denied, with state and iss', async () => {
    const { callback, checks } = await visit(web, { decision: 'deny' });
    await assert.rejects(oidc.authorizationCodeGrant(web, callback, checks), (thrown) => {
      assert.ok(thrown instanceof oidc.AuthorizationResponseError, thrown.message);
      assert.equal(thrown.error, 'access_denied');
      return true;
    });
  });

  test('rfc6749_3_3_02 less consent than was asked for is told', async () => {
    const tokens = await login(web, { scopes: ['read'] });
    assert.equal(tokens.scope, 'read');
    assert.equal((await oidc.tokenIntrospection(api, tokens.access_token)).scope, 'read');
  });

  test('rfc7636_4_6_02 a wrong verifier is refused and does not spend the code', async () => {
    const { callback, checks } = await visit(spa);
    const wrong = { ...checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() };
    await assert.rejects(oidc.authorizationCodeGrant(spa, callback, wrong), answered('invalid_grant'));
    assert.ok((await oidc.authorizationCodeGrant(spa, callback, checks)).access_token);
  });

  test('rfc6749_4_1_3_02 another client cannot redeem a code', async () => {
    const { callback, checks } = await visit(web);
    for (const thief of [other, spa]) {
      await assert.rejects(oidc.authorizationCodeGrant(thief, callback, checks), answered('invalid_grant'));
    }
    assert.ok((await oidc.authorizationCodeGrant(web, callback, checks)).access_token);
  });

  for (const [name, config] of [['confidential', web], ['public', spa]]) {
    test(`rfc6749_4_1_2_04 rfc6749_4_1_2_05 a code used twice ends its grant, ${name}`, async () => {
      const { callback, checks } = await visit(config);
      const tokens = await oidc.authorizationCodeGrant(config, callback, checks);
      assert.equal(await isActive(tokens.access_token), true);
      await assert.rejects(oidc.authorizationCodeGrant(config, callback, checks), answered('invalid_grant'));
      await assertGrantIsDead(config, tokens);
    });
  }
});

suite('refresh', () => {
  for (const [name, config] of [['Basic', web], ['secret in the body', webPost], ['public', spa]]) {
    test(`rfc9700_2_2_2_01 refresh tokens are rotated, ${name}`, async () => {
      const first = await login(config);
      const second = await oidc.refreshTokenGrant(config, first.refresh_token);
      const third = await oidc.refreshTokenGrant(config, second.refresh_token);
      assert.equal(new Set([first, second, third].map((tokens) => tokens.refresh_token)).size, 3);
      assert.equal(new Set([first, second, third].map((tokens) => tokens.access_token)).size, 3);
      assert.equal(third.scope, 'read write');
      assert.equal((await read(third.access_token)).status, 200);
    });

    test(`rfc9700_4_14_2_02 a replayed refresh token ends the grant, ${name}`, async () => {
      const first = await login(config);
      const second = await oidc.refreshTokenGrant(config, first.refresh_token);
      const third = await oidc.refreshTokenGrant(config, second.refresh_token);
      await assert.rejects(oidc.refreshTokenGrant(config, first.refresh_token), answered('invalid_grant'));
      await assertGrantIsDead(config, third);
    });
  }

  test('a refresh whose answer was lost can be sent again', async () => {
    const first = await login(web);
    const second = await oidc.refreshTokenGrant(web, first.refresh_token);
    const again = await oidc.refreshTokenGrant(web, first.refresh_token);
    assert.equal(again.refresh_token, second.refresh_token);
    assert.equal(again.access_token, second.access_token);
    assert.ok((await oidc.refreshTokenGrant(web, again.refresh_token)).access_token, 'the grant is alive');
  });

  test('the same refresh token for another scope is a replay', async () => {
    const first = await login(web);
    const second = await oidc.refreshTokenGrant(web, first.refresh_token);
    const replay = oidc.refreshTokenGrant(web, first.refresh_token, { scope: 'read' });
    await assert.rejects(replay, answered('invalid_grant'));
    await assertGrantIsDead(web, second);
  });

  test('rfc6749_6_03 scope cannot be widened, and the attempt spends nothing', async () => {
    const narrow = await login(web, { scope: 'read' });
    const wider = oidc.refreshTokenGrant(web, narrow.refresh_token, { scope: 'read write' });
    await assert.rejects(wider, answered('invalid_scope'));
    assert.equal((await oidc.refreshTokenGrant(web, narrow.refresh_token)).scope, 'read');
  });

  test('rfc6749_6_02 another client cannot use a refresh token', async () => {
    const tokens = await login(web);
    for (const thief of [other, spa]) {
      await assert.rejects(oidc.refreshTokenGrant(thief, tokens.refresh_token), answered('invalid_grant'));
    }
    assert.ok((await oidc.refreshTokenGrant(web, tokens.refresh_token)).access_token, 'the grant is alive');
  });
});

suite('client credentials', () => {
  test('rfc6749_4_4_3_01 a device gets a token of its own and no refresh token', async () => {
    const tokens = await oidc.clientCredentialsGrant(device, { scope: 'telemetry:write' });
    assert.equal(tokens.scope ?? 'telemetry:write', 'telemetry:write');
    assert.equal(tokens.refresh_token, undefined);
    const told = await oidc.tokenIntrospection(api, tokens.access_token);
    assert.deepEqual([told.active, told.client_id, told.scope], [true, DEVICE.id, 'telemetry:write']);
  });

  test('rfc6749_2_3_1_01 oauth21_2_4_1_01 by Basic and by a secret in the body', async () => {
    for (const config of [web, webPost]) {
      const { access_token } = await oidc.clientCredentialsGrant(config, { scope: 'read' });
      assert.equal((await read(access_token)).status, 200);
    }
  });

  test('rfc6749_5_2_02 oauth21_3_2_4_01 a wrong secret is challenged for Basic', async () => {
    const wrong = await discover(WEB, oidc.ClientSecretBasic('wrong'));
    await assert.rejects(oidc.clientCredentialsGrant(wrong, { scope: 'read' }), (thrown) => {
      challenged(401, 'basic', { realm: ISSUER })(thrown);
      return true;
    });
  });

  test('a scope beyond the registration is invalid_scope', async () => {
    const wider = oidc.clientCredentialsGrant(device, { scope: 'telemetry:write read' });
    await assert.rejects(wider, answered('invalid_scope'));
  });

  test('rfc6749_4_4_01 oauth21_4_2_01 a public client has no such grant', async () => {
    await assert.rejects(oidc.clientCredentialsGrant(spa, { scope: 'read' }), answered('unauthorized_client'));
  });
});

suite('revocation and introspection', () => {
  test('rfc7009_2_1_04 a revoked access token is unusable at once, and its grant lives on', async () => {
    const tokens = await login(web);
    await oidc.tokenRevocation(web, tokens.access_token, { token_type_hint: 'access_token' });
    assert.equal(await isActive(tokens.access_token), false);
    await assert.rejects(read(tokens.access_token), challenged(401, 'bearer', { error: 'invalid_token' }));
    const renewed = await oidc.refreshTokenGrant(web, tokens.refresh_token);
    assert.equal(await isActive(renewed.access_token), true);
  });

  for (const [name, config] of [['Basic', web], ['secret in the body', webPost], ['public', spa]]) {
    test(`rfc7009_2_1_05 rfc7009_2_1_06 a revoked refresh token takes its grant along, ${name}`, async () => {
      const first = await login(config);
      const tokens = await oidc.refreshTokenGrant(config, first.refresh_token);
      await oidc.tokenRevocation(config, tokens.refresh_token, { token_type_hint: 'refresh_token' });
      await assertGrantIsDead(config, tokens);
      assert.equal(await isActive(first.access_token), false);
    });
  }

  test('rfc7009_2_1_04 a device takes back its own token', async () => {
    const { access_token } = await oidc.clientCredentialsGrant(device);
    await oidc.tokenRevocation(device, access_token);
    assert.equal(await isActive(access_token), false);
  });

  test('rfc7662_2_2_06 what introspection tells of a login', async () => {
    const tokens = await login(web, { scope: 'read' });
    for (const config of [api, apiPost]) {
      const told = await oidc.tokenIntrospection(config, tokens.access_token);
      assert.equal(told.active, true);
      assert.deepEqual([told.client_id, told.scope, told.iss], [WEB.id, 'read', ISSUER]);
      assert.ok(typeof told.sub === 'string' && told.sub !== '');
      assert.ok(Number.isInteger(told.iat) && Number.isInteger(told.exp));
      assert.ok(told.exp > told.iat && told.exp - told.iat <= 600);
    }
  });

  test('rfc7662_2_1_03 a client without the right learns nothing', async () => {
    const { access_token } = await oidc.clientCredentialsGrant(web);
    await assert.rejects(oidc.tokenIntrospection(other, access_token), challenged(401, 'basic', {}));
  });
});

suite('the API', () => {
  test('rfc6750_3_1_01 a bad token is invalid_token', async () => {
    await assert.rejects(read('not-a-token'), challenged(401, 'bearer', { error: 'invalid_token' }));
  });

  test('rfc6750_3_1_01 rfc6750_3_1_03 too little scope is insufficient_scope and names what is needed', async () => {
    const { access_token } = await oidc.clientCredentialsGrant(device);
    const expected = challenged(403, 'bearer', { error: 'insufficient_scope', scope: 'read' });
    await assert.rejects(read(access_token), expected);
  });

  test('a refresh token does not open it', async () => {
    const tokens = await login(web);
    await assert.rejects(read(tokens.refresh_token), challenged(401, 'bearer', { error: 'invalid_token' }));
  });
});
