"""What operators do at the command line stands in the audit, as what they do through the API does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormpetrel.core.settings import Kafka


def note(kafka: Kafka, command: str, subject: str) -> None:
    """An audit event of a command that was carried out, on `audit` when this returns. Raises StoreUnavailable."""
    import getpass

    from stormpetrel.core.clock import now
    from stormpetrel.core.events import Audited
    from stormpetrel.core.topics import AUDIT
    from stormpetrel.log.producer import KafkaProducer

    producer, actor = KafkaProducer(kafka), f"{getpass.getuser()} at the command line"
    producer.publish(AUDIT, actor, Audited(actor=actor, action=command, object=subject, outcome="done", at=now()))
    producer.flush()
