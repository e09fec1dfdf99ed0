# SPDX-License-Identifier: MIT
"""Event files made byte by byte, for the tests of `keratin events`.

An encoder of its own, so that the command is not tested with the library's: it also makes what no writer makes, such as
wall times that are no numbers and tags that are no UTF-8. Numbers handed to `number` and `message` are those of
protobuf fields; 7 is the dtype of strings.
"""
import os
import struct

TABLE = []
for i in range(256):
    for _ in range(8):
        i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
    TABLE.append(i)


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def record(payload):
    head = struct.pack("<Q", len(payload))
    return head + struct.pack("<I", masked_crc(head)) + payload + struct.pack("<I", masked_crc(payload))


def varint(n):
    n &= 2**64 - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def message(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def event(wall, step, content):
    return record(b"\x09" + struct.pack("<d", wall) + (number(2, step) if step else b"") + content)


def version(wall=1.6e9):
    return event(wall, 0, message(3, "brain.Event:2"))


def tensor(dtype, shape, content=b"", strings=()):
    dims = b"".join(message(2, number(1, d) if d else b"") for d in shape)
    return (number(1, dtype) + message(2, dims) + (message(4, content) if content else b"")
            + b"".join(message(8, s) for s in strings))


def value(tag, plugin, body, content=b""):
    data = message(1, plugin) + (message(2, content) if content else b"")
    return message(1, message(1, tag) + message(8, body) + message(9, message(1, data)))


def summary(wall, step, *values):
    return event(wall, step, message(5, b"".join(values)))


def scalar(tag, x):
    return value(tag, "scalars", tensor(1, [], struct.pack("<f", x)))


def double_scalar(tag, x):
    return value(tag, "scalars", tensor(2, [], struct.pack("<d", x)))


def simple_value(tag, x):
    return message(1, message(1, tag) + b"\x15" + struct.pack("<f", x))


def histogram(tag, rows):
    flat = [x for row in rows for x in row]
    return value(tag, "histograms", tensor(2, [len(rows), 3], struct.pack("<%dd" % len(flat), *flat)))


def text(tag, strings, shape=()):
    return value(tag, "text", tensor(7, list(shape), strings=strings))


def image(tag, files):
    return value(tag, "images", tensor(7, [2 + len(files)], strings=["4", "3"] + list(files)))


def pr_curve(tag, numbers):
    return value(tag, "pr_curves", tensor(1, [6, len(numbers) // 6], struct.pack("<%df" % len(numbers), *numbers)),
                 b"\x10\x02")


def hparams(tag, content):
    return value(tag, "hparams", tensor(1, [0]), content)


def graph(wall):
    return event(wall, 0, message(4, message(1, message(1, "x") + message(2, "Placeholder"))))


def restart(wall, step):
    return event(wall, step, message(7, number(1, 1)))


def write(folder, *records, name="events.out.tfevents.1600000000.host.1.0.v2", age=3600):
    """Writes one file; its modification time is an hour ago, as of a program that has ended."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(b"".join(records))
    if age:
        then = os.stat(path).st_mtime - age
        os.utime(path, (then, then))
    return path


def curve(tag, values, wall=1.6e9, first=0, every=1, seconds=1.0):
    """A summary for each value, at rising steps and times."""
    return [summary(wall + i * seconds, first + i * every, scalar(tag, x)) for i, x in enumerate(values)]
