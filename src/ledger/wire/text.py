"""The text form of any message or event: names for enumerations, decimal text for scaled integers.

One description per type, made once from its annotations, serves both directions: `show` for JSON out, `TextForm`
for JSON in. So the JSON of a command, of an event and of a published message can never differ from its type.
"""

from __future__ import annotations

import functools
import types
import typing
import uuid
from collections.abc import Callable
from enum import IntEnum
from typing import Annotated, Any, Final, final

import msgspec
from msgspec import Meta, Struct

from ledger.domain.codes import Code
from ledger.domain.context import PARTITION_SHIFT
from ledger.domain.units import FEE_SCALE, unit_of
from ledger.domain.values import NotANumber, TooLarge, TooManyDigits, format_decimal, parse_decimal

Scales = tuple[int, int]
"""(price_scale, qty_scale) of an instrument."""
SCALE_MAX: Final = 12
DIGITS_MAX: Final = 20
"""Of a whole number below 2^64. Python's own int() takes other alphabets' digits and raises at 4301 of them."""
_SEQ_MASK: Final = (1 << PARTITION_SHIFT) - 1


@final
class Misfit(Exception):
    """A text message whose values do not fit: the code and a sentence that names the field."""

    def __init__(self, code: Code, detail: str, *, readable: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.readable = readable
        """The value is a number, but not one that this instrument can have."""


def is_number(text: str) -> bool:
    """Whether the text is a whole number as this wire writes it: ASCII digits, no more than 64 bits have."""
    return text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX


def show_order_id(order_id: int) -> str:
    """An order_id as people see it: `0-123` is seq 123 of partition 0; "" for none."""
    return f"{order_id >> PARTITION_SHIFT}-{order_id & _SEQ_MASK}" if order_id else ""


def parse_order_id(text: str) -> int:
    """The order_id of `0-123`; raises ValueError on anything else."""
    partition, dash, seq = text.partition("-")
    if not dash or not is_number(partition) or not is_number(seq):
        raise ValueError(f"{text!r} is not an order_id; one looks like 0-123")
    return int(partition) << PARTITION_SHIFT | int(seq)


def _scale(unit: str, scales: Scales) -> int:
    if unit == "px":
        return scales[0]
    if unit == "qty":
        return scales[1]
    if unit == "money":
        return scales[0] + scales[1]
    return FEE_SCALE


_DECIMAL_UNITS: Final = frozenset(("px", "qty", "money", "fee", "decimal8"))


@final
class _Field(Struct, frozen=True):
    name: str
    unit: str
    enum: type[IntEnum] | None
    required: bool
    default: Any
    plain: bool
    """Whether its values are shown as they are."""


_SCALED_BY: Final = {"px": 0, "qty": 1}
"""The place of a unit's scale in Scales, where one scale decides."""
_PLAIN_UNITS: Final = frozenset(("", "ns", "seq"))
_PLAIN_TYPES: Final = frozenset((str, int, bool, type(None)))


def _types_of(annotation: object) -> tuple[object, ...]:
    """The types of a union's parts, or the only one, without what is annotated."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _types_of(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return tuple(found for part in typing.get_args(annotation) for found in _types_of(part))
    return (annotation,)


def _enum_of(annotation: object) -> type[IntEnum] | None:
    if isinstance(annotation, type) and issubclass(annotation, IntEnum):
        return annotation
    for part in typing.get_args(annotation):
        found = _enum_of(part)
        if found:
            return found
    return None


@functools.cache
def fields_of(kind: type[Struct]) -> tuple[_Field, ...]:
    """Every field of a message type with what its text form needs."""
    hints = typing.get_type_hints(kind, include_extras=True)
    described: list[_Field] = []
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        default = None if field.required else field.default
        unit, enum = unit_of(hint), _enum_of(hint)
        plain = enum is None and unit in _PLAIN_UNITS and _PLAIN_TYPES.issuperset(_types_of(hint))
        described.append(_Field(field.name, unit, enum, field.required, default, plain))
    return tuple(described)


def _show_levels(value: Any, scales: Scales) -> list[list[str]]:
    return [[format_decimal(px, scales[0]), format_decimal(qty, scales[1])] for px, qty in value]


def _show_value(field: _Field, value: Any, scales: Scales) -> Any:
    if value is None:
        return None
    if field.enum is not None:
        return field.enum(value).name
    unit = field.unit
    if unit == "":
        return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    if unit == "levels":
        return _show_levels(value, scales)
    if unit in _DECIMAL_UNITS:
        if isinstance(value, dict):
            amounts = typing.cast("dict[str, int | str]", value)
            return {key: format_decimal(int(amount), _scale(unit, scales)) for key, amount in amounts.items()}
        return format_decimal(int(value), _scale(unit, scales))
    if unit == "uuid":
        return str(uuid.UUID(bytes=value)) if len(value) == 16 else ""
    return show_order_id(value) if unit == "order_id" else value


def _own_scales(message: Any) -> Scales | None:
    """The scales that the message itself brings: it defines an instrument."""
    return (message.price_scale, message.qty_scale) if hasattr(message, "price_scale") else None


def show(message: Struct, scales: Scales, *, drop_defaults: bool = True) -> dict[str, Any]:
    """The JSON object of a message or event: `type` first, defaults left out unless asked for."""
    kind = type(message)
    out: dict[str, Any] = {"type": kind.__name__}
    brings_scales, shown = _shown(kind)
    if brings_scales:
        scales = _own_scales(message) or scales
    for name, required, default, how in shown:
        value = getattr(message, name)
        if drop_defaults and not required and value == default:
            continue
        out[name] = value if how is None or value is None else how(value, scales)
    return out


@functools.cache
def _shown(
    kind: type[Struct],
) -> tuple[bool, list[tuple[str, bool, Any, Callable[[Any, Scales], Any] | None]]]:
    """Whether the type defines an instrument, whose scales are its own; (name, required, default, how its values are
    shown; None: as they are) of each field."""
    fields = fields_of(kind)
    brings_scales = any(field.name == "price_scale" for field in fields)
    return brings_scales, [(field.name, field.required, field.default, _how(field)) for field in fields]


def _how(field: _Field) -> Callable[[Any, Scales], Any] | None:
    """Once a field in place of once a value: half the time of `show`, which is most of a publication's."""
    if field.plain:
        return None
    if field.enum is not None:
        names = {member: member.name for member in field.enum}  # without aliases
        return lambda value, _scales: names[value]
    scaled = _SCALED_BY.get(field.unit)
    if scaled is None:
        return functools.partial(_show_value, field)

    def decimal(value: Any, scales: Scales) -> Any:
        known = type(value) is int
        return format_decimal(value, scales[scaled]) if known else _show_value(field, value, scales)

    return decimal


# ---- text in ---------------------------------------------------------------------------------------------------

_ENUM_CODE: Final = {
    "side": Code.BAD_SIDE,
    "side_flag": Code.BAD_SIDE,
    "order_type": Code.BAD_ORDER_TYPE,
    "time_in_force": Code.BAD_TIF,
}


_Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


def _text_type(field: _Field, annotation: Any) -> Any:
    if field.enum is not None or field.unit in _DECIMAL_UNITS or field.unit in ("uuid", "order_id"):
        base: Any = str
    elif field.unit == "levels":
        return tuple[tuple[str, str], ...]
    elif annotation in (int, int | None):
        base = _Int64  # JSON integers have no size; one beyond 64 bits could be decided but never journaled
    else:
        return annotation
    return base | None if type(None) in typing.get_args(annotation) else base


@functools.cache
def text_type(kind: type[Struct]) -> type[Struct]:
    """The JSON form of a message type: same names, text where the message has scaled integers."""
    hints = typing.get_type_hints(kind, include_extras=True)
    fields: list[Any] = []
    for field in fields_of(kind):
        annotation = _text_type(field, hints[field.name])
        if field.required:
            fields.append((field.name, annotation))
            continue
        default = field.default
        if field.unit in _DECIMAL_UNITS and default is not None:
            # The default is a scaled integer; what text it has depends on scales that are not known yet.
            annotation, default = annotation | msgspec.UnsetType, msgspec.UNSET
        elif annotation in (str, str | None) and default is not None and not isinstance(default, str):
            default = _show_value(field, default, (0, 0))
        fields.append((field.name, annotation, default))
    return msgspec.defstruct(
        f"{kind.__name__}Text",
        fields,
        tag=kind.__name__,
        tag_field="type",
        frozen=True,
        forbid_unknown_fields=True,
        module=__name__,
    )


_DIGITS_CODE: Final = {"px": Code.PX_NOT_TICK_MULTIPLE, "qty": Code.QTY_NOT_LOT_MULTIPLE}
_LARGE_CODE: Final = {"qty": Code.QTY_TOO_LARGE}


def _parse_scaled(name: str, text: str, scale: int, unit: str) -> int:
    try:
        return parse_decimal(text, scale)
    except NotANumber as error:
        raise Misfit(Code.MALFORMED, f"{name}: {error}") from None
    except TooLarge as error:
        code = _LARGE_CODE.get(unit, Code.MALFORMED)
        raise Misfit(code, f"{name}: {error}", readable=True) from None
    except TooManyDigits as error:
        code = _DIGITS_CODE.get(unit, Code.MALFORMED)
        raise Misfit(code, f"{name}: {error}", readable=True) from None


def _read_levels(name: str, value: Any, scales: Scales) -> tuple[tuple[int, int], ...]:
    return tuple(
        (_parse_scaled(name, px, scales[0], "px"), _parse_scaled(name, qty, scales[1], "qty"))
        for px, qty in value
    )


def _read_value(field: _Field, value: Any, scales: Scales) -> Any:
    if value is None:
        return None
    name = field.name
    if field.enum is not None:
        try:
            return field.enum[value]
        except KeyError:
            known = ", ".join(member.name for member in field.enum)
            raise Misfit(
                _ENUM_CODE.get(name, Code.MALFORMED), f"{name} {value!r} is none of {known}"
            ) from None
    unit = field.unit
    if unit == "levels":
        return _read_levels(name, value, scales)
    if unit in _DECIMAL_UNITS:
        return _parse_scaled(name, value, _scale(unit, scales), unit)
    return value


def _read_special(field: _Field, value: str) -> Any:
    try:
        return uuid.UUID(value).bytes if field.unit == "uuid" else parse_order_id(value)
    except ValueError:
        what = "a UUID" if field.unit == "uuid" else "an order_id such as 0-123"
        raise Misfit(Code.MALFORMED, f"{field.name} {value!r} is not {what}") from None


def read(kind: type[Struct], text: Struct, scales: Scales) -> Any:
    """The message that a text form means at these scales; raises Misfit naming the first field that does not fit."""
    own = _own_scales(text)
    if own is not None:
        if not all(0 <= scale <= SCALE_MAX for scale in own):
            raise Misfit(
                Code.MALFORMED, f"price_scale {own[0]} and qty_scale {own[1]} must be 0 to {SCALE_MAX}"
            )
        scales = own
    values: list[Any] = []
    for field in fields_of(kind):
        value = getattr(text, field.name)
        if value is msgspec.UNSET:
            values.append(field.default)
        elif field.unit in ("uuid", "order_id"):
            values.append(_read_special(field, value))
        elif field.unit or field.enum is not None:
            values.append(_read_value(field, value, scales))
        else:
            values.append(value)
    return kind(*values)
