"""What is stored of a secret."""

from __future__ import annotations

from hashlib import sha256


def fingerprint(secret: str) -> str:
    """Return the SHA-256 of a secret, lowercase hex. It holds 256 random bits, so nobody can search it."""
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()
