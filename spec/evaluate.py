#!/usr/bin/env python3
"""Evaluates flags by the rules of spec/README.md: a second implementation, to verify the Rust code.

    evaluate.py --check     runs the cases of spec/evaluate/

Documents must be valid, with two exceptions: prerequisites may be undeclared, cyclic or too deep,
and segments may be undeclared. Needs Python 3.11 and `pip install xxhash`.
"""

import datetime
import functools
import ipaddress
import math
import operator
import pathlib
import re
import sys
import tomllib
from decimal import Decimal
from fractions import Fraction

import xxhash

BUCKETS = 2**31
MAX_DEPTH, MAX_PATHS = 32, 1_000
MISSING = object()


def parse(text):
    """Parses a document. Decimals keep their exact digits."""
    return tomllib.loads(text, parse_float=Decimal)


def evaluate(layers, key, id=None, attributes=None):
    """Evaluates one flag of the layers, lowest first, for one subject: {"on", "reason", "rule", "variant", "stage"}."""
    return Evaluator(*merge(layers), as_hashed(id), attributes or {}).flag(key)


def result(on, reason, rule=None, variant=None, stage=None):
    return {"on": on, "reason": reason, "rule": rule, "variant": variant, "stage": stage}


# --- Verdicts: True is yes, False is no, None is unknown ---


def all_of(verdicts):
    verdicts = set(verdicts)
    return False if False in verdicts else None if None in verdicts else True


def any_of(verdicts):
    verdicts = set(verdicts)
    return True if True in verdicts else None if None in verdicts else False


# --- Layers ---

IDENTITY = {"salt", "by", "partition"}
PARTS = {"on", "rollout", "requires", "rules", "variants"}


def merge(layers):
    """The document that the layers make together, and the flags that are invalid for lack of something to inherit."""
    flags, segments, incomplete, invalid = {}, {}, set(), set()
    for document in layers:
        segments = segments | document.get("segments", {})
        for key, flag in document["flags"].items():
            flag = long_form(flag)
            inherits = flag.get("inherit", False)
            below = flags.get(key, {})
            lacks = inherits and (key not in flags or key in incomplete)
            incomplete = incomplete | {key} if lacks else incomplete - {key}
            invalid = invalid | {key} if lacks and flag.get("on") is not False else invalid - {key}
            kept = IDENTITY | PARTS if inherits else IDENTITY
            if is_migration(below):
                # A switch that is off is the stage off. Another layer cannot make it a flag with a switch.
                flag = {"stage": "off"} if flag == {"on": False} else flag
                kept = kept | {"kind", "stage"}
            flags[key] = {part: value for part, value in below.items() if part in kept} | flag
    return {"flags": flags, "segments": segments}, invalid


STAGES = ["off", "dual-write", "shadow", "live", "ramp-down", "complete", "contracted"]


def is_migration(flag):
    return flag.get("kind") == "migration" or "stage" in flag


# --- A document and a subject ---


