#!/usr/bin/env python3
"""Generates documents and subjects, with the results of evaluate.py.

    generate.py LINES SEED [PAIRS]      the same seed gives the same lines in every version of Python

Each line has the TOML documents of one or two layers, lowest first, and ten evaluations, or the given number of them:

    {"layers": ["…"], "pairs": [{"flag": "x", "id": "u1", "attributes": {…}, "expected": {…}}, …]}

Fractions are written as {"float": "1.0"} and integers beyond 64 bits as {"integer": "…"}, because JSON parsers treat
both differently.
"""

import datetime
import ipaddress
import json
import math
import random
import re
import sys

from evaluate import STAGES, evaluate, parse

PAIRS = 10
DIGEST = "sha256:" + "0" * 64
# No evaluation here requires approvals, so this one has no effect.
APPROVAL = {
    "by": "a", "at": "2026-11-29T10:03:11Z", "to": "0%", "serial": 1, "before": DIGEST, "gate": DIGEST,
    "confirm": "signed", "humans": 1, "signature": "invalid",
}


class Literal(str):
    """A value in its document spelling: a date or a decimal."""


# --- Values of attributes and operands, chosen close to each other ---

TEXTS = [
    "PT", "ES", "pt", "P", "", " PT", "PTX", "É", "E\u0301", "é", "São Paulo", "1", "true", "a.b", "日本", "🦀", "\\",
    '"',
]
WHOLE = [
    0, 1, -1, 2, 3, 5, 9, 10, 11, 100, 255, 2**31, 2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2, 2**62 + 1, 2**63 - 1,
    -(2**53), -(2**53) - 1, -(2**63), 4503599627370497,
]
BEYOND = [2**63, 2**64 - 1, 2**64, 2**64 + 1, 2**100, -(2**63) - 1, -(2**100), 2**127 - 1, 2**127 - 2, -(2**127)]
LARGEST = [2**127, 2**127 + 1, 2**128 - 1]
FRACTIONS = [
    "0.0", "-0.0", "1.0", "1.0000000000000002", "0.9999999999999999", "0.1", "0.10000000000000001",
    "0.30000000000000004", "0.3", "2.5", "-1.5", "10.0", "9.999999999999998", "1e3", "1.5e-7", "5e-324",
    "4503599627370497.5", "4503599627370496.5", "9007199254740992.0", "9007199254740994.0", "9.223372036854775807e18",
    "-9.223372036854775808e18", "1e300", "0.1000000000000000055511151231257827",
]
NUMBERS = [1, 2, 3, 3, 10]
DAYS = ["2027-02-01", "2027-01-31", "2024-02-29", "2016-12-31", "0001-01-01", "9999-12-30", "0000-02-29"]
CLOCKS = ["00:00:00", "12:00:00", "11:59:59", "12:00:01", "23:59:59", "23:59:60", "00:30:00"]
SECOND_FRACTIONS = ["", "", "", ".0", ".5", ".500", ".999999999", ".000000001", ".000001", ".25"]
ZONES = ["Z", "Z", "Z", "+00:00", "-00:00", "+01:00", "-01:00", "+05:30", "+14:00", "-23:59", "+00:30"]
NO_DATES = [
    "2027-02-01T12:00:00", "2027-02-01", "2027-02-29T12:00:00Z", "2027-02-01T24:00:00Z", "2027-13-01T00:00:00Z",
    "2027-02-01T12:00Z", "2027-02-01T12:00:00+0100", "2027-02-01T12:00:00.Z", "2027-02-01T12:00:61Z", "", "now",
    " 2027-02-01T12:00:00Z", "2027-02-01T12:00:00+24:00", "1900-02-29T00:00:00Z",
]
PRE_RELEASES = [
    "alpha", "alpha.1", "alpha.beta", "beta", "beta.2", "beta.11", "rc.1", "0", "1", "10", "0a", "a-b", "--", "Alpha",
]
NO_VERSIONS = [
    "", "v1.2.3", "01.2.3", "1.2.3.4", "1.2.3-", "1.2.3-01", "1..2", "latest", "1.2.x", "*", "1.2.3+", "-1", " 1.2.3",
    "1.2.3-a..b",
]
NETWORKS = [
    "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/23", "10.1.2.3/32", "0.0.0.0/0", "128.0.0.0/1", "192.168.0.0/16",
    "2001:db8::/32", "2001:db8:8000::/33", "::1/128", "::/0", "fe80::/10", "10.1.2.3/8", "2001:db8::1/32",
    "::ffff:10.0.0.0/104", "::ffff:10.1.2.3", "::ffff:10.0.0.0/95",
]
ADDRESSES = [
    "10.0.0.1", "10.1.2.3", "10.1.3.255", "10.1.4.0", "11.0.0.0", "192.168.1.1", "255.255.255.255", "0.0.0.0",
    "127.0.0.1", "128.0.0.0", "2001:db8::1", "2001:DB8:8000::1", "2001:db9::", "::1", "::", "fe80::1", "febf::1",
    "fec0::1", "::ffff:10.1.2.3", "::ffff:a01:203", "::FFFF:192.168.1.1", "0:0:0:0:0:ffff:10.0.0.1",
    "1:2:3:4:5:6:7:8",
]
NO_ADDRESSES = [
    "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1/8", "10.0.0.1:80", "::ffff:10.0.0.256", ":::", "12345::",
    "localhost", "", " 10.0.0.1", "[::1]", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
]
EXPRESSIONS = [
    "a", "^a", "a$", "^$", "^[a-c]+$", "[^a]", "b+c", "(?i)ABC", "^a.c$", r"^\d+$", r"\w", r"^\w+$", r"\bcat\b",
    r"\s", "a|bc", "^(a|b)*c$", "a{2,3}", "^..$", r"\.", "(?s)^a.c$", "(?m)^c$", "[$]|a[.]b$", "é", "(?i)é", "^a?b*?c",
]
MATCHED = [
    "a", "abc", "ABC", "aXc", "a\nc", "abc\n", "a$", "", "42", "a cat.", "concat", "écat", "é", "É", "aa", "bbc", "a.b", " ", "\t",
    "cat", "_", "日", "٤٢", "aaab",
]
PARTS = ["a", "b", "ab", "beta", "@example.com", ".com", "É", "e", "x-"]
WHOLES = [
    "", "a", "ab", "ba", "alphabeta", "eva@example.com", "eva@example.com ", "É", "E\u0301", "x-ray", "beta", "Beta",
    "com",
]
VARIANTS = ["a", "b", "B", "a-b", "a.b", "a_b", "control", "blue", "10", "9"]
IDS = [
    "u1", "u2", "u3", "u4", "u5", "17", 17, -3, "-3", "017", 0, "é", "É", " u1", "U1", 2**63 - 1, 2**64 - 1, 2**127 - 1,
    2**128 - 1, -(2**127), str(2**64 - 1), "acct-1", "acct-2", "a" * 300,
]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.operands = {}

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, values):
        return values[self.random.randrange(len(values))]

    def some(self, make, least, most):
        return [make() for _ in range(self.random.randint(least, most))]

    # Values

    def text(self):
        return self.pick(TEXTS)

    def bool(self):
        return self.chance(0.5)

    def number(self):
        if self.chance(0.4):
            return self.pick(NUMBERS)
        if self.chance(0.15):
            return self.pick(BEYOND + LARGEST)
        return self.pick(WHOLE) if self.chance(0.5) else Literal(self.pick(FRACTIONS))

    def scalar(self):
        return self.pick([self.text, self.text, self.number, self.bool])()

    def date(self):
        return f"{self.pick(DAYS)}T{self.pick(CLOCKS)}{self.pick(SECOND_FRACTIONS)}{self.pick(ZONES)}"

    def version(self, least_parts=1):
        part = lambda: self.pick([0, 0, 0, 1, 1, 2, 9, 10])
        parts = self.some(part, self.pick([least_parts, 3, 3]), 3)
        text = ".".join(str(each) for each in parts)
        if len(parts) == 3:
            text += "-" + self.pick(PRE_RELEASES) if self.chance(0.35) else ""
            text += self.pick(["+build", "+001", "+a.b-c"]) if self.chance(0.1) else ""
        return text

    def requirements_of_versions(self):
        if self.chance(0.05):
            return "*"
        return self.pick([", ", ","]).join(self.some(self.requirement, 1, self.pick([1, 1, 3])))

    def requirement(self):
        if self.chance(0.1):
            return self.pick(["0", "1", "1.2", "0.9"]) + self.pick([".*", ".x", ".X"])
        return self.pick(["=", ">", ">=", "<", "<=", "~", "^", ""]) + self.version()

    # Conditions: operands, and attributes close to them

    def one_or_several(self, make):
        return self.some(make, 1, 4) if self.chance(0.5) else make()

    def condition(self):
        """An attribute name and its condition. The name determines the type of close values."""
        name = self.pick(list(ATTRIBUTES))
        operators = {}
        for _ in range(self.pick([1, 1, 1, 1, 1, 1, 2, 3])):
            operator, operand = self.operator(ATTRIBUTES[name])
            operators[operator] = operand
            self.remember(name, operator, operand)
        if len(operators) == 1 and "in" in operators and self.chance(0.8):
            return name, self.pick([operators["in"], *operators["in"][:1]])
        return name, operators

    def remember(self, name, operator, operand):
        """Stores the operands of an attribute, to generate subjects that match or nearly match."""
        if operator not in ("exists", "matches"):
            for each in operand if isinstance(operand, list) else [operand]:
                self.operands.setdefault(name, []).append((operator, each))

    def near(self, operator, operand):
        """The operand itself, or a value close to it."""
        if operator == "semver":
            return self.near_version(self.pick(operand.split(",")).strip().lstrip("=<>~^"))
        if operator == "cidr":
            return self.near_network(ipaddress.ip_network(operand, strict=False))
        if operator in ("before", "after"):
            return self.near_date(str(operand))
        if isinstance(operand, bool):
            return operand
        if isinstance(operand, str) and not isinstance(operand, Literal):
            return self.pick([operand, operand, operand + "x", "x" + operand, operand[:-1], operand.swapcase()])
        number = float(operand)
        if isinstance(operand, int) and abs(operand) > 2**53:
            return self.pick([operand, min(operand + 1, 2**128 - 1), max(operand - 1, -(2**127)), number])
        if abs(number) > 2**100:
            return number
        beside = [math.nextafter(number, math.inf), math.nextafter(number, -math.inf)]
        return self.pick([as_float(operand), number, int(number), int(number) + 1, int(number) - 1, *beside])

    def near_version(self, version):
        """The same version with a different or no pre-release, or the next version after a shared prefix."""
        if version == "*" or self.chance(0.1):
            return version
        parts = [int(part) for part in version.partition("+")[0].partition("-")[0].split(".") if part.isdigit()]
        if self.chance(0.55):
            kept = self.random.randint(1, len(parts))
            parts = [*parts[: kept - 1], max(parts[kept - 1] + self.pick([1, 1, 0, -1]), 0)]
        if self.chance(0.8):
            parts += [self.pick([0, 0, 0, 9])] * (3 - len(parts))
        pre_release = "-" + self.pick(PRE_RELEASES) if len(parts) == 3 and self.chance(0.6) else ""
        return ".".join(str(part) for part in parts) + pre_release

    def near_network(self, network):
        first, last = int(network.network_address), int(network.broadcast_address)
        limit = 2**network.max_prefixlen - 1
        number = min(max(self.pick([first, last, first - 1, last + 1]), 0), limit)
        if network.version == 6:
            return str(ipaddress.IPv6Address(number))
        return self.pick(["", "", "::ffff:"]) + str(ipaddress.IPv4Address(number))

    def near_date(self, date):
        """The same moment in another zone, or a close one."""
        if not "1000" < date < "9000" or ":60" in date or self.chance(0.2):
            return date.replace(":59:60", ":59:59") if self.chance(0.5) else date.replace(":59:59", ":59:60")
        fraction = re.match("[.0-9]*", date[19:])[0]
        moment = datetime.datetime.fromisoformat(date[:19] + date[19 + len(fraction) :])
        zone = datetime.timezone(datetime.timedelta(minutes=self.pick([0, 60, -60, 330, 840, -1439])))
        moment = moment.astimezone(zone) + datetime.timedelta(seconds=self.pick([0, 0, 0, 1, -1]))
        fraction = self.pick([fraction, fraction, fraction + "0" if fraction else ".0", ".5"])[:10]
        text = moment.isoformat()
        return text[:19] + fraction + text[19:]

    def operator(self, kind):
        if self.chance(0.05):
            kind = self.pick(CLOSE)
        if self.chance(0.1):
            return "exists", self.bool()
        if kind == "equal" or self.chance(0.15):
            make = self.scalar if kind in ("equal", "list") else lambda: self.close(kind)
            operator = self.pick(["in", "in", "in", "not", "not_in"])
            operands = [] if self.chance(0.03) else self.some(make, 1, 4)
            return operator, make() if operator == "not" and self.chance(0.5) else operands
        if kind == "number":
            return self.pick(["lt", "lte", "gt", "gte"]), self.number()
        if kind == "part":
            operator = self.pick(["contains", "starts_with", "ends_with"])
            return operator, self.one_or_several(lambda: self.pick(PARTS))
        if kind == "list":
            return "contains", self.one_or_several(self.scalar)
        if kind == "expression":
            return "matches", self.pick(EXPRESSIONS)
        if kind == "date":
            return self.pick(["before", "after"]), self.date_operand()
        if kind == "version":
            return "semver", self.requirements_of_versions()
        return "cidr", self.one_or_several(lambda: self.pick(NETWORKS))

    def date_operand(self):
        date = self.date()
        as_toml = self.chance(0.4) and ":60" not in date and ".999999999" not in date and ".000000001" not in date
        return Literal(date) if as_toml and not date.startswith("0000") else date

    def close(self, kind):
        """A value of the type that an operator needs, in a valid or nearly valid form."""
        values = {
            "equal": self.scalar,
            "list": self.scalar,
            "number": self.number,
            "part": lambda: self.pick(WHOLES),
            "expression": lambda: self.pick(MATCHED),
            "date": lambda: self.pick(NO_DATES) if self.chance(0.2) else self.date(),
            "version": lambda: self.pick(NO_VERSIONS) if self.chance(0.2) else self.version(),
            "address": lambda: self.pick(NO_ADDRESSES) if self.chance(0.2) else self.pick(ADDRESSES),
        }
        return values[kind]()

    def table(self):
        return dict(self.condition() for _ in range(self.pick([1, 1, 1, 1, 1, 1, 2, 3])))

    # Documents

    def conditions(self):
        stated = {}
        if self.chance(0.7):
            stated["if"] = self.table()
        if not stated or self.chance(0.2):
            stated["any"] = self.some(self.table, 1, 3)
        return stated

    def ids(self):
        return self.some(lambda: self.pick(IDS), 1, 4)

    def segment(self):
        segment = self.conditions() if self.chance(0.85) else {}
        if not segment or self.chance(0.4):
            segment["included"] = self.ids()
        if self.chance(0.4):
            segment["excluded"] = self.ids()
        return segment

    def rollout(self):
        if self.chance(0.2):
            return self.pick([0, 100, "0%", "100%", "100.00", Literal("0.000001"), Literal("99.999999")])
        decimals = self.random.randint(0, 6)
        text = f"{self.random.randrange(101 * 10**decimals) / 10**decimals:.{decimals}f}"
        text = "100" if float(text) > 100 else text
        return self.pick([Literal(text), text, text + "%"])

    def by(self):
        return self.pick(["account", "account", "seats", "country", "unheard-of"])

    def weight(self):
        if self.chance(0.3):
            return self.pick([0, 1, 50, 1_000_000, Literal("0.000001"), Literal("0.0"), Literal("33.333333")])
        return Literal(f"{self.random.randrange(1, 10**8) / 10**6:.6f}")

    def variants(self):
        names = self.random.sample(VARIANTS, self.random.randint(1, 5))
        weights = {name: self.weight() for name in names}
        if all(float(weight) == 0 for weight in weights.values()):
            weights[names[-1]] = 1
        return weights

    def rule(self, segments, variants):
        rule = self.conditions() if self.chance(0.95) else {}
        if self.chance(0.12):
            rule["subjects"] = self.ids()
        if segments and self.chance(0.2):
            rule["segment"] = self.one_or_several(lambda: self.pick(segments))
        if self.chance(0.4):
            rule["rollout"] = self.rollout()
        if self.chance(0.25):
            rule["by"] = self.by()
        if variants and self.chance(0.3):
            rule["variant"] = self.pick(list(variants))
        if self.chance(0.1):
            rule["name"] = "a rule"
        return rule

    def flag(self, segments):
        if self.chance(0.1):
            return self.pick([True, True, False, "0%", "25%", "50.5%", "100%"])
        flag = {"on": True} if self.chance(0.97) else self.pick([{"on": False}, {}])
        if self.chance(0.5):
            flag["rollout"] = self.rollout()
        if self.chance(0.3):
            flag["salt"] = self.pick(["x", "y", "é", " ", "a much longer salt " * 20])
        if self.chance(0.25):
            flag["by"] = self.by()
        if self.chance(0.4):
            flag["variants"] = self.variants()
            if self.chance(0.3):
                value = self.pick([True, 1, "#00f", [1, 2], {"a": {"b": 1}}])
                flag["values"] = {self.pick(list(flag["variants"])): value}
        if self.chance(0.1):
            flag.update(description="d", owner="o", kind="ops", expires=Literal("2001-01-01"), approval=[APPROVAL])
        if self.chance(0.8):
            most = self.pick([3, 6, 10, 25])
            flag["rules"] = self.some(lambda: self.rule(segments, flag.get("variants")), 1, most)
        return flag

    def document(self):
        self.operands = {}
        names = ["staff", "press", "a-b", "Staff"][: self.random.randint(0, 4)]
        segments = {name: self.segment() for name in names}
        keys = [f"f{number}" for number in range(self.random.randint(1, 5))]
        keys += self.some(lambda: self.pick(["x", "a.b", "X", "9_-"]), 0, 2)
        flags = {key: self.flag(names) for key in keys}
        self.requirements(flags)
        if self.chance(0.08):
            flags |= self.chain()
        if self.chance(0.08):
            self.invalid(flags)
        if self.chance(0.1):
            flags["moving"] = self.migration()
        document = {"flags": flags, "segments": segments}
        return document | ({"meta": {"flags": len(flags)}} if self.chance(0.1) else {})

    def migration(self):
        flag = {"kind": "migration"}
        if self.chance(0.8):
            flag["stage"] = self.pick(STAGES)
        if self.chance(0.6):
            flag["partition"] = self.pick(["account", "plan", "seats"])
            if self.chance(0.7):
                flag["rollout"] = self.rollout()
        if self.chance(0.3):
            flag["salt"] = "x"
        return flag

    def stage_over(self, below):
        """A flag for a layer above a migration. Stages of two layers are at most one step apart."""
        index = STAGES.index(below.get("stage", "off"))
        if index < 2 and self.chance(0.3):
            return False
        flag = {"stage": self.pick(STAGES[max(index - 1, 0) : index + 2] if "stage" in below else STAGES)}
        if "partition" in below and self.chance(0.5):
            flag["rollout"] = self.rollout()
        return flag

    def requirements(self, flags):
        """Adds prerequisites: mostly later flags, sometimes undeclared ones, sometimes a cycle."""
        keys = list(flags)
        for index, key in enumerate(keys):
            if not isinstance(flags[key], dict) or not self.chance(0.25):
                continue
            candidates = keys[index + 1 :]
            if self.chance(0.1):
                candidates = keys
            if self.chance(0.05):
                candidates = ["unheard-of"]
            if candidates:
                count = self.random.randint(1, min(3, len(candidates)))
                flags[key]["requires"] = self.random.sample(candidates, count)

    def chain(self):
        """A chain of prerequisites near the maximum length, sometimes with a second path around each flag."""
        length = self.random.randint(30, 36)
        last = self.pick([{"on": True}, {"on": True, "rollout": 50, "salt": "x"}, {"on": False}])
        flags = {f"c{length}": last}
        for number in range(length):
            below = [f"c{number + 1}"]
            if number + 2 <= length and self.chance(0.3):
                below.append(f"c{number + 2}")
            flags[f"c{number}"] = {"on": True, "requires": below}
        return dict(sorted(flags.items()))

    def invalid(self, flags):
        """Adds a flag with an undeclared segment, and a flag that requires it."""
        lost = {"on": True, "rules": [{"segment": self.pick(["unheard-of", ["unheard-of"]])}]}
        if self.chance(0.3):
            lost["requires"] = ["wants-lost"]
        flags["lost"] = lost
        flags["wants-lost"] = {"on": True, "requires": ["lost"], "rules": [{}]}

    # Subjects

    def attributes(self):
        kinds = ATTRIBUTES | {"account": "account"}
        return {name: self.attribute(name, kind) for name, kind in kinds.items() if self.chance(0.85)}

    def attribute(self, name, kind):
        if kind == "account":
            return self.pick([*IDS, "acct-3", "", 1.0, 1.5, True, ["u1"], float("nan"), 2**64, *LARGEST])
        if kind == "number":
            make = lambda: self.pick(BEYOND + LARGEST) if self.chance(0.1) else self.close(kind)
        else:
            make = lambda: self.close(kind)
        if name in self.operands and self.chance(0.65):
            make = lambda: self.near(*self.pick(self.operands[name]))
        elif self.chance(0.1):
            make = self.odd
        if self.chance(0.02):
            return None
        if self.chance(0.6 if kind == "list" else 0.15):
            return [as_float(self.element(make)) for _ in range(self.random.randint(0, 4))]
        return as_float(make())

    def element(self, make):
        if self.chance(0.03):
            return self.pick([None, [], [make()]])
        return self.odd() if self.chance(0.15) else make()

    def odd(self):
        no_number = lambda: self.pick([float("nan"), float("inf"), float("-inf")])
        return self.pick([self.scalar, no_number, self.date, self.version])()

    def pair(self, layers, keys):
        if self.chance(0.7):
            keys = [key for key in keys if not key.startswith("c")]
        key = "unheard-of" if self.chance(0.02) else self.pick(keys)
        id = self.pick([None, ""]) if self.chance(0.12) else self.pick([*IDS, f"user-{self.random.randrange(10**6)}"])
        attributes = self.attributes()
        expected = evaluate(layers, key, id, attributes)
        attributes = {name: as_json(value) for name, value in attributes.items()}
        return {"flag": key, "id": as_json(id), "attributes": attributes, "expected": expected}

    def override(self, flags):
        """A document for a higher layer: flags that replace others, or inherit from them."""
        overrides = {}
        for key in self.random.sample(list(flags), self.random.randint(1, min(3, len(flags)))) + ["only-above"]:
            if key == "moving":
                overrides[key] = self.stage_over(flags[key])
                continue
            overrides[key] = self.pick([self.inheriting, self.inheriting, lambda: self.flag([])])()
        segments = {"staff": self.segment()} if self.chance(0.1) else {}
        return {"flags": overrides, "segments": segments}

    def inheriting(self):
        flag = {"inherit": True}
        if self.chance(0.7):
            flag["on"] = self.chance(0.8)
        if self.chance(0.4):
            flag["rollout"] = self.rollout()
        if self.chance(0.1):
            flag["salt"] = "above"
        if self.chance(0.15):
            flag["requires"] = self.pick([[], ["only-above"]])
        if self.chance(0.15):
            flag["variants"] = self.variants()
        # Rules below may name variants that are replaced here.
        if "variants" in flag or self.chance(0.2):
            flag["rules"] = self.some(lambda: self.rule([], flag.get("variants")), 0, 2)
        return flag

    def line(self, pairs):
        documents = [self.document()]
        if self.chance(0.3):
            documents.append(self.override(documents[0]["flags"]))
        texts = [as_toml_document(document) for document in documents]
        layers = [parse(text) for text in texts]
        keys = list(layers[0]["flags"] | layers[-1]["flags"])
        return {"layers": texts, "pairs": [self.pair(layers, keys) for _ in range(pairs)]}


# The type of values that the conditions on each attribute use.
ATTRIBUTES = {
    "country": "equal",
    "plan": "equal",
    "a.b": "equal",
    "seats": "number",
    "score": "number",
    "email": "part",
    "tags": "list",
    "page": "expression",
    "at": "date",
    "app": "version",
    "os": "version",
    "ip": "address",
}
CLOSE = ["equal", "number", "part", "list", "expression", "date", "version", "address"]


def as_float(value):
    if isinstance(value, list):
        return [as_float(each) for each in value]
    return float(value) if isinstance(value, Literal) else value


def as_json(value):
    if isinstance(value, list):
        return [as_json(each) for each in value]
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return {"integer": str(value)}
    return value


def as_toml(value):
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{as_toml(name)} = {as_toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(as_toml(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def as_toml_document(document):
    lines = []
    for part in ("meta", "flags", "segments"):
        if part in document:
            lines.append(f"[{part}]")
            lines += [f"{as_toml(name)} = {as_toml(value)}" for name, value in document[part].items()]
    return "\n".join(lines) + "\n"


def main(lines, seed, pairs=PAIRS):
    maker = Maker(int(seed))
    for _ in range(int(lines)):
        print(json.dumps(maker.line(int(pairs)), allow_nan=False))


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
