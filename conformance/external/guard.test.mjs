// An API of ours behind the guard, and the tokens of outside issuers: it takes what they issue, and refuses what was
// tampered with.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import {
  SignJWT, UnsecuredJWT, createRemoteJWKSet, decodeJwt, decodeProtectedHeader, exportJWK, exportSPKI, generateKeyPair,
  importJWK, jwtVerify,
} from 'jose';
import { Provider } from 'oidc-provider';

const AUDIENCE = 'https://api.example';
const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA'];
/** Those of which the program makes keys by itself. */
const OURS = ['ES256', 'RS256', 'EdDSA'];

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/**
 * `oidc-provider` on loopback: where it is, how to have a token issued with an algorithm, and its keys, by which a test
 * signs what it would never issue.
 */
async function oidcProvider() {
  const pairs = new Map();
  for (const alg of ALGORITHMS) {
    pairs.set(alg, await generateKeyPair(alg, { extractable: true, ...(alg === 'EdDSA' && { crv: 'Ed25519' }) }));
  }
  const keys = await Promise.all(
    [...pairs].map(async ([alg, { privateKey }]) => {
      return { ...(await exportJWK(privateKey)), alg, kid: `key-${alg}`, use: 'sig' };
    }),
  );

  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const client = { id: 'outside', secret: 'outside-client-password-of-32-bytes' };
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: [{
      client_id: client.id, client_secret: client.secret, grant_types: ['client_credentials'],
      redirect_uris: [], response_types: [],
    }],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        // Each algorithm has a resource of its own; all are served by the one API.
        getResourceServerInfo: (_, resource) => ({
          scope: 'read write',
          audience: AUDIENCE,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: new URL(resource).pathname.slice(1) } },
        }),
      },
    },
  });
  server.on('request', provider.callback());

  async function issue(alg, scope = 'read') {
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${client.id}:${client.secret}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: `${AUDIENCE}/${alg}`, scope }),
    });
    const body = await response.json();
    assert.equal(response.status, 200, JSON.stringify(body));
    return body.access_token;
  }
  return { issuer, issue, pairs, stop: () => server.close() && server.closeAllConnections() };
}

/** Our own program, with clients of signed tokens. Its private keys never leave it, so that nothing can be signed anew. */
async function valetkey() {
  const issuer = process.env.VALETKEY_SIGNED_ISSUER;
  const lines = readFileSync(process.env.VALETKEY_SIGNED_CLIENTS, 'utf8').trim().split('\n');
  const secrets = new Map(lines.map((line) => JSON.parse(line)).map((one) => [one.client_id, one.client_secret]));
  const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
  const { keys } = await (await fetch(metadata.jwks_uri)).json();
  const publicKeys = new Map();
  for (const key of keys) publicKeys.set(key.alg, await importJWK(key, key.alg, { extractable: true }));

  async function issue(alg, scope = 'read') {
    const id = `signed-${alg}`;
    const response = await fetch(metadata.token_endpoint, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${id}:${secrets.get(id)}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
    });
    const body = await response.json();
    assert.equal(response.status, 200, JSON.stringify(body));
    return body.access_token;
  }
  return { issuer, issue, publicKeys, jwks: metadata.jwks_uri, keys, stop() {} };
}

