// The program with its own TLS: openid-client from discovery to revocation, cookies, and what a stranger to its
// certificate gets.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connect } from 'node:tls';

const { VALETKEY_TLS_ISSUER, NODE_EXTRA_CA_CERTS } = process.env;
if (!VALETKEY_TLS_ISSUER || !NODE_EXTRA_CA_CERTS) {
  throw new Error('VALETKEY_TLS_ISSUER and NODE_EXTRA_CA_CERTS are not set: start this by `conformance/external/run`');
}
// Whatever is imported from here on asks the program that serves HTTPS.
process.env.VALETKEY_ISSUER = VALETKEY_TLS_ISSUER;
await import('./openid-client.test.mjs');
const { Person } = await import('./person.mjs');
const { ISSUER, WEB, authorizeUrl } = await import('./program.mjs');

suite('TLS', () => {
  test('the issuer and every endpoint are https', async () => {
    const metadata = await (await fetch(`${ISSUER}/.well-known/oauth-authorization-server`)).json();
    assert.match(metadata.issuer, /^https:/);
    for (const [name, url] of Object.entries(metadata)) {
      if (name.endsWith('_endpoint')) assert.ok(url.startsWith(`${ISSUER}/`), name);
    }
  });

  test('cookies are sent over TLS only, and no other host can set them', async () => {
    const person = new Person();
    await person.toConsent(authorizeUrl(WEB));
    const cookies = person.answers.flatMap(({ headers }) => headers.getSetCookie());
    assert.ok(cookies.length >= 2);
    for (const cookie of cookies) {
      assert.match(cookie, /^__Host-/);
      assert.match(cookie, /; Secure/);
      assert.match(cookie, /; HttpOnly/);
    }
  });

  /** The protocol and certificate of a connection that believes any certificate. */
  const shaken = (options) =>
    new Promise((done, failed) => {
      const { hostname: host, port } = new URL(ISSUER);
      const socket = connect({ host, port, rejectUnauthorized: false, ...options }, () => {
        done({ protocol: socket.getProtocol(), authorized: socket.authorized });
        socket.destroy();
      });
      socket.once('error', failed);
    });

  test('old protocols are refused, and a certificate that nobody vouches for is not believed', async () => {
    assert.equal((await shaken({ minVersion: 'TLSv1.3' })).protocol, 'TLSv1.3');
    assert.equal((await shaken({ ca: [] })).authorized, false);
    await assert.rejects(shaken({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }));
  });

  test('plain HTTP gets nothing', async () => {
    await assert.rejects(fetch(`${ISSUER.replace('https:', 'http:')}/token`, { method: 'POST' }));
  });
});
