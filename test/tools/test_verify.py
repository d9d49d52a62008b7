"""The portable verifier of the audit log: the reference log as it is, and after every kind of attack."""
import base64
import copy
import csv
import importlib.util
import json
import os
import subprocess
import sys

import harness
from harness import ROOT, equal, ok

VERIFY = os.path.join(ROOT, "tools", "rigalpha-verify.py")
REFERENCE = os.path.join(ROOT, "test", "ref")
COLUMNS = ("chain", "seq", "epoch", "entry_id", "payload_hex", "prev_hex", "leaf_hex", "link_hex", "idx")
LAST = "checkpoint-11"
OTHER_LOG = "00000000-0000-0000-0000-000000000001"

sys.dont_write_bytecode = True
sys.path.insert(0, REFERENCE)
import audit_reference as reference  # noqa: E402


def load_vectors():
    with open(os.path.join(REFERENCE, "audit_vectors.json"), encoding="utf-8") as file:
        return json.load(file)


def load_verifier():
    spec = importlib.util.spec_from_file_location("rigalpha_verify", VERIFY)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


VECTORS = load_vectors()


def path_of(name):
    return os.path.join(harness.scratch, "verify-" + name)


def write(name, content):
    with open(path_of(name), "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return path_of(name)


def write_table(name, columns, rows):
    with open(path_of(name), "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path_of(name)


def rows():
    """The reference log as the rows of an export, by name of the column."""
    names = {"payload_hex": "payload", "prev_hex": "prev", "leaf_hex": "leaf", "link_hex": "link"}
    return [{name: row[names.get(name, name)] for name in COLUMNS} for row in copy.deepcopy(VECTORS["links"])]


def call(*arguments):
    return subprocess.run(["/usr/bin/python3", VERIFY, *arguments], capture_output=True, text=True, timeout=60,
                          check=False)


def verify(log, *options, labels=None, log_id=VECTORS["log_id"]):
    links = write_table("links.csv", COLUMNS, [[row[name] for name in COLUMNS] for row in log])
    names = write_table("labels.csv", ("chain", "label"), (VECTORS["labels"] if labels is None else labels).items())
    return call(links, "--log-id", log_id, "--labels", names, *options)


def anchored(name=LAST):
    return ["--checkpoint", path_of(name), "--key", path_of("key")]


def words(line):
    return dict(word.split("=", 1) for word in line.split()[1:] if "=" in word)


def found(result):
    """Each problem as its code and where it is: chain:seq, or the size of a checkpoint."""
    problems = []
    for line in result.stdout.splitlines():
        if not line.startswith("#"):
            fields = words(line)
            in_chain = f"{fields.get('chain')}:{fields.get('seq', '-')}"
            problems.append(f"{line.split()[0]} {'@' + fields['checkpoint'] if 'checkpoint' in fields else in_chain}")
    return problems


def finds(result, problems, name):
    equal((sorted(found(result)), result.returncode, result.stderr), (sorted(problems), 1 if problems else 0, ""), name)


def says(result, phrase, name):
    ok(phrase in result.stdout, name, result.stdout)


def at(log, chain, seq):
    return next(row for row in log if (row["chain"], row["seq"]) == (chain, seq))


# --- What an attacker does ---------------------------------------------------------


def new_payload(row, **changes):
    """An entry in place of that of a row, which says something else."""
    entry = reference.entry(kind=10, epoch=row["epoch"], chain=row["chain"], entry_id=row["entry_id"], reason="changed")
    return reference.payload_of({**entry, **changes}).hex()


def seal(row):
    """Makes leaf and link of a row anew."""
    row["leaf_hex"] = reference.leaf_of(bytes.fromhex(row["payload_hex"])).hex()
    row["link_hex"] = reference.link_of(row["epoch"], row["chain"], row["seq"], bytes.fromhex(row["prev_hex"]),
                                        bytes.fromhex(row["leaf_hex"])).hex()


def seal_all(log, chain):
    """Makes a whole chain anew, as somebody who can write every table does."""
    head, epoch = reference.ZEROS, 0
    for row in sorted((row for row in log if row["chain"] == chain), key=lambda row: row["seq"]):
        prev = head if row["epoch"] == epoch else reference.genesis_of(row["epoch"], chain, head)
        row["prev_hex"] = prev.hex()
        seal(row)
        head, epoch = bytes.fromhex(row["link_hex"]), row["epoch"]


def flip(digits, byte):
    changed = bytearray.fromhex(digits)
    changed[byte] ^= 1
    return changed.hex()


# --- Tests -------------------------------------------------------------------------


def check_vectors(verifier):
    """The verifier comes to the bytes of the reference by itself."""
    decoded = [verifier.decode_entry(bytes.fromhex(entry["payload"])) for entry in VECTORS["entries"]]
    wanted = [{name: value for name, value in entry.items() if name not in ("payload", "leaf")}
              for entry in VECTORS["entries"]]
    equal(decoded, wanted, "it decodes the reference entries")
    leaves = [verifier.hash_leaf(bytes.fromhex(entry["payload"])).hex() for entry in VECTORS["entries"]]
    equal(leaves, [entry["leaf"] for entry in VECTORS["entries"]], "it hashes them")
    contents = [bytes.fromhex(leaf) for leaf in VECTORS["published_tree"]["leaves"]]
    roots = verifier.tree_roots(contents, set(range(len(contents) + 1)))
    equal([roots[size].hex() for size in sorted(roots)], VECTORS["published_tree"]["roots"],
          "it has the published roots")
    check_damage(verifier)


def check_damage(verifier):
    def is_refused(payload):
        try:
            verifier.decode_entry(payload)
        except verifier.BadEntry:
            return True
        return False

    payload = bytes.fromhex(VECTORS["entries"][1]["payload"])
    ok(all(is_refused(payload[:size]) for size in range(len(payload))),
       "an entry that was cut off is refused, wherever")
    ok(is_refused(payload + b"\0"), "and one with a byte behind it")
    ok(is_refused(reference.payload_of(reference.entry(reason="a\0b"))), "and one with a zero byte in a text")
    flipped = [payload[:place] + bytes([payload[place] ^ change]) + payload[place + 1:]
               for place in range(len(payload)) for change in (1, 0x80, 0xff)]
    refused = sum(is_refused(other) for other in flipped)
    ok(0 < refused < len(flipped), f"a changed byte is refused or another entry: {refused} of {len(flipped)} refused")


def check_generator():
    for options, name in (([], "audit_vectors.json"), (["--header"], "audit_reference.h")):
        made = subprocess.run(["/usr/bin/python3", os.path.join(REFERENCE, "audit_reference.py"), *options],
                              capture_output=True, text=True, timeout=60, check=True).stdout
        with open(os.path.join(REFERENCE, name), encoding="utf-8") as file:
            ok(file.read() == made, f"{name} is what its generator makes")


def check_clean():
    result = verify(rows())
    finds(result, [], "the log as it is")
    says(result, "there is no checkpoint", "it says that nothing anchors it")
    root = base64.b64encode(bytes.fromhex(VECTORS["log_tree_roots"][-1])).decode()
    says(result, f"# root of the first 11 leaves: {root}", "it prints the root, to compare by hand")
    finds(verify(list(reversed(rows()))), [], "the order of rows in the file is of no account")
    finds(verify([]), [], "an empty log")
    for name in ("checkpoint-5", "checkpoint-8", LAST):
        result = verify(rows(), *anchored(name))
        finds(result, [], f"with {name}, signed")
    ok("there is no key" not in result.stdout and "no checkpoint covers" not in result.stdout,
       "of a log that is anchored to its end it says nothing of the kind", result.stdout)
    finds(verify(rows(), *anchored(), "--checkpoint", path_of("checkpoint-5")), [], "with two checkpoints")
    result = verify(rows(), "--checkpoint", path_of("checkpoint-8"))
    finds(result, [], "a checkpoint without a key")
    says(result, "there is no key", "it says that nobody is known to have signed it")
    says(result, "the last 3 links", "and what it leaves open")
    waiting = [{**row, "idx": row["idx"] if row["idx"] < 8 else ""} for row in rows()]
    result = verify(waiting, *anchored("checkpoint-8"))
    finds(result, [], "links that are not in the tree yet")
    says(result, "3 links that are not in the tree yet", "it says how many")
    printed = [{**row, "payload_hex": "\\x" + row["payload_hex"]} for row in rows()]
    finds(verify(printed), [], "bytes as the server prints them")


def check_edit():
    log = rows()
    row = at(log, 7, 3)
    row["payload_hex"] = new_payload(row)
    finds(verify(log, *anchored()), ["PAYLOAD_HASH 7:3"], "another payload")
    row["leaf_hex"] = reference.leaf_of(bytes.fromhex(row["payload_hex"])).hex()
    finds(verify(log, *anchored()), ["LINK_HASH 7:3"], "another payload and leaf")
    seal(row)
    finds(verify(log), ["PREV_MISMATCH 7:4"], "another payload, leaf and link")
    finds(verify(log, *anchored()), ["PREV_MISMATCH 7:4", "TREE_ROOT @11"], "and against a checkpoint")
    seal_all(log, 7)
    finds(verify(log), [], "a chain made anew is not found without a checkpoint")
    finds(verify(log, *anchored()), ["TREE_ROOT @11"], "but with one")
    finds(verify(log, *anchored("checkpoint-5")), ["TREE_ROOT @5"], "and with an earlier one")

    log = rows()
    payload = at(log, 7, 3)["payload_hex"]
    at(log, 7, 3)["payload_hex"] = flip(payload, bytes.fromhex(payload).rindex(b"note"))
    finds(verify(log, *anchored()), ["PAYLOAD_HASH 7:3"], "one bit of a payload")
    for column, problems in (("leaf_hex", ["PAYLOAD_HASH 7:3", "LINK_HASH 7:3"]),
                             ("prev_hex", ["LINK_HASH 7:3", "PREV_MISMATCH 7:3"]),
                             ("link_hex", ["LINK_HASH 7:3", "PREV_MISMATCH 7:4", "TREE_ROOT @11"])):
        log = rows()
        at(log, 7, 3)[column] = flip(at(log, 7, 3)[column], 0)
        finds(verify(log, *anchored()), problems, f"one bit of {column}")


def check_epochs():
    log = rows()
    row = at(log, 7, 4)
    row["payload_hex"] = new_payload(row)
    seal(row)
    finds(verify(log), ["EPOCH_BREAK 7:5"], "the last link before an epoch made anew")
    log = rows()
    row = at(log, 7, 1)
    row["prev_hex"] = flip(row["prev_hex"], 0)
    seal(row)
    at(log, 7, 2)["prev_hex"] = row["link_hex"]
    seal(at(log, 7, 2))
    finds(verify(log), ["EPOCH_BREAK 7:1", "PREV_MISMATCH 7:3"], "a chain that begins with something else")
    log = rows()
    row = at(log, 7, 6)
    row["epoch"] = 1
    row["payload_hex"] = new_payload(row)
    seal(row)
    finds(verify(log), ["EPOCH_BREAK 7:6", "EPOCH_BREAK 7:7"], "an epoch that goes back")
    seal_all(log, 7)
    finds(verify(log), ["EPOCH_BREAK 7:6"], "also when it begins as it must")
    finds(verify(rows(), labels={**VECTORS["labels"], "7": "Bohranlage"}), ["EPOCH_BREAK 7:1", "EPOCH_BREAK 7:5"],
          "another label")
    finds(verify(rows(), labels={"7": VECTORS["labels"]["7"]}), ["EPOCH_BREAK 0:1", "EPOCH_BREAK 0:3"], "no label")


def check_delete():
    log = rows()
    log.remove(at(log, 7, 3))
    finds(verify(log, *anchored()), ["SEQ_GAP 7:4", "TREE_ROOT 7:4"], "a deleted link leaves a gap in chain and tree")
    log = [{**row, "idx": idx} for idx, row in enumerate(log)]
    finds(verify(log, *anchored("checkpoint-8")), ["SEQ_GAP 7:4", "TREE_ROOT @8"], "with the tree numbered anew")
    log = rows()
    log.remove(at(log, 7, 1))
    finds(verify(log), ["SEQ_GAP 7:2", "TREE_ROOT 7:2"], "the first link of a chain deleted")
    log = rows()
    log.remove(at(log, 7, 3))
    for row in log:
        row["seq"] -= row["chain"] == 7 and row["seq"] > 3
    seal_all(log, 7)
    log = [{**row, "idx": idx} for idx, row in enumerate(log)]
    finds(verify(log), [], "a chain closed and made anew is not found without a checkpoint")
    finds(verify(log, *anchored("checkpoint-8")), ["TREE_ROOT @8"], "but with one")
    finds(verify(log, *anchored()), ["CHECKPOINT_AHEAD @11"], "and is too short for a later one")
    finds(verify([row for row in rows() if row["chain"] == 0], *anchored()),
          ["TREE_ROOT 0:2", "TREE_ROOT 0:3", "TREE_ROOT 0:4", "CHECKPOINT_AHEAD @11"], "a chain deleted as a whole")


def check_cut():
    finds(verify(rows()[:-3]), [], "a tail that was cut off is not found without a checkpoint")
    finds(verify(rows()[:-3], *anchored()), ["CHECKPOINT_AHEAD @11"], "but with one")
    finds(verify(rows()[:-3], *anchored("checkpoint-8")), [], "an older one does not reach as far")
    finds(verify([], *anchored("checkpoint-5")), ["CHECKPOINT_AHEAD @5"], "a log that was emptied")


def check_insert():
    log = rows()
    forged = {**at(log, 7, 3), "entry_id": 500, "idx": ""}
    forged["payload_hex"] = new_payload(forged)
    seal(forged)
    finds(verify([*log, forged], *anchored()), ["FORK 7:3", "TREE_ROOT 7:4"], "a second link at a place")
    forged["idx"] = 4
    finds(verify([*log[:4], forged, *log[5:]], *anchored()), ["PREV_MISMATCH 7:4", "TREE_ROOT @11"],
          "one in the place of another")
    last = at(log, 7, 7)
    forged = {**last, "seq": 8, "prev_hex": last["link_hex"], "entry_id": 500}
    forged["payload_hex"] = new_payload(forged)
    seal(forged)
    finds(verify([*log, forged], *anchored()), ["FORK 7:8"], "a second link in a place of the tree")
    forged["idx"] = 11
    result = verify([*log, forged], *anchored())
    finds(result, [], "one more at the end, behind the last checkpoint, is as good as true")
    says(result, "the last 1 links", "which it says")
    forged = {**forged, "entry_id": last["entry_id"], "payload_hex": last["payload_hex"]}
    seal(forged)
    finds(verify([*log, forged]), ["FORK 7:8"], "an old entry linked once more")


def check_reorder():
    log = rows()
    first, second = at(log, 7, 2), at(log, 7, 3)
    first["seq"], second["seq"] = 3, 2
    finds(verify(log), ["LINK_HASH 7:2", "LINK_HASH 7:3", "PREV_MISMATCH 7:2", "PREV_MISMATCH 7:3", "PREV_MISMATCH 7:4",
                        "TREE_ROOT 7:3"], "two links exchanged")
    seal_all(log, 7)
    finds(verify(log), ["TREE_ROOT 7:3"], "and made anew, the tree has another order")
    first["idx"], second["idx"] = second["idx"], first["idx"]
    finds(verify(log), [], "also numbered anew it is not found without a checkpoint")
    finds(verify(log, *anchored()), ["TREE_ROOT @11"], "but with one")
    log = rows()
    log[0]["idx"], log[1]["idx"] = 1, 0
    finds(verify(log), [], "neither is the order between chains")
    finds(verify(log, *anchored("checkpoint-5")), ["TREE_ROOT @5"], "except by the tree")
    log = rows()
    first, second = at(log, 0, 1), at(log, 7, 3)
    first["payload_hex"], second["payload_hex"] = second["payload_hex"], first["payload_hex"]
    finds(verify(log), ["PAYLOAD_HASH 0:1", "PAYLOAD_HASH 7:3", "BAD_DECODE 0:1", "BAD_DECODE 0:1", "BAD_DECODE 7:3",
                        "BAD_DECODE 7:3"], "payloads exchanged")


def check_payloads():
    log = rows()
    row = at(log, 7, 7)
    row["payload_hex"] = row["payload_hex"][:-2]
    seal(row)
    finds(verify(log), ["BAD_DECODE 7:7"], "a payload that is no entry")
    for name, value in (("epoch", 9), ("chain", 9), ("entry_id", 9), ("log_id", OTHER_LOG)):
        row["payload_hex"] = new_payload(row, **{name: value})
        seal(row)
        finds(verify(log), ["BAD_DECODE 7:7"], f"an entry with another {name}")
    unlinked = dict.fromkeys(COLUMNS, "") | {"chain": 7, "entry_id": 600}
    finds(verify([*rows(), unlinked]), ["UNLINKED_ENTRY 7:-"], "an entry without a link")
    result = verify(rows(), log_id=OTHER_LOG)
    equal({problem.split()[0] for problem in found(result)}, {"LINK_HASH", "BAD_DECODE", "EPOCH_BREAK"}, "another log")


def allowing(log, operation, entry_id=900, **ranges):
    """The log with one more entry, of the retention, which says what may be missing."""
    last = max((row for row in log if row["chain"] == 0), key=lambda row: row["seq"])
    row = {**last, "seq": last["seq"] + 1, "prev_hex": last["link_hex"], "entry_id": entry_id, "idx": ""}
    columns = [reference.column(1, "before", "text", "2026-01-01")]
    columns += [reference.column(2, name.replace("_", " "), "text", places) for name, places in ranges.items()]
    row["payload_hex"] = new_payload(row, kind=13, operation=operation, new=columns)
    seal(row)
    return [*log, row]


def without(*places):
    return [{**row, "payload_hex": "" if (row["chain"], row["seq"]) in places else row["payload_hex"]} for row in rows()]


def check_retention():
    log = without((0, 1), (7, 1), (7, 2), (7, 3), (7, 5))
    orphans = ["ORPHAN_LINK 0:1", "ORPHAN_LINK 7:1", "ORPHAN_LINK 7:2", "ORPHAN_LINK 7:3", "ORPHAN_LINK 7:5"]
    finds(verify(log, *anchored()), orphans, "payloads that are gone")
    pruned = allowing(log, "prune", chain_0="1-1", chain_7="1-3 5-6")
    result = verify(pruned, *anchored())
    finds(result, ["PRUNED 0:1", "PRUNED 7:1", "PRUNED 7:5"], "those that were pruned, as ranges")
    says(result, "PRUNED chain=7 seq=1 expected=1-3 found=900", "with the entry that says so")
    says(result, "5 payloads that are gone", "and are said to be unchecked")
    result = verify(pruned, *anchored(), "--allow-pruned")
    equal((found(result), result.returncode), (["PRUNED 0:1", "PRUNED 7:1", "PRUNED 7:5"], 0), "which may be allowed")
    result = verify(allowing(log, "prune", chain_0="1-1", chain_7="1-2"), *anchored(), "--allow-pruned")
    equal((found(result), result.returncode), (["PRUNED 0:1", "PRUNED 7:1", "ORPHAN_LINK 7:3", "ORPHAN_LINK 7:5"], 1),
          "what is not within the ranges is stolen")
    finds(verify(allowing(without((7, 3)), "redact", chain_7="3-3"), *anchored()), ["REDACTED 7:3"], "one that was erased")
    erased = allowing(allowing(log, "redact", chain_7="2-2"), "prune", 901, chain_0="1-1", chain_7="1-3 5-5")
    finds(verify(erased, *anchored()), ["PRUNED 0:1", "PRUNED 7:1", "PRUNED 7:5"], "one that was erased, then pruned with its neighbours")
    finds(verify(allowing(without((7, 3)), "prune", 1, chain_7="3-3")), ["ORPHAN_LINK 7:3"], "an entry that is older than what it speaks of")
    for name, change in (("payload", lambda row: {"payload_hex": flip(row["payload_hex"], -1)}),
                         ("link", lambda row: {"link_hex": flip(row["link_hex"], 0)}),
                         ("number", lambda row: {"entry_id": 902})):
        changed = [*pruned[:-1], {**pruned[-1], **change(pruned[-1])}]
        ok(set(orphans) <= set(found(verify(changed))), f"an entry of the retention whose {name} was changed allows nothing")
    for places in ("", "1", "1-", "x-3", "3-1", "-1-3"):
        result = verify(allowing(without((7, 2)), "prune", chain_7=places))
        finds(result, ["ORPHAN_LINK 7:2"], f"nor do the places {places!r}")
    finds(verify(allowing(without((7, 2)), "other", chain_7="2-2")), ["ORPHAN_LINK 7:2"], "nor another operation")


def check_signatures():
    note = VECTORS["checkpoints"][-1]["note"]
    for name in ("pem", "raw"):
        finds(verify(rows(), "--checkpoint", path_of(LAST), "--key", path_of(name)), [], f"the key as {name}")
    text, signature = note.split("\n\n")
    changed = {
        "time": note.replace("time 1767614410000011", "time 1767614410000012"),
        "unsigned": text + "\n\n",
        "signer": f"{text}\n\n{signature.replace('rigalpha/reference', 'rigalpha/other')}",
        "bit": f"{text}\n\n— rigalpha/reference {base64.b64encode(bytes(68)).decode()}\n",
    }
    for name, content in changed.items():
        write(name, content)
        finds(verify(rows(), *anchored(name)), ["CHECKPOINT_SIG @11"], f"a note changed in its signed part: {name}")
    identity = reference.sha256(b"rigalpha/other\n\x01", base64.b64decode(VECTORS["key"].split("+", 2)[2])[1:])[:4]
    signed = identity + base64.b64decode(signature.split()[-1])[4:]
    write("renamed", f"{text}\n\n— rigalpha/other {base64.b64encode(signed).decode()}\n")
    finds(verify(rows(), *anchored("renamed")), ["CHECKPOINT_SIG @11"],
          "signed under another name than that of the key")
    finds(verify(rows(), "--checkpoint", path_of("renamed"), "--key", path_of("pem")), [],
          "which a key without name allows")
    write("cosigned", f"{text}\n\n— witness.example/w {base64.b64encode(bytes(76)).decode()}\n{signature}")
    finds(verify(rows(), *anchored("cosigned")), [], "a witness may have signed too")
    write("other", bytes(31) + b"\1")
    finds(verify(rows(), "--checkpoint", path_of(LAST), "--key", path_of("other")), ["CHECKPOINT_SIG @11"],
          "another key")
    write("elsewhere", note.replace(VECTORS["log_id"], OTHER_LOG + "\x1b"))
    result = verify(rows(), "--checkpoint", path_of("elsewhere"))
    finds(result, ["CHECKPOINT_SIG @11"], "a checkpoint of another log")
    ok("\x1b" not in result.stdout, "nothing of a note reaches the terminal raw")


def check_appended():
    """A file that checkpoints were appended to, as the signer leaves it."""
    notes = [checkpoint["note"] for checkpoint in VECTORS["checkpoints"]]
    write("appended", "\n".join(notes))
    result = verify(rows(), *anchored("appended"))
    finds(result, [], "of several checkpoints in a file one counts")
    says(result, "not checked: the lines epoch", "and is checked")
    log = rows()
    for row in log:
        row["idx"] = row["idx"] if int(row["idx"]) < 10 else ""
    finds(verify(log, *anchored("appended")), ["CHECKPOINT_AHEAD @11"], "the last one")
    lengths = range(1, len(notes[-1].encode()), 7)
    seen = set()
    for length in lengths:
        write("torn", "\n".join(notes[:-1] + [""]).encode() + notes[-1].encode()[:length])
        seen.update(found(verify(log[:7], *anchored("torn"))))
    ok({problem for problem in seen if "CHECKPOINT" in problem} == {"CHECKPOINT_AHEAD @8"},
       "what a crash left of the last one is passed over", seen)
    write("resumed", "\n".join([notes[0], notes[1][:40], notes[2]]))
    finds(verify(rows(), *anchored("resumed")), [], "also in the middle")


def check_unusable():
    def refuses(result, message, name):
        ok(result.returncode == 2 and message in result.stderr and "Traceback" not in result.stderr, name,
           f"{result.returncode}: {result.stderr}")

    for column, value in (("seq", "x"), ("seq", "-1"), ("chain", str(2**32)), ("payload_hex", "zz"), ("leaf_hex", "00"),
                          ("link_hex", ""), ("idx", "1.5"), ("entry_id", "")):
        log = rows()
        log[3][column] = value
        refuses(verify(log), "line 5", f"{column} {value!r:.12} cannot be used")
    options = ("--log-id", VECTORS["log_id"], "--labels", path_of("labels.csv"))
    refuses(call(write("bad.csv", "chain,seq\n1,1\n"), *options), "no column epoch", "nor can a table without columns")
    refuses(call(write("bad.csv", ",".join(COLUMNS) + "\n1,1\n"), *options), "line 2", "nor a short row")
    refuses(call(write("bad.csv", b"\xff\xfe"), *options), "bad.csv", "nor what is no text")
    refuses(call(path_of("absent.csv"), *options), "absent.csv", "nor no file")
    for content in ("", "no note\n", "rigalpha/x\n5\nAAAA\n\n— a b\n", "rigalpha/x\nfive\n" + "A" * 43 + "=\n\n"):
        result = verify(rows(), "--checkpoint", write("bad.note", content))
        refuses(result, "no signed note", f"nor the note {content!r:.30}")
    for content in ("", "name", "name+00000000+AQ==", VECTORS["key"].replace("+", "x+", 1),
                    "-----BEGIN PUBLIC KEY-----\nAAAA\n-----E"):
        result = verify(rows(), *anchored()[:2], "--key", write("bad.key", content))
        refuses(result, "bad.key", f"nor the key {content!r:.30}")


def run():
    write("key", VECTORS["key"] + "\n")
    write("pem", VECTORS["key_pem"])
    write("raw", base64.b64decode(VECTORS["key"].split("+", 2)[2])[1:])
    for checkpoint in VECTORS["checkpoints"]:
        write(f"checkpoint-{checkpoint['size']}", checkpoint["note"])
    check_vectors(load_verifier())
    check_generator()
    for check in (check_clean, check_edit, check_epochs, check_delete, check_cut, check_insert, check_reorder,
                  check_payloads, check_retention, check_signatures, check_appended, check_unusable):
        check()
