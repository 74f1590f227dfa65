"""Values of a program as text. `harness.py` follows in the same module."""

import sys

MAX_DEPTH = 64
MAX_TEXT = 256 * 1024
MAX_REPR = 200
MAX_DIGITS = 4300


class TooLarge(Exception):
    pass


class Encoder:
    """Encodes a value as tagged JSON. Only exact built-in types count as themselves, so a class of
    the program cannot pass for one; of anything else, name and representation are given."""

    def __init__(self):
        from _json import encode_basestring_ascii

        self._quoted = encode_basestring_ascii
        self._parts = []
        self._size = 0
        self._open = set()
        self._scalars = {
            bool: lambda value: '"bool","v":true' if value else '"bool","v":false',
            int: self._int,
            float: lambda value: f'"float","v":"{float.__repr__(value)}"',
            complex: lambda value: f'"complex","v":["{float.__repr__(value.real)}","{float.__repr__(value.imag)}"]',
            str: self._str,
            bytes: lambda value: self._bytes("bytes", value),
            bytearray: lambda value: self._bytes("bytearray", value),
            range: lambda value: f'"range","v":["{value.start}","{value.stop}","{value.step}"]',
            type(None): lambda value: '"none"',
        }
        self._sequences = {list: "list", tuple: "tuple", set: "set", frozenset: "frozenset"}

    def encode(self, value):
        try:
            self._value(value, 1)
        except TooLarge as error:
            return f'{{"t":"too_large","reason":"{error}"}}'
        return "".join(self._parts)

    def _put(self, text):
        self._size += len(text)
        if self._size > MAX_TEXT:
            raise TooLarge("size")
        self._parts.append(text)

    def _value(self, value, depth):
        kind = type(value)
        if scalar := self._scalars.get(kind):
            return self._put('{"t":' + scalar(value) + "}")
        name = self._sequences.get(kind)
        if name is None and kind is not dict:
            return self._other(value, kind)
        if id(value) in self._open:
            return self._put('{"t":"cycle"}')
        if depth > MAX_DEPTH:
            raise TooLarge("depth")
        self._open.add(id(value))
        self._put(f'{{"t":"{name or "dict"}","v":[')
        separator = ""
        if name:
            for item in tuple(value):
                self._put(separator)
                self._value(item, depth + 1)
                separator = ","
        else:
            for key, item in tuple(dict.items(value)):
                self._put(separator + "[")
                self._value(key, depth + 1)
                self._put(",")
                self._value(item, depth + 1)
                self._put("]")
                separator = ","
        self._put("]}")
        self._open.discard(id(value))

    def _int(self, value):
        if value.bit_length() > 4 * MAX_TEXT:
            raise TooLarge("size")
        # CPython refuses longer decimals, and a program may have set that limit.
        if value.bit_length() < 2100:
            return f'"int","v":"{value}"'
        limit = sys.get_int_max_str_digits()
        sys.set_int_max_str_digits(MAX_DIGITS)
        try:
            return f'"int","v":"{value}"'
        except ValueError:
            return f'"int","x":"{value:x}"'
        finally:
            sys.set_int_max_str_digits(limit)

    def _str(self, value):
        if len(value) > MAX_TEXT:
            raise TooLarge("size")
        return '"str","v":' + self._quoted(value)

    def _bytes(self, kind, value):
        if len(value) > MAX_TEXT // 2:
            raise TooLarge("size")
        return f'"{kind}","v":"{value.hex()}"'

    def _other(self, value, kind):
        name = type.__dict__["__name__"].__get__(kind)
        text = f'{{"t":"other","type":{self._quoted(name[:MAX_REPR])}'
        try:
            shown = repr(value)
            if type(shown) is str:
                text += f',"repr":{self._quoted(shown[:MAX_REPR])}'
        except Exception:
            pass  # its own representation fails: the name says enough
        self._put(text + "}")


