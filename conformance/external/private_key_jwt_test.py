"""What Authlib gets from the program where it signs assertions in place of a secret."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain http on the loopback

from authlib.integrations.base_client import OAuthError  # noqa: E402
from authlib.integrations.requests_client import OAuth2Session  # noqa: E402
from authlib.oauth2.rfc7523 import PrivateKeyJWT  # noqa: E402
from joserfc.jwk import ECKey, RSAKey  # noqa: E402

ISSUER = os.environ["VALETKEY_SIGNED_ISSUER"]
TOKEN = f"{ISSUER}/token"


class Assertions(unittest.TestCase):
    def add(self, alg, client_id):
        """A client that was added beside the server, as an operator does; its key."""
        make = {"RS256": lambda p: RSAKey.generate_key(2048, p), "ES256": lambda p: ECKey.generate_key("P-256", p)}[alg]
        key = make({"alg": alg, "use": "sig", "kid": client_id})
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "jwk.json")
            file.write_text(json.dumps(key.as_dict(private=False)), encoding="utf-8")
            args = ["client", "add", client_id, "--db", os.environ["VALETKEY_SIGNED_DB"], "--scope", "read"]
            keys = ["--auth", "private_key_jwt", "--jwks", str(file), "--grant", "client_credentials"]
            subprocess.run([os.environ["VALETKEY_PROGRAM"], *args, *keys], env={}, check=True, stdout=subprocess.DEVNULL)
        return key

    def session(self, alg, client_id, key, audience):
        session = OAuth2Session(client_id, key, token_endpoint_auth_method="private_key_jwt", scope="read")
        session.register_client_auth_method(PrivateKeyJWT(audience, alg=alg, headers={"kid": client_id}))
        self.addCleanup(session.close)
        return session

    def test_rfc7523_3_04_authlib_signs_for_the_issuer(self):
        for alg in ["RS256", "ES256"]:
            with self.subTest(alg):
                key = self.add(alg, f"authlib-{alg}")
                session = self.session(alg, f"authlib-{alg}", key, ISSUER)
                for _ in range(2):
                    tokens = session.fetch_token(TOKEN, grant_type="client_credentials")
                    self.assertEqual(tokens["scope"], "read")

    def test_rfc7523_3_11_its_own_audience_is_the_older_one(self):
        key = self.add("RS256", "authlib-old")
        session = self.session("RS256", "authlib-old", key, None)
        with self.assertRaises(OAuthError) as refused:
            session.fetch_token(TOKEN, grant_type="client_credentials")
        self.assertEqual(refused.exception.error, "invalid_client")


if __name__ == "__main__":
    unittest.main()
