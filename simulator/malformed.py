"""Messages that cannot be landed, one builder for each reason of the quarantine."""

import random
from collections.abc import Callable

NESTING = 1_500  # over the 1,000 levels that the landing stream accepts

# Each way to break an event: a good event's bytes in, the broken value out (None is a tombstone).
_WAYS: dict[str, tuple[Callable[[bytes], bytes | None], ...]] = {
    "not_json": (
        lambda event: event[:-1] + b',"response":NaN}',
        lambda event: event[:-1] + b',"response":-Infinity}',
        lambda event: event[:-1] + b",}",
        lambda event: event[: len(event) // 2],
        lambda event: event + event,
        lambda event: event.replace(b'"', b"'"),
        lambda event: event[:-1] + b',"note":"a\x00b"}',
        lambda event: b"504 Gateway Time-out",
        lambda event: b"",
    ),
    "not_object": (
        lambda event: b"[" + event + b"]",
        lambda event: b'"' + event.hex().encode() + b'"',
        lambda event: b"null",
        lambda event: b"42",
        lambda event: b"true",
    ),
    "invalid_utf8": (
        lambda event: event[:-1] + b',"note":"caf\xe9"}',
        lambda event: event[:-1] + b',"note":"\xc0\x80"}',
        lambda event: event[:-1] + b',"note":"\xed\xa0\x80"}',
        lambda event: b"\xff\xfe" + event,
    ),
    "unstorable_text": (
        lambda event: event[:-1] + rb',"note":"a\u0000b"}',
        lambda event: event[:-1] + rb',"note":{"deep":[{"text":"a\u0000b"}]}}',
        lambda event: event[:-1] + rb',"note":"\ud83d"}',
        lambda event: event[:-1] + rb',"note":[["\udc00 alone"]]}',
        lambda event: event[:-1] + rb',"no\u0000te":1}',
    ),
    "too_deep": (
        lambda event: event[:-1] + b',"note":' + b"[" * NESTING + b"]" * NESTING + b"}",
        lambda event: event[:-1] + b',"note":' + b'{"a":' * NESTING + b"1" + b"}" * NESTING + b"}",
    ),
    "tombstone": (lambda event: None,),
}

REASONS = tuple(_WAYS)


def broken(rng: random.Random, event: bytes) -> tuple[str, bytes | None]:
    """A broken form of `event` (the bytes of a JSON object), and the reason by which the quarantine is to know it."""
    reason = rng.choice(REASONS)
    return reason, rng.choice(_WAYS[reason])(event)
