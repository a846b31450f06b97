"""What Authlib, over requests and over HTTPX, gets from the program."""

import os
import sys
import unittest
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import requests

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # the demo serves plain http on the loopback
sys.path.insert(0, str(Path(__file__).parent))

from authlib.common.security import generate_token  # noqa: E402
from authlib.integrations.base_client import OAuthError  # noqa: E402
from authlib.integrations.httpx_client import AsyncOAuth2Client  # noqa: E402
from authlib.integrations.requests_client import OAuth2Session  # noqa: E402
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata  # noqa: E402
from person import Person  # noqa: E402

ISSUER = os.environ["VALETKEY_ISSUER"]
AUTHORIZE, TOKEN, REVOKE, INTROSPECT = (f"{ISSUER}/{name}" for name in ("authorize", "token", "revoke", "introspect"))
DATA = f"{ISSUER}/api/data"
REDIRECT_URI = "http://127.0.0.1:9099/cb"
SECRETS = {"demo-device": "device-secret", "demo-web": "web-secret", "demo-api": "api-secret", "demo-spa": None}
LOGINS = [
    ("demo-web", "client_secret_basic"),
    ("demo-web", "client_secret_post"),
    ("demo-spa", "none"),
]


def settings(client_id, method, **more):
    """The arguments of a client, the same for requests and httpx."""
    return {
        "client_id": client_id,
        "client_secret": SECRETS[client_id],
        "token_endpoint_auth_method": method,
        "revocation_endpoint_auth_method": method,
        "redirect_uri": REDIRECT_URI,
        "scope": "read write",
        "code_challenge_method": "S256",
        "token_endpoint": TOKEN,
        **more,
    }


class WithPerson(unittest.TestCase):
    def setUp(self):
        self.alice = Person(ISSUER)
        self.addCleanup(self.alice.close)

    def session(self, client_id="demo-web", method="client_secret_basic", **more):
        session = OAuth2Session(**settings(client_id, method, **more))
        self.addCleanup(session.close)
        return session

    def log_in(self, session):
        """Login and consent; the tokens."""
        verifier = generate_token(48)
        url, state = session.create_authorization_url(AUTHORIZE, code_verifier=verifier)
        callback = self.alice.authorize(url)
        return session.fetch_token(TOKEN, authorization_response=callback, state=state, code_verifier=verifier)

    def introspect(self, token):
        """What introspection by the demo's API says of an access token."""
        answer = self.session("demo-api").introspect_token(INTROSPECT, token=token)
        self.assertEqual(answer.status_code, 200)
        return answer.json()

    def assert_refused(self, error, call, *args, **kwargs):
        with self.assertRaises(OAuthError) as caught:
            call(*args, **kwargs)
        self.assertEqual(caught.exception.error, error)


class Metadata(unittest.TestCase):
    def test_rfc8414_3_2_01_rfc8414_2_02_rfc8414_2_04_the_metadata_passes_the_library_s_own_checks(self):
        answer = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=20)
        self.assertEqual(answer.headers["Content-Type"].split(";")[0], "application/json")
        metadata = AuthorizationServerMetadata(answer.json())
        metadata.validate()
        self.assertEqual(metadata["issuer"], ISSUER)
        self.assertEqual(metadata["token_endpoint"], TOKEN)


