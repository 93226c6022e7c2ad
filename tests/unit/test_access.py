"""Keys, sessions, rates, tokens and the audit, without HTTP."""

from __future__ import annotations

import time
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError

from stormpetrel.access.audit import AuditTrail
from stormpetrel.access.bearer_tokens import BearerTokens
from stormpetrel.access.keys import KeyRegister, new_key
from stormpetrel.access.principals import Principal, Refused
from stormpetrel.access.rate_limit import MOST_BUCKETS, RateLimit
from stormpetrel.access.sessions import Sessions
from stormpetrel.core.clock import now
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.events import ApiKeyRevoked, Audited, encode
from stormpetrel.core.security_settings import Oidc
from stormpetrel.core.topics import AUDIT
from stormpetrel.log.memory import MemoryLog, MemoryProducer


def test_a_key_is_known_by_its_digest_alone_until_it_is_revoked() -> None:
    register = KeyRegister()
    key, added = new_key("ada", ["read", "annotate"])
    assert key.encode() not in encode(added) and key.split("_", 2)[2].encode() not in encode(added)
    assert not register.was_used
    register.apply(added)
    assert register.principal(key) == Principal("ada", frozenset({"read", "annotate"}), added.key_id)
    another = key[:-1] + ("a" if key[-1] != "a" else "b")
    for wrong in (another, "", "sp_", f"sp_{added.key_id}_", f"sp_{added.digest}", "sp_000000000000_x"):
        with pytest.raises(Refused):
            register.principal(wrong)
    register.apply(ApiKeyRevoked(key_id=added.key_id, principal="ada", revoked_at=now()))
    register.apply(added)  # at least once: an old record that comes again opens nothing
    assert register.active() == [] and register.was_used
    with pytest.raises(Refused):
        register.principal(key)


@pytest.mark.parametrize("name", ["", "a\nb", "a" * 121, "<script>"])
def test_a_name_is_one_line_of_plain_characters(name: str) -> None:
    with pytest.raises(ValidationError):
        new_key(name, ["read"])


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    limit = RateLimit(rate=2, burst=3)
    assert [limit.wait_s("ada", 0.0) for _ in range(4)] == [0, 0, 0, 1]
    assert limit.wait_s("ben", 0.0) == 0, "each has a bucket of his own"
    assert [limit.wait_s("ada", 0.5), limit.wait_s("ada", 0.5)] == [0, 1]
    assert RateLimit(0.1, 1).wait_s("ada", 0.0) == 0
    slow = RateLimit(0.1, 1)
    assert [slow.wait_s("ada", 0.0), slow.wait_s("ada", 0.0)] == [0, 10]
    assert not any(RateLimit(0, 1).wait_s("ada", 0.0) for _ in range(10)), "0 limits nothing"
    for number in range(MOST_BUCKETS + 100):
        limit.wait_s(str(number), 1.0)
    assert len(limit._buckets) == MOST_BUCKETS


def test_a_session_stands_for_its_key_as_long_as_that_stands() -> None:
    register = KeyRegister()
    key, added = new_key("ada", ["read"])
    register.apply(added)
    sessions = Sessions(register, "a secret of the processes", 3600)
    cookie, csrf_token = sessions.open(register.principal(key))
    assert key not in cookie
    another_process = Sessions(register, "a secret of the processes", 3600)
    assert another_process.read(cookie).principal.name == "ada"
    assert another_process.read(cookie).csrf_token == csrf_token
    for stranger in (Sessions(register, None, 3600), Sessions(register, "another secret altogether", 3600)):
        with pytest.raises(Refused, match="not known"):
            stranger.read(cookie)
    with pytest.raises(Refused, match="ended"):
        Sessions(register, "a secret of the processes", -1).read(cookie)
    with pytest.raises(Refused, match="API key"):
        sessions.open(Principal("by a token", frozenset({"read"})))
    register.apply(ApiKeyRevoked(key_id=added.key_id, principal="ada", revoked_at=now()))
    with pytest.raises(Refused, match="revoked"):
        sessions.read(cookie)


PRIVATE, STRANGER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
CLAIMS = {"iss": "https://issuer.example", "aud": "stormpetrel", "sub": "ada", "scope": "read annotate email"}
OIDC = Oidc(issuer="https://issuer.example")


def token(private: object = PRIVATE, algorithm: str = "RS256", **claims: object) -> str:
    times = {"exp": now() + timedelta(minutes=5), "iat": now()}
    fields = {name: value for name, value in {**CLAIMS, **times, **claims}.items() if value is not None}
    return jwt.encode(fields, private, algorithm)  # type: ignore[arg-type]


def test_a_token_gives_the_scopes_that_are_known_here() -> None:
    tokens = BearerTokens(OIDC, lambda _: PRIVATE.public_key())
    assert tokens.principal(token()) == Principal("ada", frozenset({"read", "annotate"}))
    groups = BearerTokens(
        Oidc(issuer="https://issuer.example", scopes_claim="groups", name_claim="email"), lambda _: PRIVATE.public_key()
    )
    own = groups.principal(token(groups=["operate", "staff"], email="ada@example.org"))
    assert own == Principal("ada@example.org", frozenset({"operate"}))
    for odd in (None, 7, {"read": 1}, [{"read": 1}, "operate"]):  # an issuer's claim may be anything
        granted = {"operate"} if isinstance(odd, list) else set()
        assert groups.principal(token(groups=odd, email="ada")) == Principal("ada", frozenset(granted))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://another.example"},
        {"aud": "another system"},
        {"exp": now() - timedelta(minutes=5)},
        {"exp": None},
        {"sub": None},
        {"sub": "a\nb"},
        {"sub": "x" * 200},
        {"private": STRANGER},
        {"private": "a secret that both sides share, and long enough", "algorithm": "HS256"},
        {"private": None, "algorithm": "none"},
    ],
    ids=[
        "of another issuer",
        "for another system",
        "expired",
        "without an end",
        "of nobody",
        "of a name in two lines",
        "of too long a name",
        "signed by a stranger",
        "signed with a shared secret",
        "not signed",
    ],
)
def test_a_token_that_is_not_for_us_opens_nothing(changes: dict[str, object]) -> None:
    tokens = BearerTokens(OIDC, lambda _: PRIVATE.public_key())
    with pytest.raises(Refused):
        tokens.principal(token(**changes))  # type: ignore[arg-type]


def audited(number: int) -> Audited:
    return Audited(actor="ada", action="POST /v1/labels", object=str(number), outcome="201", at=now())


def test_the_audit_waits_for_the_broker_and_then_has_everything_in_order() -> None:
    log = MemoryLog(available=False)
    trail = AuditTrail(MemoryProducer(log))
    for number in range(20):
        trail.note(audited(number))
    time.sleep(0.1)
    log.available = True
    trail.close(10)
    written = [record.decode(*AUDIT.events).object for record in log.records(AUDIT.name)]
    assert list(dict.fromkeys(written)) == [str(number) for number in range(20)]


def test_an_audit_that_cannot_be_written_at_the_end_stands_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    trail = AuditTrail(MemoryProducer(MemoryLog(available=False)))
    trail.note(audited(7))
    trail.close(10)
    assert "not on the audit" in capsys.readouterr().out
    with pytest.raises(StoreUnavailable):
        MemoryProducer(MemoryLog(available=False)).flush()
