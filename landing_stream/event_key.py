"""The key of an event as one text, which the models hash: dbt_project/macros/rules/keys.sql, macro event_key_text."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def event_key_text(items: Sequence[str | tuple[str, ...]], text_of: Callable[[str], str | None]) -> str | None:
    """The first of a contract's `key_fields` that is there, None without one. `text_of`: the text of a field.

    Each text of several fields stands between its length and a comma, `1:a,2:bc,`, so that ('a', 'bc') is not
    ('ab', 'c'); where a contract has such an item, all do, so that no text of one field passes for two.
    """
    are_led = any(not isinstance(item, str) for item in items)
    for item in items:
        texts = [text_of(name) for name in ([item] if isinstance(item, str) else item)]
        if all(texts):
            return "".join(f"{len(text)}:{text}," if are_led else text for text in texts if text)
    return None
