#!/usr/bin/env python3
"""Writes the seeds of the targets into a folder, one folder per target: documents of spec/, and responses with them.

The folder fuzz/seeds/ has the inputs of earlier findings. This script does not write them.
"""

import gzip
import pathlib
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
SPEC = ROOT / "spec"

BULK = {
    "flags": (0, b"[flags]\n", b"flag-% = true\n", b""),
    "flags-of-json": (1, b'{"flags": {"a": false', b', "flag-%": "25%"', b"}}"),
    "rules": (0, b"[flags.a]\non = true\n", b"[[flags.a.rules]]\nif = { plan = % }\n", b""),
    "patterns": (0, b"[flags.a]\non = true\n", b"[[flags.a.rules]]\nif = { plan.matches = '%\\w+x' }\n", b""),
    "subjects": (0, b"[flags.a]\non = true\n[[flags.a.rules]]\nsubjects = [", b'"u%", ', b"]\n"),
    "segments": (0, b"[flags]\n", b"[segments.s%]\nincluded = [1]\n", b""),
    "required": (0, b"[flags]\na = true\n", b"[flags.f%]\non = true\nrequires = ['a']\n", b""),
    "a-chain": (0, b"[flags]\nf0 = true\n", b"[flags.f1%]\nrequires = ['f%']\n", b""),
    "variants": (1, b'{"flags": {"a": {"on": true, "variants": {"v": 1', b', "v%": 1', b"}}}}"),
    "values": (1, b'{"flags": {"a": {"on": true, "variants": {"v": 1}, "values": {"v": [0', b", 0", b"]}}}}"),
    "depth": (1, b'{"flags": ', b"[", b"]}"),
    "unknown": (0, b"[flags]\n", b"f%.x = 1\n", b""),
    "broken": (0, b"[flags]\n", b"= ", b""),
    "lines": (0, b"[flags]\n", b"\n", b""),
    "one-text": (1, b'{"flags": {"', b"\xc3\xa9", b'": 1}}'),
    "semver": (0, b"[flags.a]\non = true\n", b"[[flags.a.rules]]\nif.v.semver = '>=1, <2, ~3, ^4'\n", b""),
    "networks": (0, b"[flags.a]\non = true\nrules = [{ if.v.cidr = [", b"'10.0.0.0/8', ", b"] }]\n"),
    "dotted": (0, b"[flags]\n", b"k%" + 70 * b".a" + b" = 1\n", b""),
    "inline": (0, b"[flags]\na = [", 25 * b"{a=" + b"1" + 25 * b"}" + b", ", b"]\n"),
    "texts": (1, b'{"flags": {"a": {"on": true, "rules": [{"subjects": [0', b', "u%"', b"]}]}}}"),
    "empty-tables": (1, b'{"flags": {"a": {"rules": [{}', b", {}", b"]}}}"),
    "conditions": (1, b'{"flags": {"a": {"rules": [{"any": [{"a": 1}', b', {"a": 1}', b"]}]}}}"),
    "groups": (0, b"[flags.a]\non = true\nrules = [{ any = [", b"{ a = 1 }, ", b"] }]\n"),
}

DOCUMENT = b"[flags]\na = true\n"


def answer(head, body=DOCUMENT, status=b"200 OK"):
    return b"HTTP/1.1 %s\r\n%s\r\nContent-Length: %d\r\n\r\n%s" % (status, head, len(body), body)