class CodeOverRequests(WithPerson):
    def test_rfc9700_2_1_1_06_code_with_pkce_opens_the_api(self):
        for client_id, method in LOGINS:
            with self.subTest(client_id, method=method):
                session = self.session(client_id, method)
                token = self.log_in(session)
                self.assertEqual(token["token_type"].lower(), "bearer")
                answer = session.get(DATA)
                self.assertEqual((answer.status_code, answer.json()), (200, {"data": "This is protected data."}))
                self.assertEqual(self.introspect(token["access_token"])["client_id"], client_id)

    def test_rfc9207_2_01_iss_is_in_every_answer(self):
        session = self.session()
        for decision in ("allow", "deny"):
            url, state = session.create_authorization_url(AUTHORIZE, code_verifier=generate_token(48))
            answer = parse_qs(urlsplit(self.alice.authorize(url, decision)).query)
            self.assertEqual((answer["iss"], answer["state"]), ([ISSUER], [state]))

    def test_rfc6749_4_1_2_04_rfc6749_4_1_2_05_a_code_used_twice_ends_its_grant(self):
        session = self.session()
        verifier = generate_token(48)
        url, state = session.create_authorization_url(AUTHORIZE, code_verifier=verifier)
        redeem = {"authorization_response": self.alice.authorize(url), "state": state, "code_verifier": verifier}
        token = session.fetch_token(TOKEN, **redeem)
        self.assert_refused("invalid_grant", session.fetch_token, TOKEN, **redeem)
        self.assertEqual(self.introspect(token["access_token"]), {"active": False})
        self.assertEqual(requests.get(DATA, headers=bearer(token), timeout=20).status_code, 401)

    def test_rfc7636_4_6_02_a_wrong_verifier_is_refused(self):
        session = self.session("demo-spa", "none")
        url, state = session.create_authorization_url(AUTHORIZE, code_verifier=generate_token(48))
        redeem = {"authorization_response": self.alice.authorize(url), "state": state}
        self.assert_refused("invalid_grant", session.fetch_token, TOKEN, code_verifier=generate_token(48), **redeem)

    def test_rfc7636_4_4_1_01_without_pkce_there_is_no_code(self):
        url, _ = self.session().create_authorization_url(AUTHORIZE)
        answer = parse_qs(urlsplit(self.alice.authorize(url)).query)
        self.assertEqual(answer["error"], ["invalid_request"])
        self.assertNotIn("code", answer)


class RefreshOverRequests(WithPerson):
    def test_rfc9700_2_2_2_01_an_expired_token_is_renewed_by_itself(self):
        for client_id, method in LOGINS:
            with self.subTest(client_id, method=method):
                updates = []
                session = self.session(client_id, method, update_token=lambda new, **old: updates.append((new, old)))
                first = dict(self.log_in(session))
                session.token = {**first, "expires_at": 1}
                self.assertEqual(session.get(DATA).status_code, 200)
                [(new, old)] = updates
                self.assertEqual(old, {"refresh_token": first["refresh_token"]})
                self.assertNotEqual(new["refresh_token"], first["refresh_token"])
                self.assertNotEqual(new["access_token"], first["access_token"])

    def test_rfc9700_4_14_2_02_a_replayed_refresh_token_ends_the_grant(self):
        session = self.session()
        first = dict(self.log_in(session))
        second = dict(session.refresh_token(TOKEN, first["refresh_token"]))
        third = dict(session.refresh_token(TOKEN, second["refresh_token"]))
        self.assert_refused("invalid_grant", session.refresh_token, TOKEN, first["refresh_token"])
        self.assert_refused("invalid_grant", session.refresh_token, TOKEN, third["refresh_token"])
        self.assertEqual(self.introspect(third["access_token"]), {"active": False})

    def test_rfc6749_6_03_scope_cannot_be_widened(self):
        session = self.session(scope="read")
        token = dict(self.log_in(session))
        refused = {"refresh_token": token["refresh_token"], "scope": "read write"}
        self.assert_refused("invalid_scope", session.refresh_token, TOKEN, **refused)
        self.assertEqual(session.refresh_token(TOKEN, token["refresh_token"])["scope"], "read")


class RevocationOverRequests(WithPerson):
    def test_rfc7009_2_1_04_rfc7009_2_1_05_access_and_refresh_tokens_are_taken_back(self):
        for client_id, method in LOGINS:
            with self.subTest(client_id, method=method):
                session = self.session(client_id, method)
                token = dict(self.log_in(session))
                answer = session.revoke_token(REVOKE, token["access_token"], token_type_hint="access_token")
                self.assertEqual(answer.status_code, 200)
                self.assertEqual(self.introspect(token["access_token"]), {"active": False})
                renewed = dict(session.refresh_token(TOKEN, token["refresh_token"]))
                answer = session.revoke_token(REVOKE, renewed["refresh_token"], token_type_hint="refresh_token")
                self.assertEqual(answer.status_code, 200)
                self.assertEqual(self.introspect(renewed["access_token"]), {"active": False})
                self.assert_refused("invalid_grant", session.refresh_token, TOKEN, renewed["refresh_token"])


