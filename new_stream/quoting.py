"""Texts of a sample as they may stand in YAML, in Jinja and in what dbt reads as both."""

from __future__ import annotations

import json
from typing import Any


def yaml_text(value: Any) -> str:
    r"""A text, or a list of texts, as YAML in one line: always quoted, so that `no`, `1.10` and `12:30` stay texts."""
    if isinstance(value, list):
        return f"[{', '.join(map(yaml_text, value))}]"
    return '"' + "".join(_yaml_letter(letter) for letter in str(value)) + '"'


def _yaml_letter(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    code = ord(letter)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def literal(text: str) -> str:
    """A text as a string of Jinja and Python, in single quotes."""
    shown = json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return "'" + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown) + "'"


def as_comment_free(text: str) -> str:
    """A description in a yml of dbt, which reads it as Jinja too: quoted, and no brace begins anything."""
    shown = text
    for sign in ("{{", "{%", "{#"):
        shown = shown.replace(sign, f"{sign[0]} {sign[1]}")
    return yaml_text(shown.replace("}}", "} }").replace("%}", "% }").replace("#}", "# }"))
