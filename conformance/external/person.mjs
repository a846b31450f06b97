// A person at a browser without a screen: keeps cookies, fills in forms, follows redirects within the server.
import assert from 'node:assert/strict';
import { ALICE, ISSUER } from './program.mjs';

/** A page that was shown: its status, headers, text and forms. */
class Page {
  constructor(url, response, html) {
    Object.assign(this, { url, status: response.status, headers: response.headers, html });
    this.title = text(/<h1[^>]*>([\s\S]*?)<\/h1>/.exec(html)?.[1] ?? '');
    this.forms = forms(html, url);
  }

  /** The form that has a field or button of this name, and of this value if one is given. */
  form(name, value) {
    const fits = (field) => field.name === name && (value === undefined || field.value === value);
    const found = this.forms.find((form) => form.fields.some(fits));
    assert.ok(found, `no form with ${name} on the page "${this.title}" (${this.status})`);
    return found;
  }

  get asksForPassword() {
    return this.forms.some((form) => form.fields.some((field) => field.type === 'password'));
  }

  get asksForConsent() {
    return this.forms.some((form) => form.fields.some(({ name, value }) => name === 'decision' && value === 'allow'));
  }
}

export class Person {
  cookies = new Map();
  /** Every answer of the server, in order: method, URL, status, headers. */
  answers = [];

  constructor(account = ALICE) {
    this.account = account;
  }

  /** Opens a URL. Comes to a {@link Page}, or to the URL outside of the server to which it was sent. */
  open(url) {
    return this.#send(new URL(url), 'GET');
  }

  /** Sends a form as it is, with some values set; null leaves a field out. Comes to the same as {@link open}. */
  submit(form, values = {}) {
    const kept = form.fields.filter((field) => field.sent && !(field.name in values));
    const pairs = kept.map(({ name, value }) => [name, value]);
    for (const [name, value] of Object.entries(values)) {
      if (value !== null) pairs.push(...[value].flat().map((one) => [name, one]));
    }
    return this.#send(form.action, 'POST', new URLSearchParams(pairs));
  }

  logIn(page, account = this.account) {
    return this.submit(page.form('password'), account);
  }

  /** Answers the consent page, leaving the boxes as they are unless `scopes` says which to tick. */
  decide(page, decision = 'allow', scopes = undefined) {
    return this.submit(page.form('decision', decision), { decision, ...(scopes ? { scope: scopes } : {}) });
  }

  /** Opens an authorization request and goes on to the consent page. */
  async toConsent(url) {
    let page = await this.open(url);
    if (page.asksForPassword) page = await this.logIn(page);
    assert.ok(page.asksForConsent, `no consent page but "${page.title ?? page}"`);
    return page;
  }

  /** Logs in where asked, answers the consent page, and comes to the client's callback URL. */
  async authorize(url, decision, scopes) {
    let page = await this.open(url);
    if (page.asksForPassword) page = await this.logIn(page);
    if (page.asksForConsent) page = await this.decide(page, decision, scopes);
    assert.ok(page instanceof URL, `no answer to the client but the page "${page.title}" (${page.status})`);
    return page;
  }

  async #send(url, method, body) {
    for (let hops = 0; hops < 10; hops += 1) {
      const headers = { cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
      if (method === 'POST') headers.origin = url.origin;
      const response = await fetch(url, { method, headers, body, redirect: 'manual' });
      const html = await response.text();
      this.answers.push({ method, url, status: response.status, headers: response.headers });
      for (const cookie of response.headers.getSetCookie()) this.#keep(cookie);
      const location = response.headers.get('location');
      if (!location) return new Page(url, response, html);
      const next = new URL(location, url);
      if (next.origin !== new URL(ISSUER).origin) return next;
      assert.notEqual(response.status, 307, 'the body would be sent on');
      assert.notEqual(response.status, 308, 'the body would be sent on');
      [url, method, body] = [next, 'GET', undefined];
    }
    throw new Error('redirected in circles');
  }

  #keep(cookie) {
    const [pair, ...attributes] = cookie.split(';').map((part) => part.trim());
    const at = pair.indexOf('=');
    const gone = attributes.some((attribute) => attribute.toLowerCase() === 'max-age=0');
    if (gone) this.cookies.delete(pair.slice(0, at));
    else this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
  }
}

/** The forms of a page; `sent` marks the fields that go along without anything being clicked. */
function forms(html, base) {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)].map(([, head, inside]) => ({
    action: new URL(attributes(head).action ?? '', base),
    fields: [...inside.matchAll(/<(input|button)\b([^>]*)>/g)].map(([, tag, rest]) => {
      const { name, value = '', type = tag === 'input' ? 'text' : 'submit', ...others } = attributes(rest);
      const clicked = type === 'submit' || (type === 'checkbox' && !('checked' in others));
      return { name, value, type, sent: name !== undefined && !clicked };
    }),
  }));
}

function attributes(tag) {
  const pairs = [...tag.matchAll(/([\w-]+)(?:="([^"]*)")?/g)];
  return Object.fromEntries(pairs.map(([, name, value]) => [name, unescape(value ?? '')]));
}

/** The text of a piece of HTML. */
export function text(html) {
  return unescape(html.replace(/<[^>]*>/g, '')).replace(/\s+/g, ' ').trim();
}

function unescape(html) {
  const named = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return html.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (name) return named[name] ?? whole;
    return String.fromCodePoint(hex ? parseInt(hex, 16) : Number(decimal));
  });
}
