#!/usr/bin/python3
"""Writes the test vectors of the audit log: entries, a log of two chains over two epochs, trees, checkpoints.

    /usr/bin/python3 test/ref/audit_reference.py > test/ref/audit_vectors.json
    /usr/bin/python3 test/ref/audit_reference.py --header > test/ref/audit_reference.h

Written from the description of the format alone: it shares no code with the core or with
tools/rigalpha-verify.py, which must both come to the same bytes. The published vectors of
Certificate Transparency are checked on the way. Needs the program openssl for the signatures.
"""
import base64
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import uuid

LOG_ID = uuid.UUID("6f1d8a52-0c3e-4b7a-9d10-5e2f7c4b8a96")
LABELS = {0: "administration", 7: "Bohranlage Ä-3"}
KEY_NAME = "rigalpha/reference"
KEY_SEED = bytes(range(32))
TEXTS = ("session_user", "current_user", "app_user", "app_session", "client_address", "source", "machine", "schema",
         "relation", "operation", "reason")
IMAGES = ("key", "old", "new")
FLAGS = {"null": 0, "text": 1, "redacted": 2}
ZEROS = bytes(32)

CT_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
CT_ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
CT_INCLUSION = {
    (0, 8): ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
             "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"],
}
CT_CONSISTENCY = {
    (1, 8): CT_INCLUSION[0, 8],
    (6, 8): ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
             "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
             "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
    (2, 5): ["5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"],
}


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# --- Entries ---------------------------------------------------------------------


def entry(**fields):
    """An entry as a dictionary; what is not named is zero, NULL or absent."""
    result = {"kind": 1, "flags": 0, "log_id": str(LOG_ID), "epoch": 1, "chain": 0, "entry_id": 1, "xid": 731, "at": 0,
              "xact_at": 0, **dict.fromkeys(TEXTS), **dict.fromkeys(IMAGES)}
    assert set(fields) <= set(result)
    return {**result, **fields}


def column(attnum, name, kind, value, flag=None):
    return {"attnum": attnum, "name": name, "type": kind, "flag": flag or ("null" if value is None else "text"),
            "value": value}


def text_bytes(text):
    if text is None:
        return struct.pack(">i", -1)
    encoded = text.encode()
    return struct.pack(">i", len(encoded)) + encoded


def image_bytes(image):
    if image is None:
        return struct.pack(">BH", 0, 0)
    columns = (struct.pack(">h", c["attnum"]) + text_bytes(c["name"]) + text_bytes(c["type"])
               + struct.pack(">B", FLAGS[c["flag"]]) + text_bytes(c["value"]) for c in image)
    return struct.pack(">BH", 1, len(image)) + b"".join(columns)


def payload_of(e):
    head = b"RGA1" + struct.pack(">BB", e["kind"], e["flags"]) + uuid.UUID(e["log_id"]).bytes
    head += struct.pack(">IIQQqq", e["epoch"], e["chain"], e["entry_id"], e["xid"], e["at"], e["xact_at"])
    return head + b"".join(text_bytes(e[name]) for name in TEXTS) + b"".join(image_bytes(e[name]) for name in IMAGES)


def leaf_of(payload):
    return sha256(b"\x00", payload)


def sample_entries():
    """What an encoding may look like, its limits among it."""
    secret = hashlib.sha256(b"salt" * 4 + b"secret").hexdigest()
    return [
        entry(),
        entry(kind=2, flags=5, epoch=3, chain=7, entry_id=90210, at=1767614400123456, xact_at=1767614400000001,
              session_user="rigalpha_web", current_user="rigalpha_operator", app_user="ada",
              app_session="0123456789abcdef", client_address="192.0.2.7/32",
              source="trigger", machine="Bohranlage Ä-3", schema="rigalpha", relation="sensors", operation="UPDATE",
              reason="",
              key=[column(1, "id", "bigint", "5")],
              old=[column(1, "id", "bigint", "5"), column(2, "name", "text", ""), column(4, "low", "real", None)],
              new=[column(1, "id", "bigint", "5"), column(2, "name", "text", "Öldruck €"),
                   column(4, "low", "real", "0.30000001")]),
        entry(kind=7, source="login", app_user="", operation="failed", reason="28P01", key=[],
              new=[column(3, "password", "text", secret, "redacted"), column(-6, "tableoid", "oid", "16403")]),
        entry(kind=255, flags=255, epoch=2**32 - 1, chain=2**32 - 1, entry_id=2**64 - 1, xid=2**64 - 1, at=-2**63,
              xact_at=2**63 - 1, old=[column(32767, "", "", ""), column(-32768, None, None, None)], new=[],
              operation="quote \" backslash \\ line\nend \x7f", reason="𝛑" * 3),
    ]