class Evaluator:
    def __init__(self, document, invalid, id, attributes):
        self.flags = document["flags"]
        self.segments = document.get("segments", {})
        self.id = id
        self.attributes = attributes
        self.flag = functools.cache(self.decide)
        self.without_base = invalid
        self.invalid = invalid | self.with_undeclared_segments()
        self.invalid |= self.with_invalid_prerequisites()

    def with_invalid_prerequisites(self):
        """The flags with a cycle of prerequisites, more than 32 in a chain, or more than 1,000 paths."""
        paths = {}
        for _ in range(MAX_DEPTH + 1):
            known, paths = paths, {}
            for key, flag in self.flags.items():
                required = [] if key in self.invalid else [k for k in flag.get("requires", []) if k in self.flags]
                if all(k in known for k in required):
                    paths[key] = sum(1 + known[k] for k in required)
        return {key for key in self.flags if not paths.get(key, MAX_PATHS + 1) <= MAX_PATHS}

    def with_undeclared_segments(self):
        return {
            key
            for key, flag in self.flags.items()
            for rule in flag.get("rules", [])
            # A flag that is off is valid, whatever else is wrong with it.
            if flag.get("on", False) and not set(as_list(rule.get("segment", []))) <= self.segments.keys()
        }

    def decide(self, key):
        if key not in self.flags:
            return result(False, "not-found")
        flag = self.flags[key]
        if key in self.without_base:
            return result(False, "invalid")
        if is_migration(flag):
            return self.at_stage(key, flag)
        if not flag.get("on", False):
            return result(False, "off")
        if key in self.invalid:
            return result(False, "invalid")
        if not all(self.flag(required)["on"] for required in flag.get("requires", [])):
            return result(False, "prerequisite")
        for index, rule in enumerate(flag.get("rules", [])):
            if self.rule_matches(rule):
                by = rule.get("by", flag.get("by"))
                return self.roll_out(key, rule.get("rollout", 100), by, index, rule.get("variant"))
        return self.roll_out(key, flag.get("rollout", 100), flag.get("by"), None, None)

    def at_stage(self, key, flag):
        """The stage of a migration. The partitions that have not reached it are at the one before."""
        stage = flag.get("stage", "off")
        if "partition" in flag:
            hashed = as_hashed(self.attributes.get(flag["partition"]))
            if hashed is None:
                return result(False, "missing-bucketing-value")
            threshold = math.floor(percentage(flag.get("rollout", 100)) * BUCKETS / 100)
            if not point(flag.get("salt", key), hashed) < threshold:
                stage = STAGES[max(STAGES.index(stage) - 1, 0)]
        return result(False, "migration", stage=stage)

    def roll_out(self, key, rollout, by, rule, variant):
        flag = self.flags[key]
        salt = flag.get("salt", key)
        hashed = self.id if by is None else as_hashed(self.attributes.get(by))
        rollout = percentage(rollout)
        if rollout == 100:
            on, reason = True, "on"
        elif hashed is None:
            on, reason = False, "missing-bucketing-value"
        else:
            on, reason = point(salt, hashed) < math.floor(rollout * BUCKETS / 100), "rollout"
        if not on:
            variant = None
        elif variant is None and "variants" in flag:
            variant = sole_variant(flag["variants"])
            if variant is None and hashed is not None:
                variant = assigned_variant(flag["variants"], point(salt + ":variant", hashed))
        return result(on, reason, rule, variant)

    def rule_matches(self, rule):
        stated = [self.conditions(rule)]
        if "subjects" in rule:
            stated.append(self.is_listed(rule["subjects"]))
        if "segment" in rule:
            stated.append(any_of(self.belongs(self.segments[name]) for name in as_list(rule["segment"])))
        return all_of(stated) is True

    def belongs(self, segment):
        if self.is_listed(segment.get("excluded", [])):
            return False
        if self.is_listed(segment.get("included", [])):
            return True
        if "if" not in segment and "any" not in segment:
            return False
        return self.conditions(segment)

    def is_listed(self, ids):
        return self.id is not None and self.id in [as_hashed(id) for id in ids]

    def conditions(self, owner):
        """The verdict of `if` and `any` of a rule or segment."""
        stated = []
        if "if" in owner:
            stated.append(self.table(owner["if"]))
        if "any" in owner:
            stated.append(any_of(self.table(table) for table in owner["any"]))
        return all_of(stated)

    def attribute(self, name):
        value = self.attributes.get(name)
        return MISSING if value is None else value

    def table(self, table):
        return all_of(
            holds(name, operand, self.attribute(attribute))
            for attribute, condition in table.items()
            for name, operand in operators(condition)
        )


def long_form(flag):
    if isinstance(flag, bool):
        return {"on": flag}
    if isinstance(flag, str):
        return {"on": True, "rollout": flag}
    return flag


def as_list(value):
    return value if isinstance(value, list) else [value]


# --- Bucketing ---


