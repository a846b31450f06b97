"""A person at a browser without a screen: keeps cookies, fills in forms, follows redirects within the server."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests


@dataclass
class Form:
    """A form: where it goes, and the fields that go along without anything being clicked."""

    action: str
    fields: list = field(default_factory=list)
    buttons: list = field(default_factory=list)
    asks_for_password: bool = False


class _Forms(HTMLParser):
    def __init__(self, base):
        super().__init__()
        self.base = base
        self.forms = []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.forms.append(Form(urljoin(self.base, attrs.get("action", ""))))
        elif tag == "button" and attrs.get("name"):
            self.forms[-1].buttons.append((attrs["name"], attrs.get("value", "")))
        elif tag == "input" and attrs.get("name"):
            kind = attrs.get("type", "text")
            if kind == "password":
                self.forms[-1].asks_for_password = True
            elif kind in ("text", "hidden") or "checked" in attrs:
                self.forms[-1].fields.append((attrs["name"], attrs.get("value") or ""))


class Person:
    """Logs in and consents with a session of its own."""

    def __init__(self, issuer, username="alice", password="wonderland"):
        self.session = requests.Session()
        self.session.trust_env = False
        self.origin = urlsplit(issuer)[:2]
        self.account = {"username": username, "password": password}

    def close(self):
        self.session.close()

    def authorize(self, url, decision="allow"):
        """Follows an authorization request to the client's callback URL."""
        place, html = self._send("GET", url)
        for _ in range(2):
            if html is None:
                break
            place, html = self._answer(_read_forms(place, html), decision)
        assert html is None, f"no answer to the client: {place} {html}"
        return place

    def _answer(self, forms, decision):
        for form in forms:
            if form.asks_for_password:
                fields = [pair for pair in form.fields if pair[0] not in self.account]
                return self._send("POST", form.action, [*fields, *self.account.items()])
            if ("decision", decision) in form.buttons:
                return self._send("POST", form.action, [*form.fields, ("decision", decision)])
        raise AssertionError("the page has no form to answer")

    def _send(self, method, url, data=None):
        headers = {"Origin": "://".join(self.origin)} if method == "POST" else {}
        for _ in range(10):
            answer = self.session.request(method, url, data=data, headers=headers, allow_redirects=False, timeout=20)
            location = answer.headers.get("Location")
            if location is None:
                return url, answer.text
            url = urljoin(url, location)
            if urlsplit(url)[:2] != self.origin:
                return url, None
            assert answer.status_code == 303, answer.status_code
            method, data, headers = "GET", None, {}
        raise AssertionError("redirected in circles")


def _read_forms(base, html):
    parser = _Forms(base)
    parser.feed(html)
    return parser.forms