/** The API, with three lines of guard. */
async function guardedApi(issuer) {
  const api = spawn(process.env.VALETKEY_GUARDED_API, [issuer, AUDIENCE], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [url] = await once(createInterface(api.stdout), 'line');
  const call = async (token) => {
    const response = await fetch(url, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
    const challenge = response.headers.get('www-authenticate');
    return { status: response.status, challenge, text: await response.text() };
  };
  return { call, stop: () => api.kill() };
}

/** A good token signed anew, and others to which something was done. */
async function variants(token, alg, { pairs, publicKeys }) {
  const [header, payload, signature] = token.split('.');
  const [head, claims] = [decodeProtectedHeader(token), decodeJwt(token)];
  const { privateKey, publicKey } = pairs?.get(alg) ?? { publicKey: publicKeys.get(alg) };
  const stranger = await generateKeyPair(alg, { extractable: true, ...(alg === 'EdDSA' && { crv: 'Ed25519' }) });
  const sign = (changes, more = {}, key = privateKey) => {
    const changed = { ...claims, ...changes };
    for (const name of Object.keys(changed)) if (changed[name] === undefined) delete changed[name];
    return new SignJWT(changed).setProtectedHeader({ ...head, ...more }).sign(key);
  };
  const hmac = (secret) =>
    new SignJWT(claims).setProtectedHeader({ ...head, alg: 'HS256' }).sign(new TextEncoder().encode(secret));
  const other = (character) => (character === 'A' ? 'B' : 'A');
  const past = Math.floor(Date.now() / 1000) - 1;
  const bad = {
    'other claims under the old signature': `${header}.${base64url({ ...claims, scope: 'read write' })}.${signature}`,
    'another header under the old signature': `${base64url({ ...head, x: 1 })}.${payload}.${signature}`,
    'the first character of the signature': `${header}.${payload}.${other(signature[0])}${signature.slice(1)}`,
    'the signature cut short': `${header}.${payload}.${signature.slice(0, -2)}`,
    'no signature': `${header}.${payload}.`,
    'a signature padded': `${token}==`,
    'alg none': new UnsecuredJWT(claims).encode(),
    'alg none, typ kept': `${base64url({ ...head, alg: 'none' })}.${payload}.`,
    'the public key as a shared secret, as PEM': await hmac(await exportSPKI(publicKey)),
    'the public key as a shared secret, as JWK': await hmac(JSON.stringify(await exportJWK(publicKey))),
    "a stranger's key under the same kid": await sign({}, {}, stranger.privateKey),
    "a stranger's key in the header": await sign({}, { jwk: await exportJWK(stranger.publicKey) }, stranger.privateKey),
    'an extension that must be understood': `${base64url({ ...head, crit: ['x'], x: 1 })}.${payload}.${signature}`,
  };
  if (!privateKey) return { good: token, bad };
  const resigned = {
    'an unknown kid': await sign({}, { kid: 'another' }),
    'typ JWT': await sign({}, { typ: 'JWT' }),
    'no typ': await sign({}, { typ: undefined }),
    'another issuer': await sign({ iss: 'https://other.example' }),
    'the issuer with a slash': await sign({ iss: `${claims.iss}/` }),
    'another audience': await sign({ aud: 'https://other.example' }),
    'no audience': await sign({ aud: undefined }),
    expired: await sign({ exp: past }),
    'exp as text': await sign({ exp: String(claims.exp) }),
    'not yet good': await sign({ nbf: past + 600 }),
    'no exp': await sign({ exp: undefined }),
    'no sub': await sign({ sub: undefined }),
    'no client_id': await sign({ client_id: undefined }),
    'no jti': await sign({ jti: undefined }),
    'no iat': await sign({ iat: undefined }),
    'bound to a key': await sign({ cnf: { jkt: 'x' } }),
  };
  return { good: await sign({}), bad: { ...bad, ...resigned } };
}

// Whoever issues JWT access tokens for AUDIENCE can be added here: see what `oidcProvider` answers with.
for (const [start, algorithms] of [[oidcProvider, ALGORITHMS], [valetkey, OURS]]) {
  suite(`tokens of ${start.name}`, () => {
    let issuer;
    let api;
    before(async () => {
      issuer = await start();
      api = await guardedApi(issuer.issuer);
    });
    after(() => {
      api?.stop();
      issuer?.stop();
    });

    test('rfc9068_4_07 a request without a token is challenged', async () => {
      const answer = await api.call();
      assert.deepEqual([answer.status, answer.challenge], [401, `Bearer realm="${AUDIENCE}"`]);
    });

    for (const alg of algorithms) {
      test(`rfc9068_2_1_02 rfc9068_4_01 rfc9068_4_04 ${alg}: what the issuer signs is taken`, async () => {
        const token = await issuer.issue(alg);
        assert.equal(decodeProtectedHeader(token).alg, alg);
        const answer = await api.call(token);
        const { sub, client_id: client } = decodeJwt(token);
        assert.deepEqual([answer.status, answer.text], [200, `${sub} by ${client}`]);
      });

      test(`${alg}: a token for something else is not enough`, async () => {
        const answer = await api.call(await issuer.issue(alg, 'write'));
        assert.equal(answer.status, 403);
        assert.match(answer.challenge, /error="insufficient_scope".*scope="read"/);
      });

      test(`rfc9068_4_07 ${alg}: what was tampered with is refused`, async () => {
        const token = await issuer.issue(alg);
        const { good, bad } = await variants(token, alg, issuer);
        assert.equal((await api.call(good)).status, 200, 'signed anew as it was');
        for (const [what, changed] of Object.entries(bad)) {
          const answer = await api.call(changed);
          assert.equal(answer.status, 401, what);
          assert.match(answer.challenge, /error="invalid_token"/, what);
        }
        assert.equal((await api.call(token)).status, 200, 'and the good one still serves');
      });
    }
  });
}

suite('what our program signs, in the hands of others', () => {
  let issuer;
  before(async () => {
    issuer = await valetkey();
  });

  for (const alg of OURS) {
    test(`rfc9068_2_1_01 rfc9068_2_2_01 ${alg}: jose takes it as an access token`, async () => {
      const { payload } = await jwtVerify(await issuer.issue(alg), createRemoteJWKSet(new URL(issuer.jwks)), {
        issuer: issuer.issuer,
        audience: AUDIENCE,
        typ: 'at+jwt',
        algorithms: [alg],
        requiredClaims: ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'],
      });
      assert.equal(payload.client_id, `signed-${alg}`);
      assert.equal(payload.sub, `client:signed-${alg}`, 'no person can be called so');
      assert.equal(payload.scope, 'read');
    });
  }

  test('rfc7517_9_01 rfc7517_7_01 what is published is public, and called what it is', async () => {
    const response = await fetch(issuer.jwks);
    assert.equal(response.headers.get('content-type'), 'application/jwk-set+json');
    const known = new Set(['kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'alg', 'use']);
    assert.ok(issuer.keys.length >= OURS.length);
    for (const key of issuer.keys) {
      assert.deepEqual(Object.keys(key).filter((name) => !known.has(name)), [], key.kid);
      assert.ok(['EC', 'OKP', 'RSA'].includes(key.kty) && key.kid && key.alg);
    }
  });
});
