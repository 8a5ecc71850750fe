#!/usr/bin/env python3
"""Computes what an approval is bound to, by the rules of spec/README.md: a second implementation.

    python3 spec/approvals.py [--check]    # writes spec/approvals.json; with --check, exits with 1 if it differs

Each vector has the documents of the layers, lowest first, a flag and its state. The results are the canonical form of
each declaration and segment, and the text and the digest of the definition. The file is append-only. Needs Python 3.11.
"""

import datetime
import hashlib
import json
import re
import sys
import tomllib
from pathlib import Path

FILE = Path(__file__).with_name("approvals.json")
STATE = {"on", "rollout", "stage"}
METADATA = {"description", "owner", "kind", "created", "expires", "gate", "allow", "approval"}
REPLACED = "0" * 64


class Number(str):
    """A number as the document has it."""


def parse(document):
    if document["format"] == "json":
        return json.loads(document["text"], parse_int=Number, parse_float=Number)
    return tomllib.loads(document["text"], parse_float=lambda text: Number(text.replace("_", "")))


# --- The canonical form ---


def tagged(value):
    """The value with texts instead of numbers and dates, and with a prefix of each text."""
    if isinstance(value, dict):
        return {key: tagged(item) for key, item in value.items()}
    if isinstance(value, list):
        return [tagged(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (Number, int)):
        return "n:" + ("0" if value == "-0" else str(value))
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        # The parser does not keep which of Z and +00:00 a date has. The vectors have only Z.
        text = re.sub(r"(\.\d*?)0+(?=$|[Z+-])", r"\1", value.isoformat())
        return "t:" + text.replace("+00:00", "Z")
    return "t:" + value


def canonical(value):
    return json.dumps(tagged(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


# --- Definitions ---


def declaration(flag):
    """The parts of a declaration that its digest covers: neither the state nor metadata."""
    return {key: value for key, value in flag.items() if key not in STATE | METADATA} if isinstance(flag, dict) else {}


def definition(layers, key, state):
    """The text that an approval of the flag signs by its digest, and the canonical forms that it is made of."""
    lines, forms, rules, segments = [], [], [], {}
    for document in layers:
        segments |= document.get("segments", {})
        if key not in document["flags"]:
            continue
        flag = document["flags"][key]
        inherits = isinstance(flag, dict) and flag.get("inherit", False)
        if part := declaration(flag):
            forms.append(canonical(part))
            lines.append(f"declaration: {sha256(forms[-1])}")
        elif lines:
            lines.append(f"declaration: {REPLACED}")
        rules = part.get("rules", rules if inherits else [])
    names = set()
    for rule in rules:
        segment = rule.get("segment", [])
        names |= set(segment if isinstance(segment, list) else [segment])
    for name in sorted(names, key=lambda name: name.encode("utf-8")):
        forms.append(canonical(segments[name]))
        lines.append(f"segment {name}: {sha256(forms[-1])}")
    lines = ["flagkit-definition-v1", f"flag: {key}", f"state: {state}"] + lines
    return "".join(line + "\n" for line in lines), forms


# --- Statements ---

FIELDS = ["env", "flag", "before", "after", "to", "serial", "release", "checks", "gate", "confirm", "humans", "by", "at"]


def statement(fields):
    """The text that a person signs."""
    lines = ["flagkit-approval-v1"] + [f"{name}: {fields.get(name, '-')}" for name in FIELDS]
    return "".join(line + "\n" for line in lines)


# --- Vectors ---

DECLARED = """
# Who sees the search.
[flags.search-v2]
description = "Search by meaning"
owner = "search@example.com"
kind = "release"
created = 2026-11-20
gate = "standard"
allow = { unused = "for drills" }
salt = "search"
requires = ["new-index"]
variants = { control = 50, blue = 25.5, red = 24.5 }
values.blue = { z = 1, primary = "#00f", "\\"quoted\\"" = [true, 0x1F, 1_000, +7, -0, 1_0.5_0, 1e3] }
[[flags.search-v2.rules]]
segment = ["staff", "press"]
subjects = ["u1", 17]
[[flags.search-v2.rules]]
segment = "staff"
if = { joined.after = 2027-02-01 12:00:00Z, left.before = 2027-02-01T12:00:00.500+01:00, day.in = ["2027-02-01"] }
rollout = 50

[segments.staff]
if = { email.ends_with = "@example.com" }
excluded = ["u8"]
[segments.press]
included = ["u7"]
[segments.others]
included = ["u9"]
"""
SAME_IN_JSON = r"""{"segments": {"press": {"included": ["u7"]},
  "staff": {"excluded": ["u8"], "if": {"email": {"ends_with": "@example.com"}}}},
 "flags": {"search-v2": {"on": true, "rollout": "5%", "salt": "s\u0001\u001f\u007f\b\f\n\r\t\"\\\/é😀",
  "variants": {"v": 1}, "values": {"v": {"n": null, "e": {}, "l": []}},
  "rules": [{"if": {"b": {"in": [1, 1.0, 1e0, -0, "1", true]}}}, {"segment": "staff"}]}}}"""
STATE_ONLY = "[flags.search-v2]\non = true\nrollout = 10\n"
INHERITS = "[flags.search-v2]\ninherit = true\non = true\nrollout = 10\n"
MIGRATION = 'flags.split-name = { kind = "migration", stage = "live", partition = "tenant", rollout = 25 }\n'
SEGMENT = '[flags]\n[segments.staff]\nincluded = ["é", "u1"]\n'


def cases():
    toml = lambda *texts: [{"format": "toml", "text": text} for text in texts]
    yield toml(DECLARED), "search-v2", "off"
    yield toml(DECLARED, INHERITS), "search-v2", "10%"
    yield toml(DECLARED, STATE_ONLY), "search-v2", "10%"
    yield toml(DECLARED, "flags.search-v2 = true\n"), "search-v2", "on"
    yield toml(DECLARED, STATE_ONLY, INHERITS), "search-v2", "10%"
    yield toml(DECLARED, SEGMENT, INHERITS), "search-v2", "10%"
    yield toml(DECLARED, INHERITS + "rules = []\n"), "search-v2", "0%"
    yield toml(STATE_ONLY), "search-v2", "10%"
    yield toml(STATE_ONLY, STATE_ONLY), "search-v2", "0.000001%"
    yield toml("[flags]\n", STATE_ONLY + 'by = "account"\n'), "search-v2", "10%"
    yield toml("[flags]\n"), "search-v2", "off"
    yield toml(MIGRATION), "split-name", "live@25%"
    yield toml(MIGRATION, 'flags.split-name = { stage = "ramp-down" }\n'), "split-name", "ramp-down"
    yield [{"format": "json", "text": SAME_IN_JSON}], "search-v2", "5%"


def vectors():
    for layers, key, state in cases():
        text, forms = definition([parse(layer) for layer in layers], key, state)
        yield {
            "layers": layers, "flag": key, "state": state, "canonical": forms, "definition": text,
            "digest": "sha256:" + sha256(text),
        }


def statements():
    digest = "sha256:" + sha256("")
    fields = {
        "env": "prod", "flag": "search-v2", "before": digest, "after": "sha256:" + sha256("a"), "to": "10%",
        "serial": 1795946591, "gate": "sha256:" + sha256("b"), "confirm": "signed", "humans": 2,
        "by": "alice@example.com", "at": "2026-11-29T10:03:11Z",
    }
    for more in [{}, {"release": "3f2c9d1", "checks": digest}, {"confirm": "touch+pin", "to": "live@25%"}]:
        yield {"fields": fields | more, "text": statement(fields | more)}


def content():
    document = {"format": 1, "definitions": list(vectors()), "statements": list(statements())}
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        if FILE.read_text(encoding="utf-8") != content():
            sys.exit(f"{FILE} differs from what this program computes")
    else:
        FILE.write_text(content(), encoding="utf-8")
