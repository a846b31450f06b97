// The program under test: where it serves, the demo's account and clients, and plain requests to it.
import { createHash, randomBytes } from 'node:crypto';

/** The issuer, without a slash at its end. `run` sets it. */
export const ISSUER = process.env.VALETKEY_ISSUER;
if (!ISSUER) throw new Error('VALETKEY_ISSUER is not set: start these tests by `conformance/external/run`');

export const ALICE = { username: 'alice', password: 'wonderland' };
export const DEVICE = { id: 'demo-device', secret: 'device-secret' };
export const WEB = { id: 'demo-web', secret: 'web-secret' };
export const SPA = { id: 'demo-spa' };
export const API = { id: 'demo-api', secret: 'api-secret' };
export const OTHER = { id: 'demo-other', secret: 'other-secret' };

/** Where the demo's clients are answered. Nothing listens there. */
export const REDIRECT_URI = 'http://127.0.0.1:9099/cb';

export const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

/** A fresh PKCE pair. */
export function pkce() {
  const verifier = base64url(randomBytes(32));
  return { verifier, challenge: base64url(createHash('sha256').update(verifier).digest()) };
}

/** `Basic` credentials, form-encoded first as RFC 6749 section 2.3.1 says. */
export function basic({ id, secret }) {
  const encode = (text) => new URLSearchParams({ '': text }).toString().slice(1);
  return `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')}`;
}

/** Parameters without those that are null. An array repeats its parameter. */
export function form(parameters) {
  const pairs = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined);
  return new URLSearchParams(pairs.flatMap(([name, value]) => [value].flat().map((one) => [name, one])));
}

/** Posts a form. A client with a secret authenticates by Basic, one without names itself in the body. */
export async function post(path, client, parameters, headers = {}) {
  const identity = client && !client.secret ? { client_id: client.id } : {};
  const authorization = client?.secret ? { authorization: basic(client) } : {};
  const response = await fetch(ISSUER + path, {
    method: 'POST',
    headers: { ...authorization, ...headers },
    body: form({ ...identity, ...parameters }),
    redirect: 'manual',
  });
  return read(response);
}

/** A response with its body, as JSON where it is that. */
export async function read(response) {
  const text = await response.text();
  const json = /^application\/json\b/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, text, body: json ? JSON.parse(text) : undefined };
}

export const token = (client, parameters, headers) => post('/token', client, parameters, headers);

/** What introspection by the demo's API says of an access token. */
export async function introspect(accessToken) {
  return (await post('/introspect', API, { token: accessToken })).body;
}

/** The demo's API, asked with a token. */
export async function data(accessToken, init = {}) {
  const headers = accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` };
  return read(await fetch(`${ISSUER}/api/data`, { headers, ...init }));
}

/** The URL of an authorization request; null leaves a parameter out. */
export function authorizeUrl(client, parameters = {}) {
  const all = {
    response_type: 'code',
    client_id: client.id,
    redirect_uri: REDIRECT_URI,
    scope: 'read write',
    state: 'a-state',
    code_challenge: pkce().challenge,
    code_challenge_method: 'S256',
    ...parameters,
  };
  return `${ISSUER}/authorize?${form(all)}`;
}

/** A code that a person agreed to, and what the client needs to redeem it. */
export async function codeFor(person, client, parameters = {}) {
  const { verifier, challenge } = pkce();
  const callback = await person.authorize(authorizeUrl(client, { code_challenge: challenge, ...parameters }));
  const code = callback.searchParams.get('code');
  if (!code) throw new Error(`no code: ${callback.searchParams.get('error')}`);
  const redirect_uri = parameters.redirect_uri === null ? null : (parameters.redirect_uri ?? REDIRECT_URI);
  return { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri };
}

/** The tokens of a new login and consent. */
export async function tokensFor(person, client, parameters) {
  const { status, body } = await token(client, await codeFor(person, client, parameters));
  if (status !== 200) throw new Error(`the code was not redeemed: ${status} ${JSON.stringify(body)}`);
  return body;
}

export const refresh = (client, refreshToken, parameters = {}) =>
  token(client, { grant_type: 'refresh_token', refresh_token: refreshToken, ...parameters });
