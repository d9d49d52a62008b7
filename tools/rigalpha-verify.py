#!/usr/bin/python3
"""Checks an exported audit log away from the database that wrote it.

Recomputes payload, leaf, link, tree and checkpoint with nothing but Python and, for signatures,
the program openssl; it shares no code with the extension. Python 3.9 is enough. Prints one line per problem,

    CODE chain=.. seq=.. entry=.. index=.. expected=.. found=..

with what is known of these, then lines that begin with # and say what was and was not checked.
Exit status: 0 clean, 1 problems, 2 the input cannot be used.

LINKS is CSV with the columns chain, seq, epoch, entry_id, payload_hex, prev_hex, leaf_hex, link_hex
and idx, in any order of rows: all links of the log, idx empty while a link is not in the tree, and
payload_hex empty where the payload is gone. LABELS is CSV with the columns chain and label.
A checkpoint is a signed note (C2SP); of a file that checkpoints were appended to, the last one counts. A
key is a line name+id+base64, PEM, or 32 bytes.

    PAYLOAD_HASH     the payload is not what the leaf was made of
    BAD_DECODE       the payload is no entry, or that of another link
    LINK_HASH        the link is not made of its place, its prev and its leaf
    PREV_MISMATCH    prev is not the link before
    EPOCH_BREAK      an epoch does not begin with what it must, or goes back
    SEQ_GAP          links are missing from a chain
    FORK             two links have the same place, or one entry two links
    UNLINKED_ENTRY   an entry has no link
    ORPHAN_LINK      the payload is gone, and no entry of the retention says so
    PRUNED, REDACTED the payload was dropped, or erased by itself: expected = the places from first to last, found = the
                     entry of the retention that says so, which is intact
    TREE_ROOT        the tree has a hole, another order than a chain, or not the root of a checkpoint
    CHECKPOINT_AHEAD the log is shorter than a checkpoint
    CHECKPOINT_SIG   a checkpoint is not of this log or not signed with the key
"""
from __future__ import annotations

import argparse
import base64
import binascii
import csv
import hashlib
import itertools
import os
import struct
import subprocess
import sys
import tempfile
import uuid
from dataclasses import dataclass, field

COLUMNS = ("chain", "seq", "epoch", "entry_id", "payload_hex", "prev_hex", "leaf_hex", "link_hex", "idx")
FIRST_SEQ = 1
NO_HEAD = bytes(32)
ORIGIN = b"rigalpha/"
SIGNATURES = "\n\n— ".encode()
ED25519_ALGORITHM = b"\x01"
KIND_RETENTION = 13
GONE = {"prune": "PRUNED", "redact": "REDACTED"}  # by what the retention did
ED25519_SPKI = bytes.fromhex("302a300506032b6570032100")


class Unusable(Exception):
    """The input is not what it should be, so nothing can be said about the log."""


class BadEntry(Exception):
    """A payload that is no entry."""


@dataclass
class Link:
    """A row of the export; its payload is checked while it is read and not kept."""
    chain: int
    seq: int
    epoch: int
    entry_id: int
    prev: bytes
    leaf: bytes
    link: bytes
    idx: int | None

    def place(self):
        return {"chain": self.chain, "seq": self.seq, "entry": self.entry_id, "index": self.idx}


@dataclass
class Note:
    """A checkpoint: the text that is signed, what it says, and (key name, key id and signature) of each line."""
    text: bytes
    origin: str
    size: int
    root: bytes
    signatures: list


@dataclass
class Gone:
    """Places of a chain whose payloads may be missing, by an entry of the retention."""
    code: str
    chain: int
    first: int
    last: int
    entry_id: int

    def covers(self, link):
        """Only what was there when the entry was written."""
        return self.chain == link.chain and self.first <= link.seq <= self.last and link.entry_id < self.entry_id


@dataclass
class Report:
    allow_pruned: bool
    problems: int = 0
    payloads: int = 0
    pruned: int = 0
    unchecked: list = field(default_factory=list)

    def problem(self, code, place=None, expected=None, found=None):
        words = {**(place or {}), "expected": expected, "found": found}
        print(code, *(f"{name}={as_word(value)}" for name, value in words.items() if value is not None))
        if code not in GONE.values() or not self.allow_pruned:
            self.problems += 1

    def not_checked(self, what):
        self.unchecked.append(what)


def as_word(value):
    """Nothing of what is checked may begin a line of its own or move the cursor."""
    return value.hex() if isinstance(value, bytes) else str(value).encode("unicode_escape").decode()


def sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


# --- Entries ---------------------------------------------------------------------

TEXTS = ("session_user", "current_user", "app_user", "app_session", "client_address", "source", "machine", "schema",
         "relation", "operation", "reason")
IMAGES = ("key", "old", "new")
FLAGS = ("null", "text", "redacted")


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        if count > len(self.data) - self.at:
            raise BadEntry("too short")
        self.at += count
        return self.data[self.at - count:self.at]

    def numbers(self, layout):
        return struct.unpack(">" + layout, self.take(struct.calcsize(">" + layout)))

    def text(self):
        length, = self.numbers("i")
        if length == -1:
            return None
        if length < 0:
            raise BadEntry("negative length")
        try:
            text = self.take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadEntry("not UTF-8") from error
        if "\0" in text:
            raise BadEntry("zero byte in a text")
        return text


def decode_column(reader):
    attnum, = reader.numbers("h")
    name, kind = reader.text(), reader.text()
    flag, = reader.numbers("B")
    value = reader.text()
    if flag >= len(FLAGS) or (FLAGS[flag] == "null") != (value is None):
        raise BadEntry("bad flag of a column")
    return {"attnum": attnum, "name": name, "type": kind, "flag": FLAGS[flag], "value": value}


def decode_image(reader):
    present, count = reader.numbers("BH")
    if present > 1 or count > 0 and not present:
        raise BadEntry("bad image")
    columns = [decode_column(reader) for _ in range(count)]
    return columns if present else None


def decode_entry(payload):
    """The fields of an entry, all of them; BadEntry when it is none."""
    reader = Reader(payload)
    if reader.take(4) != b"RGA1":
        raise BadEntry("not version 1")
    entry = dict(zip(("kind", "flags"), reader.numbers("BB")))
    entry["log_id"] = str(uuid.UUID(bytes=reader.take(16)))
    entry.update(zip(("epoch", "chain", "entry_id", "xid", "at", "xact_at"), reader.numbers("IIQQqq")))
    entry.update((name, reader.text()) for name in TEXTS)
    entry.update((name, decode_image(reader)) for name in IMAGES)
    if reader.at < len(payload):
        raise BadEntry("too long")
    return entry


# --- Hashes ----------------------------------------------------------------------


def hash_leaf(payload):
    return sha256(b"\x00", payload)


def hash_link(log_id, row):
    return sha256(b"\x02", log_id.bytes, struct.pack(">IIQ", row.epoch, row.chain, row.seq), row.prev, row.leaf)


def hash_genesis(log_id, row, label, head):
    encoded = label.encode()
    return sha256(b"\x03", log_id.bytes, struct.pack(">IIi", row.epoch, row.chain, len(encoded)), encoded, head)


def tree_roots(links, sizes):
    """Roots over the first links, by size."""
    subtrees, roots = [], {}
    for count, link in enumerate(itertools.chain([None], links)):
        if link is not None:
            node = sha256(b"\x00", link)
            for _ in range((count & -count).bit_length() - 1):
                node = sha256(b"\x01", subtrees.pop(), node)
            subtrees.append(node)
        if count in sizes:
            roots[count] = fold(subtrees)
    return roots


def fold(subtrees):
    if not subtrees:
        return sha256()
    root = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        root = sha256(b"\x01", left, root)
    return root


# --- Input -----------------------------------------------------------------------


def read_table(path, columns):
    """Rows of a CSV file as dictionaries, with their line numbers."""
    csv.field_size_limit(sys.maxsize)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in columns if name not in (reader.fieldnames or [])]
            if missing:
                raise Unusable(f"{path}: no column {', '.join(missing)}")
            for row in reader:
                if None in row or None in row.values():
                    raise Unusable(f"{path}, line {reader.line_num}: wrong number of fields")
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Unusable(f"{path}: {error}") from error


def parse_number(text, bits):
    if not (text.isascii() and text.isdigit()) or int(text) >> bits:
        raise ValueError(f"{text[:40]!r} is no number of {bits} bits")
    return int(text)


def parse_bytes(text):
    return bytes.fromhex(text.removeprefix("\\x"))


def parse_hash(text):
    value = parse_bytes(text)
    if len(value) != 32:
        raise ValueError(f"{text[:80]!r} is no SHA-256")
    return value


def parse_link(row):
    return Link(parse_number(row["chain"], 32), parse_number(row["seq"], 63), parse_number(row["epoch"], 32),
                parse_number(row["entry_id"], 63), parse_hash(row["prev_hex"]), parse_hash(row["leaf_hex"]),
                parse_hash(row["link_hex"]), parse_number(row["idx"], 63) if row["idx"] else None)


