"""Password verifiers as Postgres stores them, made here so that no statement ever holds a clear password."""

import base64
import hashlib
import hmac
import secrets

ITERATIONS = 4096
"""Postgres' default `scram_iterations`."""


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """SCRAM-SHA-256 verifier of an ASCII password (RFC 5802; the form is that of Postgres' pg_authid.rolpassword)."""
    salt = secrets.token_bytes(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    return f"SCRAM-SHA-256${ITERATIONS}:{text(salt)}${text(stored_key)}:{text(server_key)}"


def text(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode("ascii")
