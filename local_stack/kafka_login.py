"""A login that Kafka lets in by SCRAM, with the rights that the parts of Landfall need, as an administrator makes it.

`python -m local_stack.kafka_login HOST:PORT,… CERTIFICATES PASSWORD_FILE` makes it on brokers elsewhere.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from landfall.kafka_rights import NEEDED
from local_stack.kafka import asking

LOGIN, MECHANISM = "landfall", "SCRAM-SHA-512"


def administrator(servers: str, certificates: Path) -> Any:
    """A client that may do everything: it shows the brokers' own certificate (see local_stack/certificates.py)."""
    return asking(
        {
            "bootstrap.servers": servers,
            "security.protocol": "SSL",
            "ssl.ca.location": str(certificates / "ca.pem"),
            "ssl.certificate.location": str(certificates / "broker.pem"),
            "ssl.key.location": str(certificates / "broker.key"),
        }
    )


def let_in(admin: Any, password: str) -> None:
    """Make the login. Raises KafkaException where the brokers do not answer or refuse."""
    from confluent_kafka.admin import (  # type: ignore[attr-defined]
        AclBinding,
        AclOperation,
        AclPermissionType,
        ResourcePatternType,
        ResourceType,
        ScramCredentialInfo,
        ScramMechanism,
        UserScramCredentialUpsertion,
    )

    how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    upsertion = UserScramCredentialUpsertion(LOGIN, how, password.encode())
    for future in admin.alter_user_scram_credentials([upsertion]).values():
        future.result(timeout=30)
    every_topic = (ResourceType.TOPIC, "*", ResourcePatternType.LITERAL, f"User:{LOGIN}", "*")
    named = {operation for operations, _ in NEEDED.values() for operation in operations}
    operations = {re.sub("(?<=[a-z])(?=[A-Z])", "_", operation).upper() for operation in named}
    rules = [AclBinding(*every_topic, AclOperation[each], AclPermissionType.ALLOW) for each in operations]
    for future in admin.create_acls(rules).values():
        future.result(timeout=30)


if __name__ == "__main__":
    brokers, folder, file = sys.argv[1:]
    let_in(administrator(brokers, Path(folder)), Path(file).read_text(encoding="utf-8").strip())