GOOD = answer(b'Content-Type: application/toml\r\nETag: "a"')
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\nevent: toml\nid: \"b\"\ndata: [flags]\ndata: a = false\n\n"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n[flags]\n\r\n9\r\na = true\n\r\n0\r\n\r\n"
UNCHANGED = b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n'
HTTP = {
    "a-stream-and-a-poll": [GOOD, STREAM, UNCHANGED],
    "chunks": [CHUNKS, answer(b"", status=b"406 Not Acceptable"), CHUNKS],
    "no-length": [b"HTTP/1.1 200 OK\r\n\r\n" + DOCUMENT],
    "half": [GOOD[:-5]],
    "a-redirect": [answer(b"Location: /other?q", status=b"307 Temporary Redirect"), GOOD],
    "another-origin": [answer(b"Location: http://127.0.0.2/", status=b"302 Found"), GOOD],
    "wait": [answer(b"Retry-After: 120", status=b"503 Service Unavailable")],
    "wait-for-a-day": [answer(b"Retry-After: Fri, 31 Dec 2027 23:59:59 GMT", status=b"429 Too Many Requests")],
    "young": [answer(b"Date: Fri, 31 Dec 2027 23:59:59 GMT\r\nLast-Modified: Fri, 31 Dec 2027 23:59:58 GMT\r\nETag: W/\"x\""), GOOD],
    "gzip": [answer(b"Content-Encoding: gzip", gzip.compress(DOCUMENT, mtime=0))],
    "json": [answer(b"Content-Type: application/json; charset=utf-8", b'{"flags": {"a": true}}')],
    "continue": [b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD],
}
EVENTS = {
    "all": b"\xef\xbb\xbf: hello\n\nevent: toml\nid: \"a\"\ndata: x\ndata:y\ndata\n\nretry: 0\n\ndata: last\r\n\r\ndata: two\rdata: three\r\r",
    "cut": b"event: toml\ndata: flags\n",
    "no-text": b"data: \xff\n\n",
}
ENV = {
    "words": b"FLAG_A=on\0FLAG_SEARCH_V2=25%\0FLAG_NEW_CHECKOUT=TRUE\0FLAG_THEME= off \0PATH=/bin",
    "wrong": b"FLAG_a=on\0FLAG_=on\0FLAG_\xc3\x84=on\0FLAG_B=101%\0FLAG_C=secret-secret\0FLAG_\xff=\xff\0FLAG_A=\0FLAG",
}

KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti"
# The signature of another text, with the namespace "example".
SIGNATURE = b"""-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgsz6u836i33yqAQ3v3qNOJB9l8b
UppPQ+0UMn9cVKq2IAAAAHZXhhbXBsZQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQy
NTUxOQAAAEBPEav+tMGNnox4MuzM7rlHyVBajCn8B0kAyiOWwPKprNsG3i6X+voz/WCSik
/FowYwqhgCABUJSvRX3AERVBUP
-----END SSH SIGNATURE-----
"""
APPROVALS = {
    "line": b"alice,bob " + KEY + b" a comment\n\0" + SIGNATURE,
    "options": b'# flagkit: humans = 2\nalice namespaces="flagkit-*,!git",valid-after="20260101Z",'
    b'valid-before="202701010000" ' + KEY + b"\n\0" + SIGNATURE,
    "rejected": b'*@example.com cert-authority,x="\\"" ' + KEY + b"\r\na ssh-rsa AAAA\n\0-----BEGIN SSH SIGNATURE-----",
}


def write(target, name, data):
    folder = pathlib.Path(sys.argv[1]) / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


for kind in ("good", "bad"):
    for path in (SPEC / "documents" / kind).iterdir():
        if not path.name.endswith(".expected.json"):
            write("documents", f"{kind}-{path.name}", (b"1" if path.suffix == ".json" else b"0") + path.read_bytes())
for path in (SPEC / "evaluate").glob("*.toml"):
    cases = tomllib.loads(path.read_text())
    for number, document in enumerate(cases.get("layers", [cases.get("document")])):
        write("documents", f"{path.name}-{number}", b"0" + document.encode())
for name, (format, *parts) in BULK.items():
    write("bulk", name, b"%d" % format + b"\0".join(parts))
for name, answers in HTTP.items():
    for first in (b"\x00", b"\x0b"):
        write("http", f"{name}-{first[0]}", first + b"\n====\n".join(answers))
for name, stream in EVENTS.items():
    write("events", name, b"\x00\x05\x02\xff" + stream)
for name, variables in ENV.items():
    write("env", name, variables)
for name, text in APPROVALS.items():
    write("approvals", name, text)
