"""Names and texts in every character set, with a declaration, a wrong one, or none."""

import pytest

from sinusviewer.imaging.text import decode_text, person_name, python_codec

# (text, codec of the bytes, SpecificCharacterSet as declared)
DECLARED = [
    ("Buc^Jérôme", "latin_1", ("ISO_IR 100",)),
    ("Müller^Jürgen", "utf_8", ("ISO_IR 192",)),
    ("Διονυσιος", "iso8859_7", ("ISO_IR 126",)),
    ("Люкceмбypг", "iso8859_5", ("ISO_IR 144",)),
    ("قباني^لنزار", "iso8859_6", ("ISO_IR 127",)),
    ("שרון^דבורה", "iso8859_8", ("ISO_IR 138",)),
    ("Şahin^Çağrı", "iso8859_9", ("ISO_IR 148",)),
    ("Wałęsa^Łukasz", "iso8859_2", ("ISO_IR 101",)),
    ("สมชาย", "iso8859_11", ("ISO_IR 166",)),
    ("王^小东", "gb18030", ("GB18030",)),
    ("王^小東", "gbk", ("GBK",)),
    ("김^길동", "euc_kr", ("ISO 2022 IR 149",)),
    ("山田^太郎", "utf_8", ("ISO_IR 192",)),
]

UNDECLARED = [
    ("김^철수", "euc_kr"), ("박^지영", "euc_kr"), ("王^小东", "gb18030"), ("张^伟", "gb18030"), ("山田^太郎", "utf_8"),
    ("Иванов^Пётр", "cp1251"), ("Иванов^Пётр", "utf_8"), ("Müller^Jürgen", "latin_1"), ("Buc^Jérôme", "latin_1"),
    ("鈴木^一郎", "shift_jis"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "codec", "declared"), DECLARED)
def test_a_declared_character_set_is_read(text: str, codec: str, declared: tuple[str, ...]) -> None:
    assert decode_text(text.encode(codec), declared) == text


@pytest.mark.parametrize(("text", "codec"), UNDECLARED)
def test_a_missing_declaration_is_made_up_for(text: str, codec: str) -> None:
    assert decode_text(text.encode(codec), ()) == text


@pytest.mark.parametrize("declared", ["ISO_IR 100", "ISO_IR 6", "ISO_IR 144"])
def test_utf8_under_a_single_byte_declaration_is_recognised(declared: str) -> None:
    assert decode_text("山田^太郎".encode(), (declared,)) == "山田^太郎"


def test_latin_text_under_a_utf8_declaration_is_recognised() -> None:
    assert decode_text("Müller".encode("latin_1"), ("ISO_IR 192",)) == "Müller"


def test_a_sites_own_choice_decides_where_nothing_is_declared() -> None:
    assert decode_text("Διονυσιος".encode("iso8859_7"), (), fallback="iso8859_7") == "Διονυσιος"


def test_korean_with_its_escape_sequences_is_read() -> None:
    raw = b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"
    assert decode_text(raw, ("", "ISO 2022 IR 149")) == "Hong^Gildong=洪^吉洞=홍^길동"


def test_japanese_with_its_escape_sequences_is_read() -> None:
    raw = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
    assert decode_text(raw, ("", "ISO 2022 IR 87")) == "Yamada^Tarou=山田^太郎=やまだ^たろう"


def test_half_width_japanese_is_read() -> None:
    raw = b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J"
    assert decode_text(raw, ("ISO 2022 IR 13", "ISO 2022 IR 87")) == "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎"


def test_bytes_that_no_codec_explains_still_give_a_text() -> None:
    for raw in (b"\xff\xfe\x81", b"\x1b$B\xff\xff", b"\x1b", bytes(range(256))):
        assert isinstance(decode_text(raw, ("ISO 2022 IR 87",)), str)


@pytest.mark.parametrize(
    ("term", "codec"),
    [("ISO_IR 100", "latin_1"), ("ISO-IR 192", "utf_8"), ("iso ir 126", "iso8859_7"), ("UTF-8", "utf-8"),
     ("ISO 8859-5", "iso8859-5"), ("WINDOWS-1251", "cp1251"), ("nonsense", None)],
)  # fmt: skip
def test_misspelt_terms_find_their_codec(term: str, codec: str | None) -> None:
    assert python_codec(term) == codec


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("Doe^Jane", "Doe, Jane"), ("Doe^Jane^Mary^Dr", "Doe, Jane Mary Dr"), ("Doe", "Doe"), ("", ""), ("^Jane", "Jane"),
     ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou (山田 太郎)"), ("=山田^太郎", "山田 太郎"), ("山田^太郎", "山田 太郎")],
)  # fmt: skip
def test_names_are_shown_as_people_write_them(stored: str, shown: str) -> None:
    assert person_name(stored) == shown