def read_links(path, log_id, report):
    """All links, those without payload, and what may be without; what can be said of a link by itself is checked on the way."""
    links, empty, gone = [], [], []
    for number, row in read_table(path, COLUMNS):
        try:
            if not row["seq"]:
                place = {"chain": parse_number(row["chain"], 32), "entry": parse_number(row["entry_id"], 63)}
                report.problem("UNLINKED_ENTRY", place)
                continue
            link = parse_link(row)
            payload = parse_bytes(row["payload_hex"])
        except ValueError as error:
            raise Unusable(f"{path}, line {number}: {error}") from error
        entry = check_payload(link, payload, log_id, report) if payload else None
        expected = hash_link(log_id, link)
        if link.link != expected:
            report.problem("LINK_HASH", link.place(), expected, link.link)
        elif entry and entry["kind"] == KIND_RETENTION:
            gone.extend(gone_by(entry))
        if not payload:
            empty.append(link)
        links.append(link)
    return links, empty, gone


def gone_by(entry):
    """What an entry of the retention says: in the column "chain 7" the places "1-40 42-50"."""
    for column in entry["new"] or ():
        if column["name"] and column["name"].startswith("chain ") and entry["operation"] in GONE:
            for places in (column["value"] or "").split():
                try:
                    first, last = (parse_number(place, 63) for place in places.split("-"))
                    yield Gone(GONE[entry["operation"]], parse_number(column["name"][6:], 32), first, last, entry["entry_id"])
                except ValueError:  # no entry of ours reads so
                    return


def read_labels(path):
    try:
        return {parse_number(row["chain"], 32): row["label"] for _, row in read_table(path, ("chain", "label"))}
    except ValueError as error:
        raise Unusable(f"{path}: {error}") from error