# --- The log ---------------------------------------------------------------------


def genesis_of(epoch, chain, head):
    return sha256(b"\x03", LOG_ID.bytes, struct.pack(">II", epoch, chain), text_bytes(LABELS[chain]), head)


def link_of(epoch, chain, seq, prev, leaf):
    return sha256(b"\x02", LOG_ID.bytes, struct.pack(">IIQ", epoch, chain, seq), prev, leaf)


def sample_links():
    """Eleven links in the order of the tree."""
    order = [(1, 0), (1, 7), (1, 7), (1, 0), (1, 7), (1, 7), (2, 0), (2, 7), (2, 7), (2, 0), (2, 7)]
    heads = {chain: (0, 0, ZEROS) for chain in LABELS}
    links = []
    for idx, (epoch, chain) in enumerate(order):
        seq, last_epoch, head = heads[chain]
        e = entry(kind=10, epoch=epoch, chain=chain, entry_id=100 + idx, at=1767614400000000 + 1000 * idx,
                  xact_at=1767614400000000, session_user="rigalpha_web", source="note", machine=LABELS[chain],
                  operation="note", reason=f"note {idx}", key=[column(1, "id", "bigint", str(idx))])
        payload = payload_of(e)
        leaf = leaf_of(payload)
        prev = head if epoch == last_epoch else genesis_of(epoch, chain, head)
        link = link_of(epoch, chain, seq + 1, prev, leaf)
        heads[chain] = (seq + 1, epoch, link)
        links.append({"idx": idx, "chain": chain, "seq": seq + 1, "epoch": epoch, "entry_id": e["entry_id"],
                      "payload": payload.hex(), "prev": prev.hex(), "leaf": leaf.hex(), "link": link.hex()})
    return links


# --- Trees: RFC 6962, section 2.1, word by word ------------------------------------


def split(count):
    k = 1
    while 2 * k < count:
        k *= 2
    return k


def tree_root(leaves):
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return sha256(b"\x00", leaves[0])
    k = split(len(leaves))
    return sha256(b"\x01", tree_root(leaves[:k]), tree_root(leaves[k:]))