def as_hashed(value):
    """The text to hash: a non-empty string or an integer; None for other values."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def percentage(value):
    return Fraction(value.removesuffix("%") if isinstance(value, str) else value)


def point(salt, hashed):
    seed = xxhash.xxh3_64_intdigest(salt.encode()) & 0xFFFF_FFFF
    return xxhash.xxh3_64_intdigest(hashed.encode(), seed) >> 33


def sole_variant(variants):
    """The variant that has all the weight, if one has."""
    weighted = [name for name, weight in variants.items() if weight > 0]
    return weighted[0] if len(weighted) == 1 else None


def assigned_variant(variants, second_point):
    total = sum(Fraction(weight) for weight in variants.values())
    so_far = Fraction(0)
    for name in sorted(variants, key=str.encode):
        so_far += Fraction(variants[name])
        if second_point < math.floor(so_far * BUCKETS / total):
            return name
    raise AssertionError("the last cumulated weight covers every point")


# --- Conditions ---


def operators(condition):
    return condition.items() if isinstance(condition, dict) else [("in", condition)]


def holds(name, operand, value):
    if name == "exists":
        return (value is not MISSING) == operand
    if value is MISSING:
        return None
    if name in ("not", "not_in"):
        verdict = holds("in", operand, value)
        return None if verdict is None else not verdict
    if isinstance(value, list):
        name = "in" if name == "contains" else name
        return any_of(None if isinstance(each, list) else holds(name, operand, each) for each in value)
    if name == "in":
        return equals_one(value, [as_number(each) for each in as_list(operand)])
    if name in OF_NUMBERS:
        return OF_NUMBERS[name](value, as_number(operand)) if kind(value) == "number" else None
    return OF_TEXTS[name](value, operand) if kind(value) == "text" else None


def kind(value):
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "text"
    if isinstance(value, (int, float)) and not math.isnan(value):
        return "number"
    return None


def as_number(operand):
    """Converts a decimal to the nearest binary fraction. Python compares integers and fractions exactly."""
    return float(operand) if isinstance(operand, Decimal) else operand


def equals_one(value, operands):
    comparable = [operand for operand in operands if kind(operand) == kind(value)]
    return value in comparable if comparable or (kind(value) and not operands) else None


def contains(text, parts):
    parts = as_list(parts)
    texts = [part for part in parts if kind(part) == "text"]
    return any(part in text for part in texts) if texts or not parts else None


def matches(text, expression):
    """Replaces `$` by `\\Z`: in Python, `$` also matches before a final line feed."""
    if not re.search(r"\(\?[a-z]*m", expression):
        expression = re.sub(r"\\.|\[.[^]]*\]|\$", lambda part: r"\Z" if part[0] == "$" else part[0], expression)
    return re.search(expression.encode(), text.encode()) is not None


def compare_dates(text, operand, is_wanted):
    date = moment(text)
    return None if date is None else is_wanted(date, moment(operand))


def semver(text, requirements):
    parsed = version(text)
    return None if parsed is None else all(satisfies(parsed[1], each.strip()) for each in requirements.split(","))


def cidr(text, networks):
    address = ip_address(text)
    if address is None:
        return None
    return any(address in network for network in map(ip_network, as_list(networks)) if network.version == address.version)


OF_NUMBERS = {"lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge}

OF_TEXTS = {
    "contains": contains,
    "starts_with": lambda text, starts: text.startswith(tuple(as_list(starts))),
    "ends_with": lambda text, ends: text.endswith(tuple(as_list(ends))),
    "matches": matches,
    "before": lambda text, date: compare_dates(text, date, operator.lt),
    "after": lambda text, date: compare_dates(text, date, operator.gt),
    "semver": semver,
    "cidr": cidr,
}


def ip_address(text):
    try:
        address = None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def ip_network(text):
    network = ipaddress.ip_network(text, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None) if network.prefixlen >= 96 else None
    return ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}") if mapped else network


DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(\.\d+)?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII | re.IGNORECASE,
)
DAYS_IN_400_YEARS = 146_097


def moment(date):
    """The exact seconds from a fixed day to a date of RFC 3339; None for any other text."""
    if isinstance(date, datetime.datetime):
        date = date.isoformat()
    match = DATE.fullmatch(date)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups()[6:]
    try:
        # Python has no year 0. The calendar repeats every 400 years.
        days = datetime.date(400 + year % 400, month, day).toordinal() + year // 400 * DAYS_IN_400_YEARS
    except ValueError:
        return None
    seconds = days * 86_400 + hour * 3_600 + minute * 60 + min(second, 59) + Fraction(f"0{fraction or ''}")
    if sign:
        offset = int(offset_hours) * 3_600 + int(offset_minutes) * 60
        seconds += offset if sign == "-" else -offset
    return seconds


NUMBER = r"(?:0|[1-9]\d*)"
IDENTIFIER = rf"(?:{NUMBER}|\d*[A-Za-z-][0-9A-Za-z-]*)"
VERSION = re.compile(
    rf"({NUMBER}(?:\.{NUMBER}){{0,2}})(?:-({IDENTIFIER}(?:\.{IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)


def version(text):
    """The given parts of a version and its sort key; None for any other text."""
    match = VERSION.fullmatch(text)
    if match is None:
        return None
    parts = [int(part) for part in match[1].split(".")]
    return parts, (*filled(parts), match[2] is None, pre_release(match[2] or ""))


def filled(parts):
    return parts + [0] * (3 - len(parts))


def pre_release(text):
    return [(0, int(each)) if each.isdigit() else (1, each) for each in text.split(".") if each]


def end(parts, kept):
    """The exclusive upper bound of the versions that share the first `kept` parts, before the next pre-releases."""
    return (*filled(parts[: kept - 1] + [parts[kept - 1] + 1]), False, [])


def satisfies(ordered, requirement):
    requirement = re.sub(r"^([\d.]+?)(\.[*xX])+$", r"=\1", requirement)
    sign, text = re.fullmatch(r"(>=|<=|[=<>~^*]|)\s*(.*)", requirement).groups()
    if sign == "*" or text in ("x", "X"):
        return True
    parts, start = version(text)
    above = ordered >= start
    if sign in (">=", "<"):
        return above == (sign == ">=")
    if sign in ("=", "<=", ">"):
        within = ordered <= start if len(parts) == 3 else ordered < end(parts, len(parts))
        return {"=": above and within, "<=": within, ">": not within}[sign]
    if sign == "~":
        return above and ordered < end(parts, min(len(parts), 2))
    leftmost = next((index for index, part in enumerate(parts) if part), len(parts) - 1)
    return above and ordered < end(parts, leftmost + 1)


# --- The cases ---


def differences(path):
    """Yields None for each case that passes, otherwise the difference."""
    cases = tomllib.loads(path.read_text(encoding="utf-8"))
    layers = [parse(document) for document in cases.get("layers", [cases.get("document")])]
    for number, case in enumerate(cases["cases"], 1):
        words = [case.get(word) for word in ("rule", "variant", "stage")]
        expected = result(case["on"], case["reason"], *words)
        got = evaluate(layers, case["flag"], case.get("id"), case.get("attributes", {}))
        yield None if got == expected else f"{path.name}, case {number}: expected {expected}, got {got}"


def check():
    paths = sorted((pathlib.Path(__file__).parent / "evaluate").glob("*.toml"))
    outcomes = [outcome for path in paths for outcome in differences(path)]
    wrong = [outcome for outcome in outcomes if outcome is not None]
    print(*wrong, f"{len(outcomes)} cases in {len(paths)} files, {len(wrong)} differences", sep="\n")
    return 1 if wrong or not outcomes else 0


if __name__ == "__main__":
    sys.exit(check() if sys.argv[1:] == ["--check"] else __doc__)
