"""Text of others on a terminal: see `escape`."""
from __future__ import annotations

__all__ = ["escape"]

_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\"}
# What hides, reorders or forges what is shown.
_DECEPTIVE = ((0x00, 0x1f), (0x7f, 0x9f), (0xad, 0xad), (0x61c, 0x61c), (0x180e, 0x180e), (0x200b, 0x200f), (0x2028, 0x202e),
              (0x2060, 0x206f), (0xfeff, 0xfeff), (0xfff9, 0xfffb), (0xe0000, 0xe007f))


def escape(text: str) -> str:
    """`text` as it can be shown: control characters, ESC, bidirectional overrides, zero-width and tag characters, and bytes
    that were no UTF-8 (surrogates of `os.fsdecode`) become \\n, \\x1b, \\u{202e}; a backslash becomes two.

    Names, paths, command lines and hosts come from agents: whoever prints them escapes them. Raises nothing.
    """
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    value = ord(character)
    if 0xdc80 <= value <= 0xdcff:
        return f"\\x{value - 0xdc00:02x}"
    if 0xd800 <= value <= 0xdfff or any(first <= value <= last for first, last in _DECEPTIVE):
        return f"\\x{value:02x}" if value < 0x80 else f"\\u{{{value:x}}}"
    return character
