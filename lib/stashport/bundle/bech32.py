"""Bech32, the spelling of age's keys: BIP 173 without its limit on length.

A checksum of six characters finds up to four wrong ones; text is all lower or all upper case.
"""

from __future__ import annotations

_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECK = 6


def encode(prefix: str, data: bytes) -> str:
    """Bytes as text that begins with a prefix (in lower case) and a 1."""
    values = _regroup(list(data), 8, 5)
    rest = _checksum([*_spread(prefix), *values, *[0] * _CHECK]) ^ 1
    values += [rest >> 5 * (_CHECK - 1 - k) & 31 for k in range(_CHECK)]
    return prefix + "1" + "".join(_LETTERS[v] for v in values)


def decode(text: str) -> tuple[str, bytes]:
    """(prefix in lower case, bytes).  Errors: ValueError, whose words never repeat the text."""
    if text not in (text.lower(), text.upper()):
        raise ValueError("it mixes capitals and small letters")
    prefix, one, tail = text.lower().rpartition("1")
    if not one or not prefix or any(not 33 <= ord(c) <= 126 for c in prefix):
        raise ValueError("it has not the form of one")
    if len(tail) < _CHECK or any(c not in _LETTERS for c in tail):
        raise ValueError("it is too short, or has a character that no key has")
    values = [_LETTERS.index(c) for c in tail]
    if _checksum([*_spread(prefix), *values]) != 1:
        raise ValueError("its checksum is wrong, so that there is a typing error in it or a part is missing")
    values = values[:-_CHECK]
    data = bytes(_regroup(values, 5, 8))
    if _regroup(list(data), 8, 5) != values:
        raise ValueError("its last bits are not zero")
    return prefix, data


def _spread(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def _checksum(values: list[int]) -> int:
    """The remainder of BIP 173's polynomial: 1 for text that is whole."""
    rest = 1
    for value in values:
        top, rest = rest >> 25, (rest & 0x1FFFFFF) << 5 ^ value
        for k, part in enumerate(_GENERATOR):
            if top >> k & 1:
                rest ^= part
    return rest


def _regroup(values: list[int], width: int, wanted: int) -> list[int]:
    """Groups of `width` bits as groups of `wanted`; what is left over is filled up with zeros on the way to 5 bits, and dropped on the way to 8."""
    number, bits, result = 0, 0, []
    for value in values:
        number, bits = (number << width | value) & 0xFFF, bits + width
        while bits >= wanted:
            bits -= wanted
            result.append(number >> bits & (1 << wanted) - 1)
    if bits and wanted < width:
        result.append(number << wanted - bits & (1 << wanted) - 1)
    return result