class ClientCredentialsOverRequests(WithPerson):
    def test_rfc6749_4_4_3_01_a_token_without_a_refresh_token(self):
        for client_id, scope in (("demo-device", "telemetry:write"), ("demo-web", "read")):
            for method in ("client_secret_basic", "client_secret_post"):
                with self.subTest(client_id, method=method):
                    session = self.session(client_id, method, scope=scope)
                    token = session.fetch_token(TOKEN, grant_type="client_credentials")
                    self.assertNotIn("refresh_token", token)
                    told = self.introspect(token["access_token"])
                    self.assertEqual((told["active"], told["client_id"], told["scope"]), (True, client_id, scope))

    def test_an_expired_token_is_fetched_anew(self):
        updates = []
        session = self.session(update_token=lambda new, **old: updates.append(old), grant_type="client_credentials")
        first = dict(session.fetch_token(TOKEN))
        session.token = {**first, "expires_at": 1}
        self.assertEqual(session.get(DATA).status_code, 200)
        self.assertEqual(updates, [{"access_token": first["access_token"]}])

    def test_rfc6749_5_2_02_oauth21_3_2_4_01_a_wrong_secret_is_invalid_client(self):
        session = self.session()
        session.client_secret = "wrong"
        seen = []
        session.register_compliance_hook("access_token_response", lambda answer: seen.append(answer) or answer)
        self.assert_refused("invalid_client", session.fetch_token, TOKEN, grant_type="client_credentials")
        self.assertEqual(seen[0].status_code, 401)
        self.assertTrue(seen[0].headers["WWW-Authenticate"].startswith("Basic "))

    def test_a_scope_beyond_the_registration_is_invalid_scope(self):
        session = self.session("demo-device", scope="telemetry:write read")
        self.assert_refused("invalid_scope", session.fetch_token, TOKEN, grant_type="client_credentials")

    def test_rfc6750_3_1_01_too_little_scope_is_refused_by_the_api(self):
        session = self.session("demo-device", scope="telemetry:write")
        session.fetch_token(TOKEN, grant_type="client_credentials")
        answer = session.get(DATA)
        self.assertEqual(answer.status_code, 403)
        self.assertIn('error="insufficient_scope"', answer.headers["WWW-Authenticate"])


class OverHttpx(WithPerson, unittest.IsolatedAsyncioTestCase):
    async def log_in_async(self, client):
        verifier = generate_token(48)
        url, state = client.create_authorization_url(AUTHORIZE, code_verifier=verifier)
        callback = self.alice.authorize(url)
        return await client.fetch_token(TOKEN, authorization_response=callback, state=state, code_verifier=verifier)

    async def test_rfc9700_2_1_1_06_rfc7009_2_1_05_a_whole_life(self):
        for client_id, method in LOGINS:
            with self.subTest(client_id, method=method):
                updates = []

                async def update(new, updates=updates, **old):
                    updates.append(old)

                arguments = settings(client_id, method, update_token=update, trust_env=False)
                async with AsyncOAuth2Client(**arguments) as client:
                    first = dict(await self.log_in_async(client))
                    answer = await client.get(DATA)
                    self.assertEqual((answer.status_code, answer.json()), (200, {"data": "This is protected data."}))
                    client.token = {**first, "expires_at": 1}
                    self.assertEqual((await client.get(DATA)).status_code, 200)
                    self.assertEqual(updates, [{"refresh_token": first["refresh_token"]}])
                    renewed = dict(client.token)
                    answer = await client.revoke_token(
                        REVOKE, token=renewed["refresh_token"], token_type_hint="refresh_token"
                    )
                    self.assertEqual(answer.status_code, 200)
                    self.assertEqual(self.introspect(renewed["access_token"]), {"active": False})
                    with self.assertRaises(OAuthError) as caught:
                        await client.refresh_token(TOKEN, renewed["refresh_token"])
                    self.assertEqual(caught.exception.error, "invalid_grant")

    async def test_rfc7662_2_2_06_client_credentials_and_introspection(self):
        arguments = settings("demo-device", "client_secret_post", scope="telemetry:write", trust_env=False)
        async with AsyncOAuth2Client(**arguments) as device:
            token = await device.fetch_token(TOKEN, grant_type="client_credentials")
        for method in ("client_secret_basic", "client_secret_post"):
            async with AsyncOAuth2Client(**settings("demo-api", method, trust_env=False)) as api:
                told = (await api.introspect_token(INTROSPECT, token=token["access_token"])).json()
            self.assertEqual((told["active"], told["scope"]), (True, "telemetry:write"))
            self.assertIsInstance(told["exp"], int)


def bearer(token):
    return {"Authorization": f"Bearer {token['access_token']}"}


if __name__ == "__main__":
    unittest.main()
