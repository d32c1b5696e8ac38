"""How a file that is right becomes a mutant: bytes that change, and content that no writer of customers would make."""

import os
import struct
from pathlib import Path
from random import Random

import h5py
import numpy as np

from bases import NAMES, Base

MANY = 10**6  # values, above which they are only claimed by an earlier change

# ---- bytes ----------------------------------------------------------------------------------------------------------


def place(base: Base, random: Random) -> int:
    """Mostly within the metadata, where a byte means more."""
    if base.metadata and random.random() < 0.75:
        spans = random.choices(base.metadata, [len(span) for span in base.metadata])
        return random.choice(spans[0])
    return random.randrange(len(base.content))


def flip(base, content, random):
    for _ in range(random.choice([1, 1, 1, 2, 4, 16])):
        at = min(place(base, random), len(content) - 1)
        bit, byte = content[at] ^ 1 << random.randrange(8), random.randrange(256)
        content[at] = random.choice([bit, 0, 0xFF, 0x7F, 0x80, byte])


def overwrite_number(base, content, random):
    """Sizes and addresses are numbers of two to eight bytes."""
    size = random.choice([2, 4, 8])
    at = min(place(base, random), len(content) - size)
    number = random.choice([0, 1, 2**(8 * size) - 1, 2**(8 * size - 1), 2**(8 * size - 1) - 1, len(content), at, 96])
    content[at:at + size] = (number % 2**(8 * size)).to_bytes(size, "little")


def cut(base, content, random):
    del content[place(base, random) if random.random() < 0.5 else random.randrange(len(content)):]


def zero(base, content, random):
    at, length = place(base, random), random.choice([1, 8, 64, 512, 4096])
    end = min(at + length, len(content))
    content[at:end] = bytes(max(end - at, 0))


def insert(base, content, random):
    at = place(base, random)
    content[at:at] = random.randbytes(random.choice([1, 4, 8, 512]))


def remove(base, content, random):
    at = place(base, random)
    del content[at:at + random.choice([1, 8, 512])]


def repeat(base, content, random):
    """A piece of the file at another place of it."""
    length = random.choice([8, 40, 96, 512])
    piece = content[(start := place(base, random)):start + length]
    at = place(base, random)
    content[at:at + len(piece)] = piece


BYTES = [flip, flip, flip, overwrite_number, overwrite_number, overwrite_number, cut, zero, insert, remove, repeat]

# ---- content --------------------------------------------------------------------------------------------------------


def datasets(file) -> list[str]:
    found = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return sorted(found)


def objects(file) -> list[str]:
    found = [""]
    file.visit(found.append)
    return sorted(found)


def take(file, random) -> tuple[str, tuple, np.dtype, dict]:
    """Removes a dataset: its name, shape, type and attributes."""
    name = random.choice(datasets(file))
    item = file[name]
    kept = {key: item.attrs[key] for key in item.attrs}
    shape, dtype = item.shape, item.dtype
    del file[name]
    return name, shape, dtype, kept


def give_back(file, name, kept):
    for key, value in kept.items():
        file[name].attrs[key] = value


def other_shape(file, random):
    name, shape, dtype, kept = take(file, random)
    rows = shape[0] if shape else 1
    shapes = [(), (0,), (0, 3), (rows,), (rows, 1), (rows, 3, 2), (rows + 1, 3), (rows - 1,), (1, rows), (3, rows),
              (1,), (1, 1), (rows, 0), (2,) * 8]
    file.create_dataset(name, random.choice(shapes), dtype)
    give_back(file, name, kept)


def huge_shape(file, random):
    """Sizes that are claimed; no values are stored."""
    name, shape, dtype, kept = take(file, random)
    large = random.choice([2**20 + 1, 2**31, 2**33, 2**40, 2**40 + 1, 2**62, 2**63, 2**64 - 2])
    width = shape[1:] if random.random() < 0.5 else (random.choice([1, 3, 2**20, 2**31]),)
    space = h5py.h5s.create_simple((large, *width) if len(shape) != 1 else (large,))
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if random.random() < 0.5:
        creation.set_chunk((random.choice([1, 1024, 2**20]),) * len(space.shape))
    try:
        h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(dtype, logical=True), space, creation)
    except (ValueError, OverflowError, RuntimeError):
        file.create_dataset(name, (2**33,), "i1", chunks=(1024,))
    give_back(file, name, kept)


def other_type(file, random):
    name, shape, _, kept = take(file, random)
    types = ["f2", "f4", "f8", ">f8", "i1", ">u8", "S1", "S7", "S65535", "S65537", "V5", "c16", "?", "longdouble",
             h5py.string_dtype(), h5py.string_dtype("ascii", 3), h5py.vlen_dtype("i4"), h5py.ref_dtype,
             h5py.regionref_dtype, h5py.enum_dtype({"no": 0, "yes": 1}), h5py.enum_dtype({"a": 1, "b": 70000}, "i4"),
             np.dtype([("a", "i4"), ("b", "S3")]), np.dtype(("f4", (3,)))]
    kind = random.choice(types)
    rows = shape[0] if shape else 1
    file.create_dataset(name, (min(rows, 2000),) if np.dtype(kind).itemsize > 60000 else shape, kind,
                        chunks=True if shape and 0 not in shape and random.random() < 0.3 else None)
    give_back(file, name, kept)


