"""Judges signed events without any of our code: reads a JSON list from standard input, writes a list of booleans.

Each entry is {"alg", "publicKey" (hex), "event" (what EventBridge would deliver)}. True is said only of an event whose
signature verifies, whose payload is what it carries and whose envelope hash is right.
"""

import base64
import hashlib
import json
import sys

from dilithium_py.dilithium import Dilithium2
from dilithium_py.ml_dsa import ML_DSA_44


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def canonical(value):
    """RFC 8785 for values without fractions and without characters past U+FFFF, which is all that is asked here."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def holds(entry):
    event = entry["event"]
    detail = event["detail"]
    header_part, payload_part, signature_part = detail["sig_compact"].split(".")
    header = json.loads(decode(header_part))
    public_key = bytes.fromhex(entry["publicKey"])
    signed = f"{header_part}.{payload_part}".encode()
    scheme = {"Dilithium2": Dilithium2, "ML-DSA-44": ML_DSA_44}[entry["alg"]]
    envelope = {name: event[name] for name in ("detail-type", "source", "resources")}
    envelope |= {name: detail[name] for name in ("resource", "trace", "version")}
    return (
        header["alg"] == entry["alg"]
        and header["typ"] == "QSL-JWS-PQC"
        and decode(payload_part) == canonical(detail["detailCore"])
        and decode(header["env"]) == hashlib.sha256(canonical(envelope)).digest()
        and scheme.verify(public_key, signed, decode(signature_part))
    )


json.dump([holds(entry) for entry in json.load(sys.stdin)], sys.stdout)
