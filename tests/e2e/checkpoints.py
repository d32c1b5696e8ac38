"""The file of a checkpoint (src/data/checkpoint.h), taken apart and put together."""

import ctypes
import ctypes.util
import struct

import pytest

MAGIC = b"lohko checkpoint 1\n"
NAME, FACTS, HASH = 32, 4, 8  # bytes, entries that say what it belongs to, bytes


def xxh3(data: bytes) -> bytes:
    name = ctypes.util.find_library("xxhash")
    if not name:
        pytest.skip("there is no shared libxxhash")
    function = ctypes.CDLL(name).XXH3_64bits
    function.restype, function.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]
    return struct.pack("=Q", function(data, len(data)))


def take_apart(content: bytes) -> tuple[list, list]:
    """What it belongs to, and what was kept: names and bytes."""
    content, entries, at = content[:-HASH], [], len(MAGIC)
    while at < len(content):
        size = struct.unpack_from("=q", content, at + NAME)[0]
        begin = at + NAME + struct.calcsize("=q")
        entries.append((content[at : at + NAME], content[begin : begin + size]))
        at = begin + size
    return entries[:FACTS], entries[FACTS:]


def put_together(facts: list, entries: list) -> bytes:
    content = MAGIC + b"".join(name + struct.pack("=q", len(data)) + data for name, data in [*facts, *entries])
    return content + xxh3(content)
