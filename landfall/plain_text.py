"""Text of events and of others on its way to a terminal, a log or a picture: one line, and nothing but what is seen."""

import re
import unicodedata


def printable(text: object) -> str:
    r"""The text on one line, with an escape in place of every character that acts instead of being seen.

    Those are control characters (a terminal obeys `\x1b]52;…`, which writes to the clipboard), line ends (a second line
    would pass for one of ours), marks of direction (`\u202e` shows `gpj.exe` as `exe.jpg`), surrogates, and what has no
    meaning yet. Spaces of other scripts stay.
    """
    return "".join(
        character if character.isprintable() or unicodedata.category(character) == "Zs" else escape(character)
        for character in str(text)
    )


def escape(character: str) -> str:
    r"""`\n`, `\x1b`, `\u202e`."""
    return character.encode("unicode_escape").decode("ascii")


def shortened(text: object, most: int) -> str:
    """A printable text of at most `most` characters."""
    shown = printable(text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def as_markdown(text: object) -> str:
    r"""A printable text that Markdown shows as it is, but for `code`, which our own sentences use: no link, no picture
    that a browser would fetch, no HTML."""
    return re.sub(r"[\\*\[\]<>&~|]|(?<!\w)_|_(?!\w)", r"\\\g<0>", printable(text))
