#!/usr/bin/env python3
"""Generates golden vectors for the bucketing of flagkit, independently of its code.

    pip install xxhash
    python3 spec/bucketing.py [--check]    # writes spec/bucketing.json; with --check, exits with 1 if it differs

The formulas are frozen:

    seed      = low 32 bits of XXH3-64(salt in UTF-8)
    point     = XXH3-64(id in UTF-8, seed) >> 33
    threshold = floor(percent * 2^31 / 100)
    on        = point < threshold

Each line has one vector. "repeat" is the number of repetitions of the id; "id_integer" is the same id as a number. The
empty id has a point like any other. Evaluation, not bucketing, treats it as missing.

The file is append-only: new sections go to the end of `vectors`.
"""

import hashlib
import json
import sys
import uuid
from decimal import Decimal
from itertools import cycle
from pathlib import Path

import xxhash

FILE = Path(__file__).with_name("bucketing.json")
BUCKETS = 1 << 31
PERCENTS = ["0", "0.000001", "0.1", "1", "12.5", "33.333333", "50", "99.999999", "100"]
SALTS = ["search-v2", "new-checkout", "", "a", "\u00e9", "\U0001f6a9", "team.search_v2", "0123456789abcdef0", "s" * 300]
TEXTS = [
    "", " ", "a", "A", "0", "00", "-0", "+1", "1.0", "user-1", "User-1", "user-1 ", "a\tb", "a\nb", "\u0000", "a\u0000b",
    "a\u0000", "\u007f", "\"quoted\"", "back\\slash", "\u00e9", "e\u0301", "\u212b", "\u00c5", "A\u030a", "\u1e9b\u0323",
    "\ufb01", "fi", "\u00df", "ss", "\u0130", "i\u0307", "stra\u00dfe", "\u65e5\u672c\u8a9e", "\ud55c\uad6d\uc5b4",
    "\u1112\u1161\u11ab", "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627", "\u202eabc", "\u0661\u0662",
    "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1f5\U0001f1f9", "\u2764\ufe0f", "\u2764",
    "z\u0351\u0342\u0346", "\u200b", "\ufeff", "\uffff", "\U0010ffff", "someone@example.com", "urn:uuid:0", "a" * 17,
    "\u00e9" * 8, "\u00e9" * 64, "\U0001f600" * 32, "\u65e5" * 80, "\U0001f600" * 60 + "x", "\u00e9" * 130,
]
LONG = [("ab", 512), ("ab", 32768), ("a", 1023), ("a", 1025), ("x", 65535), ("x", 65537), ("\u00e9", 512),
        ("\U0001f600", 16384), ("user-", 999), ("\u0000", 4096)]


class Number(str):
    """The decimal text of an integer."""


def xxh3(data, seed=0):
    return xxhash.xxh3_64_intdigest(data.encode("utf-8"), seed=seed)


def seed_and_point(salt, text):
    seed = xxh3(salt) & 0xFFFFFFFF
    return seed, xxh3(text, seed) >> 33


def vector(salt, id, percent, repeat=None):
    seed, point = seed_and_point(salt, id * (repeat or 1))
    millionths = Decimal(percent) * 10**6
    assert millionths == int(millionths), percent
    threshold = int(millionths) * BUCKETS // 10**8
    made = {"salt": salt, "id": str(id)}
    if repeat:
        made["repeat"] = repeat
    if isinstance(id, Number):
        made["id_integer"] = str(id)
    return made | {"percent": percent, "seed": seed, "point": point, "threshold": threshold, "on": point < threshold}


def integers():
    edges = {sign * (10**digits + step) for digits in range(0, 39, 3) for sign in (1, -1) for step in (-1, 0, 1)}
    for bits in [8, 16, 32, 64, 128]:
        edges |= {0, 1, -1, (1 << bits) - 1, (1 << (bits - 1)) - 1, -(1 << (bits - 1)), -(1 << (bits - 1)) + 1}
    for bits in [8, 16, 32, 64]:
        edges |= {1 << bits, 1 << (bits - 1), -(1 << (bits - 1)) - 1}
    return [Number(number) for number in sorted(edges, key=lambda number: (abs(number), number))]


def uuids(count):
    return [str(uuid.UUID(bytes=hashlib.sha256(b"%d" % n).digest()[:16])) for n in range(count)]


def around(salt, id):
    """The greatest percentage that excludes the id, and the next one, which includes it."""
    millionths = seed_and_point(salt, id)[1] * 10**8 // BUCKETS
    while millionths * BUCKETS // 10**8 <= seed_and_point(salt, id)[1]:
        millionths += 1
    return [f"{Decimal(m).scaleb(-6):f}" for m in (millionths - 1, millionths)]


def vectors():
    percents = cycle(PERCENTS)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789-" * 8
    for salt in ["search-v2", "", "\U0001f6a9"]:
        yield from (vector(salt, letters[:length], next(percents)) for length in range(261))
    yield from (vector(letters[:length], "user-1", next(percents)) for length in range(261))
    yield from (vector(salt, text, percent) for salt in SALTS[:2] for text in TEXTS for percent in PERCENTS[4:7:2])
    yield from (vector(salt, text, next(percents)) for salt in SALTS[2:] for text in TEXTS[::4])
    yield from (vector(salt, number, next(percents)) for salt in SALTS[:4] for number in integers())
    yield from (vector(salt, id, percent) for salt in SALTS for id in ["user-1", "42"] for percent in PERCENTS)
    yield from (vector(f"flag-{n}", id, next(percents)) for n, id in enumerate(uuids(400)))
    yield from (vector(f"flag-{n % 7}", id, p) for n, id in enumerate(uuids(100)) for p in around(f"flag-{n % 7}", id))
    yield from (vector(salt, id, next(percents), repeat) for salt in SALTS for id, repeat in LONG)


def main():
    lines = ",\n".join(json.dumps(each, separators=(",", ":")) for each in vectors())
    text = '{"format":1,"vectors":[\n' + lines + "\n]}\n"
    if "--check" in sys.argv[1:]:
        return 0 if FILE.exists() and FILE.read_bytes() == text.encode("ascii") else f"{FILE.name} is out of date"
    FILE.write_bytes(text.encode("ascii"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
