"""Makes the seeds of the fuzz targets from tests/vectors: `python3 seeds.py`, with no other program.

What a target makes of its bytes stands at the top of its check in src/. Finds that were mended are put beside these by
hand, under names of their own.
"""

import base64
import json
import pathlib

HERE = pathlib.Path(__file__).parent
VECTORS = HERE.parent.parent / "tests/vectors"


def put(target, name, data):
    folder = HERE / "seeds" / target
    folder.mkdir(parents=True, exist_ok=True)
    safe = "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "_" for c in name)[:60]
    (folder / safe).write_bytes(data if isinstance(data, bytes) else data.encode())


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def short(body):
    """The body without the long random part, which the strict pass only copies."""
    at = body.find('"sig_compact"')
    end = body.find('"', body.find('"', at + 13) + 1)
    return body if at < 0 or end < 0 or end - at < 200 else body[: at + 60] + body[end:]


vectors = json.loads((VECTORS / "signed-events.json").read_text())
seen = set()
for case in vectors["cases"]:
    name, body = case["name"], case["body"]
    if short(body) not in seen:
        seen.add(short(body))
        put("body", name, short(body))
    try:
        compact = json.loads(body)["detail"]["sig_compact"]
        header = decoded(compact.split(".")[0])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        continue
    if header not in seen:
        seen.add(header)
        put("compact", "header of " + name, b"!" + header)
    # Good events of each form and algorithm, from which every change must be refused.
    if case["expect"] == "ok" and "attributes" not in case and not name.startswith("spelled"):
        put("event", name, body)
    if name in ("dilithium2 plain", "mldsa44 plain"):
        put("compact", name, compact)
for sample in sorted((VECTORS / "rfc8785").glob("*.json")):
    put("body", "rfc8785 " + sample.name, sample.read_bytes())

for case in vectors["keysets"]:
    header, payload, _ = case["jws"].split(".") if case["jws"].count(".") == 2 else ("", "", "")
    if not payload:
        continue
    try:
        read = json.loads(decoded(payload))
    except ValueError:
        put("key_set", case["name"], b"!" + decoded(payload))
        continue
    # The bus and the time of the target, so that a set is taken.
    if isinstance(read, dict):
        read |= {"bus": "harbour/north"} if read.get("bus") == "platform/qsl-core" else {}
        read |= {"issued": 1_799_999_000, "expires": 1_800_200_000}
        put("key_set", case["name"], "!" + json.dumps(read))
put("key_set", "signed by another root", vectors["keysets"][0]["jws"])
put("key_set", "plain", "!" + json.dumps({"keys": vectors["jwks"]["keys"][:3]}))

for case in vectors["cases"]:
    grant = case.get("attributes", {}).get("qsl.grant")
    if grant and grant.count(".") == 2 and grant.split(".")[1]:
        put("grant", "payload of " + case["name"], b"!" + decoded(grant.split(".")[1]))
put("grant", "by another key", next(c["attributes"]["qsl.grant"] for c in vectors["cases"] if c["name"] == "mldsa44 redrive"))

# Recipes: an object of numbers, texts and lists; nested lists; every double that is special.
put("canonical", "object", bytes([7, 3, 1]) + b"a" + bytes([2]) + b"\0" * 7 + b"\x40" + bytes([1]) + b"b" + bytes([5, 4]) + b"text" + bytes([2]) + b"cc" + bytes([6, 2, 0, 1]))
put("canonical", "deep", bytes([6, 1]) * 40)
put("canonical", "decimals", bytes([6, 7]) + b"".join(bytes([4, 57, 48, n]) for n in range(0, 23, 3)))
for bits in (0x0000000000000001, 0x7FEFFFFFFFFFFFFF, 0x4340000000000000, 0x444B1AE4D6E2EF50, 0x3EB0C6F7A0B5ED8D, 1 << 63):
    put("canonical", f"double {bits:016x}", bytes([2]) + bits.to_bytes(8, "little"))
put("canonical", "names past U+FFFF", bytes([7, 3, 4]) + "😀".encode() + bytes([0, 3]) + "דּ".encode() + bytes([0, 2]) + "ö".encode() + bytes([0]))
