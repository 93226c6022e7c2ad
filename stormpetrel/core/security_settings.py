"""Settings of who may what, and of how clients and servers of the system know each other."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Section(BaseModel):
    """A part of the settings tree; names that it does not know are refused."""

    # What is set wrongly is named in the error without its value: it may be a secret.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class KafkaSecurity(Section):
    """How Kafka clients prove who they are (`SASL_...`), and whether they encrypt (`..._SSL`, `SSL`). The broker's
    certificate is checked against `ca_file`, or the system's; `certificate_file` and `key_file` (PEM) are a client's
    own, for brokers that ask for one."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    user: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    key_password: SecretStr | None = None

    @property
    def encrypts(self) -> bool:
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def authenticates(self) -> bool:
        return self.protocol.startswith("SASL")


class Oidc(Section):
    """Bearer tokens of an OpenID Connect issuer: taken where `issuer` is set, for this `audience` alone. Without
    `jwks_url` the keys' address comes from the issuer's own discovery document."""

    issuer: str | None = None
    audience: str = "stormpetrel"
    jwks_url: str | None = None
    algorithms: tuple[Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"], ...] = ("RS256", "ES256")
    scopes_claim: str = "scope"
    name_claim: str = "sub"


class Access(Section):
    """Who may use the API. `session_secret` signs the sessions of browsers: set it where several API processes run."""

    oidc: Oidc = Oidc()
    session_secret: SecretStr | None = Field(None, min_length=16)
    session_h: float = Field(12, gt=0, le=720)
    rate_per_s: float = Field(50, ge=0)
    burst: int = Field(200, ge=1)
    cors_origins: tuple[str, ...] = ()
    open_metrics: bool = True
