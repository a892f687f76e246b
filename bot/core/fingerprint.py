"""What is stored of a secret, and the name that an agent's instance has from it."""

from __future__ import annotations

from hashlib import sha256

from bot.core.terms import AgentName, ExecutorName


def fingerprint(secret: str) -> str:
    """Return the SHA-256 of a secret, lowercase hex. It holds 256 random bits, so nobody can search it."""
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()


def instance_id(hash: str) -> str:
    """Return the id of the instance whose key has this hash, in the form of a UUID (RFC 9562)."""
    return f"{hash[:8]}-{hash[8:12]}-{hash[12:16]}-{hash[16:20]}-{hash[20:32]}"


def instance_name(agent: AgentName, hash: str) -> ExecutorName:
    """Return the executor's name of the instance whose key has this hash."""
    return ExecutorName(f"{agent}/{instance_id(hash)}")
