// What openid-client gets from the program where it signs assertions in place of a secret.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import * as oidc from 'openid-client';

const { VALETKEY_SIGNED_ISSUER: ISSUER, VALETKEY_PROGRAM: PROGRAM, VALETKEY_SIGNED_DB: DB } = process.env;
const folder = mkdtempSync(join(tmpdir(), 'valetkey-'));
after(() => rmSync(folder, { recursive: true }));

const rsa = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' };
const KINDS = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  ES384: { name: 'ECDSA', namedCurve: 'P-384' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', ...rsa },
  PS256: { name: 'RSA-PSS', ...rsa },
};

/** A client that was added beside the server, as an operator does. */
async function add(alg, id, ...more) {
  const { publicKey, privateKey } = await crypto.subtle.generateKey(KINDS[alg], true, ['sign', 'verify']);
  const jwk = await crypto.subtle.exportKey('jwk', publicKey);
  const file = join(folder, `${id}.json`);
  writeFileSync(file, JSON.stringify({ keys: [{ ...jwk, key_ops: undefined, ext: undefined, alg, kid: id }] }));
  const auth = ['--auth', 'private_key_jwt', '--jwks', file];
  execFileSync(PROGRAM, ['client', 'add', id, '--db', DB, ...auth, ...more], { env: {} });
  return { key: privateKey, kid: id };
}

const discover = (id, authentication) =>
  oidc.discovery(new URL(ISSUER), id, {}, authentication, { algorithm: 'oauth2', execute: [oidc.allowInsecureRequests] });

/** openid-client tells of the challenge of a 401 in place of its body, which is left to be read. */
async function refused(asked, what) {
  const thrown = await asked.then(() => assert.fail(`${what} is taken`), (error) => error);
  assert.equal(thrown.status, 401, `${what}: ${thrown}`);
  assert.equal((await thrown.response.json()).error, 'invalid_client', what);
}

suite('private_key_jwt', () => {
  for (const alg of Object.keys(KINDS)) {
    test(`rfc7521_4_2_02 ${alg}: tokens, introspection and revocation by assertions`, async () => {
      const key = await add(alg, `keyed-${alg}`, '--grant', 'client_credentials', '--scope', 'read', '--may-introspect');
      const client = await discover(`keyed-${alg}`, oidc.PrivateKeyJwt(key));
      assert.ok(client.serverMetadata().token_endpoint_auth_methods_supported.includes('private_key_jwt'));
      assert.ok(client.serverMetadata().token_endpoint_auth_signing_alg_values_supported.includes(alg));
      const tokens = await oidc.clientCredentialsGrant(client, { scope: 'read' });
      assert.equal(tokens.scope, 'read');
      assert.equal((await oidc.tokenIntrospection(client, tokens.access_token)).active, true);
      await oidc.tokenRevocation(client, tokens.access_token);
      assert.equal((await oidc.tokenIntrospection(client, tokens.access_token)).active, false);
    });
  }

  test('rfc7523_3_03 rfc7523_3_07 rfc7523_3_11 what was altered before it is signed is refused', async () => {
    const key = await add('ES256', 'altered', '--grant', 'client_credentials');
    const by = (alter) => discover('altered', oidc.PrivateKeyJwt(key, { [oidc.modifyAssertion]: alter }));
    const ask = async (alter) => oidc.clientCredentialsGrant(await by(alter));
    assert.ok((await ask(() => {})).access_token);
    for (const alter of [
      (_, claims) => { claims.aud = 'https://other.example'; },
      (_, claims) => { claims.aud = `${ISSUER}/token`; },
      (_, claims) => { claims.aud = [ISSUER]; },
      (_, claims) => { claims.aud = [ISSUER, 'https://other.example']; },
      (_, claims) => { claims.iss = 'someone'; },
      (_, claims) => { claims.exp -= 3600; },
      (_, claims) => { claims.exp += 86400; },
      (_, claims) => { claims.nbf = claims.iat + 3600; },
      (_, claims) => { delete claims.jti; },
      (_, claims) => { delete claims.exp; },
      (header) => { header.typ = 'at+jwt'; },
      (header) => { header.kid = 'another'; },
      (header) => { header.crit = ['exp']; },
    ]) {
      await refused(ask(alter), String(alter));
    }
    const again = await by((_, claims) => { claims.jti = 'the same'; });
    assert.ok((await oidc.clientCredentialsGrant(again)).access_token);
    await refused(oidc.clientCredentialsGrant(again), 'an assertion that was used');
    assert.ok((await ask((header) => { header.typ = 'client-authentication+jwt'; })).access_token);
  });

  test('rfc7521_5_2_02 the key of another client, and a secret, are refused', async () => {
    const key = await add('ES256', 'one', '--grant', 'client_credentials');
    const other = await add('ES256', 'two', '--grant', 'client_credentials');
    for (const [what, authentication] of Object.entries({
      'the key of another client': oidc.PrivateKeyJwt(other),
      'the key of another client by the name of its own': oidc.PrivateKeyJwt({ ...other, kid: 'one' }),
      'a secret in the header': oidc.ClientSecretBasic('a-secret-that-is-none'),
      'a secret in the body': oidc.ClientSecretPost('a-secret-that-is-none'),
    })) {
      await refused(oidc.clientCredentialsGrant(await discover('one', authentication)), what);
    }
    assert.ok((await oidc.clientCredentialsGrant(await discover('one', oidc.PrivateKeyJwt(key)))).access_token);
  });
});
