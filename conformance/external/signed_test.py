"""Access tokens that the program signs, checked as APIs on Authlib do."""

import json
import os
import unittest

import requests
from authlib.oauth2.rfc6750 import InsufficientScopeError, InvalidTokenError
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc import jwt
from joserfc.jwk import KeySet

ISSUER = os.environ["VALETKEY_SIGNED_ISSUER"]
AUDIENCE = "https://api.example"
with open(os.environ["VALETKEY_SIGNED_CLIENTS"], encoding="utf-8") as lines:
    SECRETS = {line["client_id"]: line["client_secret"] for line in map(json.loads, lines)}


# Authlib takes no EdDSA under this name any more; its own library of signatures does, where it is told to.
BY_AUTHLIB = ["signed-ES256", "signed-RS256"]


def published():
    metadata = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=10).json()
    return KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=10).json())


class Validator(JWTBearerTokenValidator):
    def get_jwks(self):
        return published()


class SignedTokens(unittest.TestCase):
    validator = Validator(issuer=ISSUER, resource_server=AUDIENCE)

    def issue(self, client_id, scope="read"):
        form = {"grant_type": "client_credentials", "scope": scope}
        answer = requests.post(f"{ISSUER}/token", form, auth=(client_id, SECRETS[client_id]), timeout=10)
        self.assertEqual(answer.status_code, 200, answer.text)
        return answer.json()["access_token"]

    def check(self, token, scopes):
        claims = self.validator.authenticate_token(token)
        self.validator.validate_token(claims, scopes, None)
        return claims

    def test_rfc9068_2_2_01_authlib_takes_what_the_program_signs(self):
        for client_id in BY_AUTHLIB:
            with self.subTest(client_id):
                claims = self.check(self.issue(client_id), ["read"])
                self.assertEqual((claims["client_id"], claims["iss"]), (client_id, ISSUER))
                with self.assertRaises(InsufficientScopeError):
                    self.check(self.issue(client_id), ["admin"])

    def test_rfc8037_3_1_01_joserfc_takes_eddsa(self):
        token = jwt.decode(self.issue("signed-EdDSA"), published(), algorithms=["EdDSA"])
        self.assertEqual(token.header["typ"], "at+jwt")
        self.assertEqual((token.claims["iss"], token.claims["aud"]), (ISSUER, AUDIENCE))

    def test_what_was_changed_is_refused(self):
        for client_id in BY_AUTHLIB:
            with self.subTest(client_id):
                header, payload, signature = self.issue(client_id).split(".")
                first = "B" if signature[0] == "A" else "A"
                with self.assertRaises(InvalidTokenError):
                    self.check(f"{header}.{payload}.{first}{signature[1:]}", ["read"])


if __name__ == "__main__":
    unittest.main()
