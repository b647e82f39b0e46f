"""The alphabet of text messages: what fits 160 characters, and what would halve that.

One character outside GSM 03.38 (3GPP TS 23.038, 6.2.1) turns a text into UCS-2 with 70 characters, and Spanish á, í,
ó and ú are outside. So texts are written without them, and what comes in by value loses its accent, not its meaning.
"""

import unicodedata

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")
TEXT_LIMIT = 160
_SUBSTITUTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\u00a0": " "})


class NotGsm7Error(ValueError):
    """A character has no place in the GSM 7-bit alphabet."""


def septets(text: str) -> int:
    """Return how many of the 160 characters ``text`` takes (the extension table's take two); raise NotGsm7Error."""
    odd = sorted(set(text) - BASIC - EXTENSION)
    if odd:
        raise NotGsm7Error(f"not in the GSM 7-bit alphabet: {' '.join(odd)}")
    return len(text) + sum(character in EXTENSION for character in text)


def to_gsm7(text: str) -> str:
    """Return ``text`` in the GSM 7-bit alphabet: accents outside it are dropped, what has no letter becomes "?"."""
    return "".join(_fitting(character) for character in unicodedata.normalize("NFC", text.translate(_SUBSTITUTES)))


def _fitting(character: str) -> str:
    if character in BASIC or character in EXTENSION:
        return character
    plain = [part for part in unicodedata.normalize("NFKD", character) if part in BASIC]
    return "".join(plain) or "?"