def inclusion(m, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return inclusion(m, leaves[:k]) + [tree_root(leaves[k:])]
    return inclusion(m - k, leaves[k:]) + [tree_root(leaves[:k])]


def consistency(m, leaves, whole=True):
    if m == len(leaves):
        return [] if whole else [tree_root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return consistency(m, leaves[:k], whole) + [tree_root(leaves[k:])]
    return consistency(m - k, leaves[k:], False) + [tree_root(leaves[:k])]


def hexes(hashes):
    return [h.hex() for h in hashes]


def sample_tree(contents):
    leaves = [bytes.fromhex(content) for content in contents]
    sizes = range(1, len(leaves) + 1)
    return {
        "leaves": contents,
        "roots": [tree_root(leaves[:size]).hex() for size in range(len(leaves) + 1)],
        "inclusion": [{"index": index, "size": size, "path": hexes(inclusion(index, leaves[:size]))}
                      for size in sizes for index in range(size)],
        "consistency": [{"old_size": old, "size": size, "path": hexes(consistency(old, leaves[:size]))}
                        for size in sizes for old in range(1, size + 1)],
    }


def check_published(tree):
    assert dict(enumerate(tree["roots"])) == CT_ROOTS
    for proof in tree["inclusion"]:
        assert proof["path"] == CT_INCLUSION.get((proof["index"], proof["size"]), proof["path"])
    for proof in tree["consistency"]:
        assert proof["path"] == CT_CONSISTENCY.get((proof["old_size"], proof["size"]), proof["path"])


# --- Checkpoints -------------------------------------------------------------------


def pem(label, der):
    return f"-----BEGIN {label}-----\n{base64.b64encode(der).decode()}\n-----END {label}-----\n"


def run_openssl(*arguments, data=b""):
    """What openssl makes of the private key and data, each in a file."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {"KEY": os.path.join(folder, "key"), "DATA": os.path.join(folder, "data")}
        with open(paths["KEY"], "w", encoding="ascii") as file:
            file.write(pem("PRIVATE KEY", bytes.fromhex("302e020100300506032b657004220420") + KEY_SEED))
        with open(paths["DATA"], "wb") as file:
            file.write(data)
        return subprocess.run(["openssl", *(paths.get(word, word) for word in arguments)], check=True,
                              capture_output=True).stdout


def public_key():
    return run_openssl("pkey", "-in", "KEY", "-pubout", "-outform", "DER")[-32:]


def key_id():
    return sha256(KEY_NAME.encode(), b"\n\x01", public_key())[:4]


def base64_text(data):
    return base64.b64encode(data).decode()


def chain_heads(links):
    """Hash over chain, seq and last link of every chain, by chain."""
    heads = {row["chain"]: row for row in links}
    return sha256(*(struct.pack(">IQ", chain, heads[chain]["seq"]) + bytes.fromhex(heads[chain]["link"])
                    for chain in sorted(heads)))


def checkpoint(links, size):
    contained = links[:size]
    root = tree_root([bytes.fromhex(row["link"]) for row in contained])
    epoch = contained[-1]["epoch"]
    before = [row["link"] for row in contained if row["epoch"] < epoch]
    text = "\n".join([f"rigalpha/{LOG_ID}", str(size), base64_text(root),
                      f"epoch {epoch} prev {base64_text(bytes.fromhex(before[-1]) if before else ZEROS)}",
                      f"chains {base64_text(chain_heads(contained))}", f"guard {base64_text(sha256(b'guard'))}",
                      f"time {1767614410000000 + size}", ""])
    signature = run_openssl("pkeyutl", "-sign", "-rawin", "-inkey", "KEY", "-in", "DATA", data=text.encode())
    note = f"{text}\n— {KEY_NAME} {base64_text(key_id() + signature)}\n"
    return {"size": size, "root": root.hex(), "note": note}


def make_vectors():
    links = sample_links()
    published = sample_tree(CT_LEAVES)
    check_published(published)
    entries = sample_entries()
    for e in entries:
        e["payload"] = payload_of(e).hex()
        e["leaf"] = leaf_of(payload_of(e)).hex()
    return {
        "log_id": str(LOG_ID),
        "labels": {str(chain): label for chain, label in LABELS.items()},
        "entries": entries,
        "links": links,
        "published_tree": published,
        "log_tree_roots": [tree_root([bytes.fromhex(row["link"]) for row in links[:size]]).hex()
                           for size in range(len(links) + 1)],
        "key": "+".join([KEY_NAME, key_id().hex(), base64_text(bytes([1]) + public_key())]),
        "key_pem": pem("PUBLIC KEY", bytes.fromhex("302a300506032b6570032100") + public_key()),
        "checkpoints": [checkpoint(links, size) for size in (5, 8, 11)],
    }


# --- As a C header -----------------------------------------------------------------


def c_text(text):
    if text is None:
        return "{NULL, -1}"
    quoted = "".join(chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
                     for byte in text.encode())
    return f'{{"{quoted}", {len(text.encode())}}}'


def c_hex(digits, indent):
    """A string of hexadecimal digits, in pieces that fit on a line."""
    pieces = [digits[at:at + 100] for at in range(0, len(digits), 100)] or [""]
    return ("\n" + indent).join(f'"{piece}"' for piece in pieces)


def c_signed(number):
    return "INT64_MIN" if number == -2**63 else f"INT64_C({number})"


def write_columns(array, image):
    print(f"\nstatic RigAuditColumn {array}[] = {{")
    for c in image:
        name, kind, value = (c_text(c[part]) for part in ("name", "type", "value"))
        print(f"\t{{{c['attnum']}, {name}, {kind}, {FLAGS[c['flag']]}, {value}}},")
    print("};")


def write_entry(number, e):
    print(f"\t\t.entry.kind = {e['kind']},\n\t\t.entry.flags = {e['flags']},"
          "\n\t\t.entry.log_id = {REFERENCE_LOG_ID},")
    for name in ("epoch", "chain", "entry_id", "xid"):
        print(f"\t\t.entry.{name} = UINT64_C({e[name]}),")
    for name in ("at", "xact_at"):
        print(f"\t\t.entry.{name} = {c_signed(e[name])},")
    for name in TEXTS:
        print(f"\t\t.entry.{name} = {c_text(e[name])},")
    for name in IMAGES:
        image = e[name]
        columns = f"reference_{name}_{number}" if image else "NULL"
        print(f"\t\t.entry.{name} = {{{'false' if image is None else 'true'}, {len(image or [])}, {columns}}},")


def write_entries(entries):
    for number, e in enumerate(entries):
        for name in IMAGES:
            if e[name]:
                write_columns(f"reference_{name}_{number}", e[name])
    print("\ntypedef struct ReferenceEntry\n{\n\tRigAuditEntry entry;\n\tconst char *payload;"
          "\n\tconst char *leaf;\n} ReferenceEntry;")
    print("\nstatic const ReferenceEntry reference_entries[] = {")
    for number, e in enumerate(entries):
        print("\t{")
        write_entry(number, e)
        indent = "\t\t\t"
        print(f"\t\t.payload =\n{indent}{c_hex(e['payload'], indent)},\n\t\t.leaf = {c_hex(e['leaf'], indent)},\n\t}},")
    print("};")


def write_links(links):
    print("\n/* In the order of the tree. */\ntypedef struct ReferenceLink\n{\n\tuint32_t\tchain;\n\tuint32_t\tepoch;"
          "\n\tuint64_t\tseq;\n\tconst char *payload;\n\tconst char *prev;\n\tconst char *leaf;"
          "\n\tconst char *link;\n} ReferenceLink;")
    print("\nstatic const ReferenceLink reference_links[] = {")
    for row in links:
        hashes = "".join(f',\n\t\t"{row[name]}"' for name in ("prev", "leaf", "link"))
        print(f"\t{{{row['chain']}, {row['epoch']}, {row['seq']},\n\t\t{c_hex(row['payload'], chr(9) * 2)}{hashes}}},")
    print("};")


def write_strings(name, strings):
    print(f"\nstatic const char *const {name}[] = {{")
    for string in strings:
        print(f'\t"{string}",')
    print("};")


def write_proofs(name, proofs, first):
    """The path of each proof as one string of hashes."""
    print(f"\nstatic const ReferenceProof {name}[] = {{")
    for proof in proofs:
        path = "".join(proof["path"])
        print(f"\t{{{proof[first]}, {proof['size']},\n\t\t{c_hex(path, chr(9) * 2)}}},")
    print("};")


def write_header(vectors):
    tree = vectors["published_tree"]
    print("/* Made by audit_reference.py: the vectors of audit_vectors.json for C. */")
    print("#ifndef TEST_AUDIT_REFERENCE_H\n#define TEST_AUDIT_REFERENCE_H\n\n#include \"audit_entry.h\"\n")
    log_id = ", ".join(f"0x{byte:02x}" for byte in LOG_ID.bytes)
    print(f"#define REFERENCE_LOG_ID {log_id}\n")
    for chain, label in LABELS.items():
        print(f"static const RigAuditText reference_label_{chain} = {c_text(label)};")
    write_entries(vectors["entries"])
    write_links(vectors["links"])
    write_strings("reference_log_roots", vectors["log_tree_roots"])
    write_strings("reference_leaves", tree["leaves"])
    write_strings("reference_roots", tree["roots"])
    print("\n/* Of an inclusion the index, of a consistency the old size; and the size, and the hashes. */"
          "\ntypedef struct ReferenceProof\n{\n\tuint64_t\tfirst;\n\tuint64_t\tsize;\n\tconst char *path;"
          "\n} ReferenceProof;")
    write_proofs("reference_inclusion", tree["inclusion"], "index")
    write_proofs("reference_consistency", tree["consistency"], "old_size")
    print("\n#endif")


def main():
    vectors = make_vectors()
    if sys.argv[1:] == ["--header"]:
        write_header(vectors)
    else:
        json.dump(vectors, sys.stdout, indent=1, ensure_ascii=True)
        print()


if __name__ == "__main__":
    main()
