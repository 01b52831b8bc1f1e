"""DICOM text: character sets, and names for people to read.

Declared character sets are trusted only as far as the bytes bear them out: much software writes Korean, Chinese or
Cyrillic bytes without SpecificCharacterSet (0008,0005), or UTF-8 under ISO_IR 100.
"""

import codecs
import re
from collections.abc import Sequence

_ESCAPE = b"\x1b"

# PS3.3 C.12.1.1.2, Tables C.12-2 to C.12-5, and spellings met in the field.
_SINGLE: dict[str, str] = {
    "": "latin_1", "ISO_IR 6": "latin_1", "ISO_IR 100": "latin_1", "ISO_IR 101": "iso8859_2", "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4", "ISO_IR 144": "iso8859_5", "ISO_IR 127": "iso8859_6", "ISO_IR 126": "iso8859_7",
    "ISO_IR 138": "iso8859_8", "ISO_IR 148": "iso8859_9", "ISO_IR 203": "iso8859_15", "ISO_IR 166": "iso8859_11",
    "ISO_IR 13": "shift_jis", "ISO_IR 192": "utf_8", "GB18030": "gb18030", "GBK": "gbk",
    "ISO 2022 IR 6": "latin_1", "ISO 2022 IR 100": "latin_1", "ISO 2022 IR 101": "iso8859_2",
    "ISO 2022 IR 109": "iso8859_3", "ISO 2022 IR 110": "iso8859_4", "ISO 2022 IR 144": "iso8859_5",
    "ISO 2022 IR 127": "iso8859_6", "ISO 2022 IR 126": "iso8859_7", "ISO 2022 IR 138": "iso8859_8",
    "ISO 2022 IR 148": "iso8859_9", "ISO 2022 IR 203": "iso8859_15", "ISO 2022 IR 166": "iso8859_11",
    "ISO 2022 IR 13": "shift_jis", "ISO 2022 IR 87": "iso2022_jp", "ISO 2022 IR 159": "iso2022_jp_2",
    "ISO 2022 IR 149": "euc_kr", "ISO 2022 IR 58": "gb2312",
}  # fmt: skip

# Escape sequence -> (codec, whether it designates G1, whose bytes have the high bit set). PS3.3 Table C.12-3, C.12-4.
_DESIGNATIONS: dict[bytes, str] = {
    b"\x1b(B": "latin_1", b"\x1b-A": "latin_1", b"\x1b)I": "shift_jis", b"\x1b(J": "shift_jis", b"\x1b-B": "iso8859_2",
    b"\x1b-C": "iso8859_3", b"\x1b-D": "iso8859_4", b"\x1b-L": "iso8859_5", b"\x1b-G": "iso8859_6",
    b"\x1b-F": "iso8859_7", b"\x1b-H": "iso8859_8", b"\x1b-M": "iso8859_9", b"\x1b-b": "iso8859_15",
    b"\x1b-T": "iso8859_11", b"\x1b$)C": "euc_kr", b"\x1b$)A": "gb2312",
    b"\x1b$B": "iso2022_jp", b"\x1b$@": "iso2022_jp", b"\x1b$(D": "iso2022_jp_2",
}  # fmt: skip
_DELIMITER = re.compile(rb"([\^=\\\r\n\f\t])")
_DESIGNATION = re.compile(b"|".join(re.escape(e) for e in sorted(_DESIGNATIONS, key=len, reverse=True)))

# First characters of the commonest family names: they tell which of the overlapping East Asian codes was meant.
_FAMILY_NAMES = {
    "euc_kr": "김이박최정강조윤장임한오서신권황안송전홍류유고문양손배백허남심노하곽성차주우구민나진지엄채원천방공현",
    "gb18030": "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶余潘杜夏汪田任姜范",
    "shift_jis": "佐鈴高田伊渡山中小加吉松井木林清斎橋本村池前藤岡後長近石坂遠青福西太三原竹金和上森柴酒工横宮内",
    "big5": "陳林黃張李王吳劉蔡楊許鄭謝洪郭邱曾廖賴徐周葉蘇莊呂江何蕭羅高潘簡朱鍾游彭詹胡施沈余盧梁趙顏柯翁魏孫戴",
}


def python_codec(term: str) -> str | None:
    """The Python codec for a defined term of (0008,0005), or for a misspelling of one; None where there is none."""
    name = re.sub(r"[\s_-]+", " ", term.strip().upper()).replace("ISO IR", "ISO_IR")
    if name in _SINGLE:
        return _SINGLE[name]
    if (number := re.search(r"(?:IR|ISO)\D*(\d{1,3})$", name)) and f"ISO_IR {number[1]}" in _SINGLE:
        return _SINGLE[f"ISO_IR {number[1]}"]
    if number := re.fullmatch(r"ISO ?8859 ?(\d{1,2})", name):
        name = f"ISO8859-{number[1]}"
    try:
        found = codecs.lookup(name.replace(" ", "-"))
    except (LookupError, ValueError):
        return None
    return found.name if found._is_text_encoding else None  # undocumented but steady since 3.4


