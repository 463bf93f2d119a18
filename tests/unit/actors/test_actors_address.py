"""An address has one text, a text one address, and anything else is refused with the reason."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import AddressError, check_address, format_address, parse_address

kinds = st.from_regex(r"[a-z][a-z0-9_-]{0,9}", fullmatch=True)
parts = st.text("aZ09%/25F é€", min_size=1, max_size=20)
addresses = st.builds(lambda kind, rest: (kind, *rest), kinds, st.lists(parts, max_size=7))


def test_an_address_is_written_with_slashes():
    assert format_address(("order", "AAPL", "c1")) == "order/AAPL/c1"
    assert parse_address("order/AAPL/c1") == ("order", "AAPL", "c1")


def test_a_slash_inside_a_part_is_escaped():
    assert format_address(("book", "BTC/USD", "100%")) == "book/BTC%2FUSD/100%25"
    assert parse_address("book/BTC%2FUSD/100%25") == ("book", "BTC/USD", "100%")


@settings(deadline=None)  # the machine may be busy
@given(addresses)
def test_every_address_comes_back_from_its_text(address: tuple[str, ...]):
    assert parse_address(format_address(address)) == address


@settings(deadline=None)  # the machine may be busy
@given(st.text(st.sampled_from("ab/%25F"), max_size=12))
def test_every_text_that_is_read_is_the_text_of_its_address(text: str):
    try:
        address = parse_address(text)
    except AddressError:
        return
    assert format_address(address) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "kind"),
        ("Order/c1", "kind"),
        ("1st/c1", "kind"),
        ("order//c1", "part 1 has 0 characters"),
        ("order/c1/", "part 2 has 0 characters"),
        ("order/a%20b", "after %"),
        ("order/" + "x" * 257, "257 characters"),
        ("order/a\nb", "unprintable"),
        ("/".join(["a"] * 9), "not 9"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(text: str, why: str):
    with pytest.raises(AddressError, match=why):
        parse_address(text)


@pytest.mark.parametrize(("address", "why"), [((), "not 0"), (("order", 7), "part 1 is int"), ((7,), "kind")])
def test_a_tuple_that_is_no_address_is_refused(address: tuple, why: str):
    with pytest.raises(AddressError, match=why):
        check_address(address)