def no_space(file, random):
    name, _, dtype, kept = take(file, random)
    file[name] = h5py.Empty(dtype)
    give_back(file, name, kept)


def opaque_type(file, random):
    """Types that h5py does not make by itself: bits, times, odd offsets and paddings."""
    name, shape, _, kept = take(file, random)
    odd = h5py.h5t.STD_I32LE.copy()
    odd.set_precision(7)
    odd.set_offset(3)
    text = h5py.h5t.C_S1.copy()
    text.set_size(random.choice([1, 2, 2**20, 2**30, 2**32 - 2]))
    kinds = [h5py.h5t.STD_B8LE, h5py.h5t.STD_B64BE, h5py.h5t.UNIX_D32LE, odd, text]
    space = h5py.h5s.create_simple(shape or (1,))
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if random.random() < 0.5:
        creation.set_chunk(tuple(1 for _ in space.shape))
    try:
        h5py.h5d.create(file.id, name.encode(), random.choice(kinds), space, creation)
    except (ValueError, RuntimeError):
        file.create_dataset(name, shape, "i1")
    give_back(file, name, kept)


def storage(file, random):
    """Chunks of other sizes, filters, and a last chunk that is missing."""
    name = random.choice(datasets(file))
    item = file[name]
    if not item.shape or not 0 < item.size <= MANY:
        return
    values, kept = item[()], {key: item.attrs[key] for key in item.attrs}
    dtype = item.dtype
    del file[name]
    options = [{"compression": "gzip"}, {"compression": "lzf"}, {"shuffle": True, "compression": 9},
               {"fletcher32": True}, {"scaleoffset": 1}, {}]
    chunks = tuple(random.choice([1, max(size // 3, 1), size]) for size in values.shape)
    try:
        made = file.create_dataset(name, data=values, dtype=dtype, chunks=chunks, **random.choice(options))
    except (ValueError, TypeError, RuntimeError):
        made = file.create_dataset(name, data=values, dtype=dtype, chunks=chunks)
    if made.compression and random.random() < 0.5:
        rubbish = random.randbytes(random.choice([0, 1, 50])) or b"\x78\x9c"
        made.id.write_direct_chunk((0,) * len(chunks), rubbish, filter_mask=random.choice([0, 1, 0xFFFFFFFF]))
    give_back(file, name, kept)


def unknown_filter(file, random):
    name, shape, dtype, kept = take(file, random)
    if not shape or 0 in shape:
        file.create_dataset(name, shape, dtype)
        return
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk(shape)
    creation.set_filter(32000, h5py.h5z.FLAG_OPTIONAL)
    kind, space = h5py.h5t.py_create(dtype, logical=True), h5py.h5s.create_simple(shape)
    made = h5py.h5d.create(file.id, name.encode(), kind, space, creation)
    made.write_direct_chunk((0,) * len(shape), random.randbytes(100))
    give_back(file, name, kept)


def elsewhere(file, random) -> str:
    """A path that must not simply be opened. The pipe would wait for a writer for ever."""
    return random.choice(["pipe", "/dev/zero", "/etc/hostname", "missing", ".", Path(file.filename).name, "other.h5"])


def external_storage(file, random):
    name, shape, dtype, kept = take(file, random)
    bytes_needed = int(np.prod(shape or (1,))) * dtype.itemsize
    external = [(elsewhere(file, random), random.choice([0, 5]), bytes_needed)]
    try:
        file.create_dataset(name, shape or (1,), dtype, external=external)
    except (ValueError, RuntimeError, TypeError):
        file.create_dataset(name, shape or (1,), "f4", external=[("pipe", 0, h5py.h5f.UNLIMITED)])
    give_back(file, name, kept)


def virtual(file, random):
    name, shape, dtype, kept = take(file, random)
    shape = shape or (1,)
    layout = h5py.VirtualLayout(shape, dtype)
    place_in_file = random.choice([name, "other", "/"])
    layout[...] = h5py.VirtualSource(random.choice([".", elsewhere(file, random)]), place_in_file, shape, dtype)
    file.create_virtual_dataset(name, layout)
    give_back(file, name, kept)


def soft_link(file, random):
    name, _, _, _ = take(file, random)
    target = random.choice(["/" + name, "/missing", "/", "/" + (datasets(file) or ["a"])[0], "."])
    file[name] = h5py.SoftLink(target)


def external_link(file, random):
    name, _, _, _ = take(file, random)
    file[name] = h5py.ExternalLink(elsewhere(file, random), random.choice(["/", "/" + name, "/missing"]))


def loop(file, random):
    """A group that holds itself, or that stands where a dataset is expected."""
    name, _, _, _ = take(file, random)
    group = file.create_group(name)
    group["data"] = random.choice([file["/"], group])
    group["customer_id"] = random.choice([file["/"], group, h5py.SoftLink("/" + name)])


def named_type(file, random):
    name, _, dtype, _ = take(file, random)
    file[name] = dtype if dtype.kind in "fiu" else np.dtype("f4")


def many_members(file, random):
    name, shape, _, _ = take(file, random)
    group = file.create_group(name)
    for number in range(random.choice([1, 300])):
        group.create_dataset("x" * random.choice([1, 1023, 5000]) + f"{number}\n\x7f", (shape or (1,))[:1], "f4")


def attribute(file, random):
    item = file[random.choice(objects(file)) or "/"]
    names = [*item.attrs, "feature_names", "pandas_type", "value_type", "unit", "rhdf5-NA.OK"]
    name = random.choice(names)
    values = [np.int8(-1), np.uint64(2**64 - 1), np.float64("nan"), np.float64(-1e308), "", "frame", "lohko",
              "a" * 60000, "\x01\n\x1b[31m", np.array([b"\xff\xfe", b"\x00a"]), np.array([b"a"] * 3),
              np.array(NAMES[:2], "S9"),
              np.arange(3), np.zeros((2, 2)), h5py.Empty("f4"), h5py.Empty(h5py.string_dtype()), np.array([], "S3"),
              np.array(["a", "b", "a"], h5py.string_dtype()), np.array([("x", 1)], [("a", "S1"), ("b", "i4")]),
              np.array([b" " * 40] * 3), file["/"].ref]
    if name in item.attrs and random.random() < 0.3:
        del item.attrs[name]
    else:
        item.attrs[name] = random.choice(values)


def fill_value(file, random):
    name, shape, dtype, kept = take(file, random)
    if dtype.kind not in "fiu":
        dtype = np.dtype("f4")
    file.create_dataset(name, shape, dtype, fillvalue=random.choice([0, 1, 100]))
    give_back(file, name, kept)


def values(file, random):
    """Numbers that are no numbers, that are too large, that are all the same, or that are in no order."""
    item = file[random.choice(datasets(file))]
    if item.dtype.kind not in "fiu" or not 0 < item.size <= MANY:
        return
    flat = item[()].reshape(-1)
    count = random.choice([1, max(1, flat.size // 2), flat.size])
    places = np.random.default_rng(random.randrange(2**32)).integers(0, flat.size, count)
    if item.dtype.kind == "f":
        most = float(np.finfo(item.dtype).max)
        tiny = float(np.finfo(item.dtype).tiny) / 4
        wrong = random.choice([np.nan, np.inf, -np.inf, most, -most, tiny, 0.0, -1.0, 0.5])
    else:
        limits = np.iinfo(item.dtype)
        wrong = random.choice([limits.min, limits.max, 0, min(limits.max, 2**31), -1 if limits.min < 0 else 1, 2])
    flat[places] = wrong
    item[...] = flat.reshape(item.shape)


def delete(file, random):
    del file[random.choice(objects(file)[1:])]


def rename(file, random):
    name = random.choice(objects(file)[1:])
    file.move(name, name + random.choice(["x", "é", " ", "\n", "_values", "y" * 3000]))


def swap(file, random):
    first, second = random.choice(datasets(file)), random.choice(datasets(file))
    if first != second:
        file.move(first, "away")
        file.move(second, first)
        file.move("away", second)


CONTENT = [other_shape, huge_shape, other_type, other_type, no_space, opaque_type, storage, unknown_filter,
           external_storage, virtual, soft_link, external_link, loop, named_type, many_members, attribute, attribute,
           attribute, fill_value, values, values, values, delete, rename, swap]


def surroundings(directory: Path):
    """What a mutant may point at."""
    if not (directory / "pipe").exists():
        os.mkfifo(directory / "pipe")
    (directory / "other.h5").write_bytes(struct.pack("<8sQ", b"\x89HDF\r\n\x1a\n", 0))


def is_done(change, file, random) -> bool:
    """What the library refuses to write is no mutant, though what was done before stays."""
    try:
        change(file, random)
    except (ValueError, KeyError, RuntimeError, TypeError, OSError, OverflowError):
        return False
    return True


def write_mutant(base: Base, path: Path, random: Random) -> str:
    """Writes one mutant of the base to `path`; returns what was done. The same random numbers make the same file."""
    done = []
    content = bytearray(base.content)
    path.write_bytes(content)
    if random.random() < 0.4:
        with h5py.File(path, "r+") as file:
            for _ in range(random.choice([1, 1, 1, 2])):
                change = random.choice(CONTENT)
                done += [change.__name__] if datasets(file) and is_done(change, file, random) else []
        content = bytearray(path.read_bytes())
    if not done or random.random() < 0.1:
        for _ in range(random.choice([1, 1, 2])):
            change = random.choice(BYTES)
            if len(content) > 8:
                change(base, content, random)
                done.append(change.__name__)
        path.write_bytes(content)
    return " and ".join(done)