def read_file(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Unusable(f"{path}: {error}") from error


def parse_signature(line):
    dash, name, data = line.split(" ")
    if dash != "—" or not name:
        raise ValueError("a line behind the text is no signature")
    return name, base64.b64decode(data, validate=True)


def last_note(data):
    """From the line that begins the last whole checkpoint; what a crash left of one is passed over."""
    start = data.rfind(b"\n" + ORIGIN)
    while start >= 0 and not (SIGNATURES in data[start:] and data.endswith(b"\n")):
        data = data[:start]
        start = data.rfind(b"\n" + ORIGIN)
    return data[start + 1:]


def read_note(path):
    data = last_note(read_file(path))
    try:
        end = data.rindex(b"\n\n") + 1
        lines = data[:end].decode().split("\n")
        signatures = [parse_signature(line) for line in data[end + 1:].decode().splitlines()]
        root = base64.b64decode(lines[2], validate=True)
        if len(root) != 32:
            raise ValueError("the root is no SHA-256")
        return Note(data[:end], lines[0], parse_number(lines[1], 63), root, signatures)
    except (ValueError, IndexError) as error:
        raise Unusable(f"{path}: no signed note: {error}") from error


def read_key(path):
    """Name, or None when the file does not tell it, and the 32 bytes of an Ed25519 key."""
    data = read_file(path)
    name = None
    try:
        if len(data) == 32:
            return None, data
        if data.startswith(b"-----BEGIN PUBLIC KEY-----"):
            body = base64.b64decode(b"".join(data.strip().splitlines()[1:-1]), validate=True)
            algorithm, key = body[:-32], body[-32:]
        else:
            name, identity, encoded = data.decode().strip().split("+", 2)
            body = base64.b64decode(encoded, validate=True)
            algorithm, key = ED25519_SPKI if body[:1] == ED25519_ALGORITHM else None, body[1:]
            if len(key) != 32 or key_id(name, key).hex() != identity:
                raise ValueError("its id is not that of its name and key")
    except (ValueError, binascii.Error) as error:
        raise Unusable(f"{path}: no public key: {error}") from error
    if algorithm != ED25519_SPKI:
        raise Unusable(f"{path}: no Ed25519 key")
    return name, key


def key_id(name, key):
    return sha256(name.encode(), b"\n", ED25519_ALGORITHM, key)[:4]


# --- Checks ----------------------------------------------------------------------


def check_gone(empty, gone, report):
    """Whether payloads are missing by right; neighbours that are so by the same entry are one line."""
    gone.sort(key=lambda item: (item.code, item.entry_id))  # what was erased and then pruned is pruned
    report.pruned = len(empty)
    run = []
    for link in sorted(empty, key=lambda link: (link.chain, link.seq)):
        by = run[-1][1] if run and run[-1][1].covers(link) and run[-1][1].code == "PRUNED" else \
            next((item for item in gone if item.covers(link)), None)
        if run and (by is not run[-1][1] or link.seq != run[-1][0].seq + 1):
            tell_gone(run, report)
            run = []
        if by:
            run.append((link, by))
        else:
            report.problem("ORPHAN_LINK", link.place())
    if run:
        tell_gone(run, report)


def tell_gone(run, report):
    (first, by), (last, _) = run[0], run[-1]
    report.problem(by.code, {"chain": first.chain, "seq": first.seq}, f"{first.seq}-{last.seq}", by.entry_id)


def check_payload(link, payload, log_id, report):
    """The entry; None when it is not that of the link."""
    report.payloads += 1
    leaf = hash_leaf(payload)
    if leaf != link.leaf:
        report.problem("PAYLOAD_HASH", link.place(), link.leaf, leaf)
    try:
        entry = decode_entry(payload)
    except BadEntry as error:
        report.problem("BAD_DECODE", link.place(), found=error)
        return None
    row = {"log_id": str(log_id), "epoch": link.epoch, "chain": link.chain, "entry_id": link.entry_id}
    others = {name: value for name, value in row.items() if entry[name] != value}
    for name, value in others.items():
        report.problem("BAD_DECODE", link.place(), f"{name}:{value}", f"{name}:{entry[name]}")
    return None if others or leaf != link.leaf else entry


def by_seq(link):
    return link.seq


def check_chain(links, label, log_id, report):
    """Follows one chain; more than one link at a place are all looked at."""
    before = []
    for seq, group in itertools.groupby(sorted(links, key=by_seq), key=by_seq):
        group = list(group)
        expected_seq = before[0].seq + 1 if before else FIRST_SEQ
        for other in group[1:]:
            report.problem("FORK", other.place(), group[0].link, other.link)
        if seq != expected_seq:
            report.problem("SEQ_GAP", group[0].place(), expected_seq, seq)
        else:
            for link in group:
                check_prev(link, before, label, log_id, report)
        before = group


def check_prev(link, before, label, log_id, report):
    """Whether link follows one of those before it, or begins its epoch."""
    if before and link.epoch < before[0].epoch:
        report.problem("EPOCH_BREAK", link.place(), before[0].epoch, link.epoch)
    elif before and link.epoch == before[0].epoch:
        if link.prev not in [other.link for other in before]:
            report.problem("PREV_MISMATCH", link.place(), before[0].link, link.prev)
    elif label is None:
        report.problem("EPOCH_BREAK", link.place(), found="no-label")
    else:
        heads = [other.link for other in before] or [NO_HEAD]
        beginnings = [hash_genesis(log_id, link, label, head) for head in heads]
        if link.prev not in beginnings:
            report.problem("EPOCH_BREAK", link.place(), beginnings[0], link.prev)


def check_entries(links, report):
    """An entry that is linked a second time passes every other check."""
    seen = set()
    for link in links:
        if link.entry_id in seen:
            report.problem("FORK", link.place(), found="entry-linked-twice")
        seen.add(link.entry_id)


def check_order(links, report):
    """The tree takes the links of a chain one after the other and leaves out none."""
    last, left_out = -1, False
    for link in sorted(links, key=by_seq):
        if link.idx is None:
            left_out = True
            continue
        if left_out or link.idx < last:
            report.problem("TREE_ROOT", link.place(), found="out-of-order")
        last, left_out = link.idx, False


def check_tree(links, report):
    """The links of the tree in order, up to the first hole, and the size that it claims."""
    leaves, size = [], 0
    for link in sorted((link for link in links if link.idx is not None), key=lambda link: link.idx):
        if link.idx < size:
            report.problem("FORK", link.place(), leaves[-1] if leaves else None, link.link)
            continue
        if link.idx > size:
            report.problem("TREE_ROOT", link.place(), size, link.idx)
        if link.idx == len(leaves):
            leaves.append(link.link)
        size = link.idx + 1
    return leaves, size


def check_checkpoint(note, log_id, leaves, size, report):
    place = {"checkpoint": note.size}
    origin = f"rigalpha/{log_id}"
    if note.origin != origin:
        report.problem("CHECKPOINT_SIG", place, origin, note.origin)
    if note.size > size:
        report.problem("CHECKPOINT_AHEAD", place, note.size, size)
    elif note.size > len(leaves):
        report.not_checked(f"the root of checkpoint {note.size}: leaves are missing")
    else:
        root = tree_roots(leaves[:note.size], {note.size})[note.size]
        if root != note.root:
            report.problem("TREE_ROOT", place, note.root, root)


def check_signature(note, name, key, report):
    """One signature by the key is enough; those by others, witnesses say, are not judged."""
    for signer, data in note.signatures:
        if name in (None, signer) and data[:4] == key_id(signer, key):
            if len(data) == 68 and is_signed(note.text, data[4:], key):
                return
    report.problem("CHECKPOINT_SIG", {"checkpoint": note.size}, found="no-good-signature")


def is_signed(text, signature, key):
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        pem = base64.encodebytes(ED25519_SPKI + key).decode()
        content = {"key": f"-----BEGIN PUBLIC KEY-----\n{pem}-----END PUBLIC KEY-----\n".encode(), "text": text,
                   "signature": signature}
        for part, data in content.items():
            paths[part] = os.path.join(folder, part)
            with open(paths[part], "wb") as file:
                file.write(data)
        command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", paths["key"], "-in", paths["text"],
                   "-sigfile", paths["signature"]]
        try:
            result = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise Unusable(f"openssl: {error}") from error
    if result.returncode == 0:
        return True
    if "Signature Verification Failure" not in result.stdout + result.stderr:
        raise Unusable(f"openssl: {result.stderr.strip()}")
    return False