def decode_text(raw: bytes, character_sets: Sequence[str] = (), fallback: str = "") -> str:
    """Text of a value in the character sets of its data set (PS3.5 6.1).

    Parameters
    ----------
    raw
        The value as stored.
    character_sets
        Values of SpecificCharacterSet; empty where the tag is absent.
    fallback
        Python codec a site has chosen for text without a usable declaration; guessed where empty.

    Returns
    -------
    str
        Always a text; bytes that no codec explains become U+FFFD.
    """
    raw = raw.rstrip(b"\0 ")
    if raw.isascii() and _ESCAPE not in raw:
        return raw.decode("ascii")
    if _ESCAPE in raw:
        return _decode_escapes(raw, python_codec(character_sets[0]) or "latin_1" if character_sets else "latin_1")
    declared = python_codec(character_sets[0]) if character_sets and character_sets[0].strip() else None
    if declared is None or declared in ("latin_1", "ascii") or declared.startswith("iso8859"):
        # UTF-8 in two bytes or more is hardly ever good ISO 8859 text, so it wins over a single-byte declaration.
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            pass
    if declared is not None and declared != "ascii":
        try:
            text = raw.decode(declared)
        except UnicodeDecodeError:
            pass
        else:
            if not any("\x80" <= c <= "\x9f" for c in text):
                return text
    if len(character_sets) > 1:
        for term in character_sets[1:]:  # multi-byte text without its escape sequence
            codec = python_codec(term)
            if codec and not codec.startswith("iso2022"):
                try:
                    return raw.decode(codec)
                except UnicodeDecodeError:
                    continue
    return _guess(raw, fallback)


def _guess(raw: bytes, fallback: str) -> str:
    if fallback:
        return raw.decode(fallback, errors="replace")
    best: tuple[float, str] | None = None
    for codec, family_names in _FAMILY_NAMES.items():
        try:
            text = raw.decode(codec)
        except UnicodeDecodeError:
            continue
        wide = [c for c in text if ord(c) > 127]
        starts = [part[0] for part in re.split(r"[\^= ]+", text) if part]
        score = sum(c in family_names for c in starts[:1]) * 2.0
        hangul = sum("가" <= c <= "힣" for c in wide)
        score += {"euc_kr": hangul, "gb18030": 0.3 * sum("一" <= c <= "鿿" for c in wide)}.get(codec, 0.0) / max(
            len(wide), 1
        )
        score -= 2.0 * sum("ｦ" <= c <= "ﾟ" or "\ue000" <= c <= "\uf8ff" for c in wide) / max(len(wide), 1)
        if best is None or score > best[0]:
            best = (score, text)
    cyrillic = raw.decode("cp1251", "replace")
    if (best is None or best[0] < 0.6) and re.fullmatch(r"(?:[А-ЯЁІЇЄ][а-яёіїє]+|[ .^=-])+", cyrillic):
        return cyrillic
    # An isolated high byte between ASCII letters is an accent, not half of an ideograph.
    accents = re.search(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])", raw)
    if best is not None and best[0] > 0.2 and not accents:
        return best[1]
    return raw.decode("latin_1") if accents else raw.decode("cp1251", "replace")


def _decode_escapes(raw: bytes, first: str) -> str:
    """Text with code extensions (ISO 2022): each escape holds until the next, or until a delimiter (PS3.5 6.1.2.5.3).

    In a two-byte G0 set (Japanese) the delimiters' own codes are halves of characters, so only an escape ends it.
    """
    pieces: list[str] = []
    position, codec, escape = 0, first, b""
    for match in [*_DESIGNATION.finditer(raw), None]:
        fragment = raw[position : match.start()] if match else raw[position:]
        if codec.startswith("iso2022"):
            pieces.append(_fragment(fragment, codec, escape))
        else:
            for number, component in enumerate(_DELIMITER.split(fragment)):
                pieces.append(_fragment(component, first if number else codec, escape))
        if match:
            position, escape = match.end(), match.group()
            codec = _DESIGNATIONS[escape]
    return "".join(pieces)


def _fragment(raw: bytes, codec: str, escape: bytes) -> str:
    if codec.startswith("iso2022"):
        # Python's codec wants the escape in front and the return to ASCII behind.
        return (escape + raw + b"\x1b(B").decode("iso2022_jp_2", errors="replace") if escape else raw.decode("latin_1")
    return raw.decode(codec, errors="replace")


def person_name(text: str) -> str:
    """A name as people write it: ``"Yamada^Tarou=山田^太郎=..."`` becomes ``"Yamada, Tarou (山田 太郎)"`` (PS3.5 6.2.1)."""
    groups = text.split("=")
    names = [_one_name(group, ", " if i == 0 else " ") for i, group in enumerate(groups[:2])]
    if len(names) == 2 and names[1] and names[1] != names[0]:
        return f"{names[0]} ({names[1]})" if names[0] else names[1]
    return names[0] or (_one_name(groups[2], " ") if len(groups) > 2 else "")


def _one_name(group: str, after_family: str) -> str:
    parts = [part.strip() for part in group.split("^")]
    family, rest = parts[0], " ".join(p for p in parts[1:] if p)
    if family and rest and any(ord(c) >= 0x2E80 for c in family):
        return f"{family} {rest}"  # East Asian names take no comma
    return f"{family}{after_family}{rest}" if family and rest else family or rest