def check_log(options, report):
    labels = read_labels(options.labels)
    notes = [read_note(path) for path in options.checkpoint]
    key = read_key(options.key) if options.key else None
    links, empty, gone = read_links(options.links, options.log_id, report)
    check_gone(empty, gone, report)
    chains = {}
    for link in links:
        chains.setdefault(link.chain, []).append(link)
    for chain, members in sorted(chains.items()):
        check_chain(members, labels.get(chain), options.log_id, report)
        check_order(members, report)
    check_entries(links, report)
    leaves, size = check_tree(links, report)
    for note in notes:
        check_checkpoint(note, options.log_id, leaves, size, report)
        if key:
            check_signature(note, *key, report)
    print(f"# checked: {len(links)} links in {len(chains)} chains, {report.payloads} payloads, a tree of {len(leaves)}"
          f" leaves, {len(notes)} checkpoints")
    root = base64.b64encode(tree_roots(leaves, {len(leaves)})[len(leaves)]).decode()
    print(f"# root of the first {len(leaves)} leaves: {root}")
    tell_limits(links, notes, key, size, report)


def tell_limits(links, notes, key, size, report):
    anchored = max((note.size for note in notes), default=0)
    beyond = sum(link.idx is None or link.idx >= anchored for link in links)
    if not notes:
        report.not_checked("whether the log was rewritten as a whole or cut at its end: there is no checkpoint")
    elif beyond:
        report.not_checked(f"whether the last {beyond} links were rewritten: no checkpoint covers them")
    if notes and not key:
        report.not_checked("who signed the checkpoints: there is no key")
    if key and not notes:
        report.not_checked("the key: there is no checkpoint")
    if report.pruned:
        report.not_checked(f"{report.pruned} payloads that are gone")
    waiting = sum(link.idx is None for link in links)
    if waiting:
        report.not_checked(f"{waiting} links that are not in the tree yet" if size else
                           "the tree: no link is in it")
    if notes:
        report.not_checked("the lines epoch, chains, guard and time of the checkpoints, except as signed text")
    report.not_checked("the rows that the entries speak of, and whether what entries say is true, times among it")
    for what in report.unchecked:
        print(f"# not checked: {what}")


def parse_options(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("links", metavar="LINKS", help="the exported links")
    parser.add_argument("--log-id", required=True, type=uuid.UUID, metavar="UUID",
                        help="of the log, from a source you trust")
    parser.add_argument("--labels", required=True, metavar="LABELS", help="names of the chains")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="NOTE",
                        help="a checkpoint that was kept elsewhere; may be given more than once")
    parser.add_argument("--key", metavar="FILE", help="public key that the checkpoints must be signed with")
    parser.add_argument("--allow-pruned", action="store_true", help="list payloads that were dropped or erased by the retention, but not as problems")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse_options(arguments)
    report = Report(options.allow_pruned)
    try:
        check_log(options, report)
    except Unusable as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        return 2
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
