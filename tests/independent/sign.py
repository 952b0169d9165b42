"""Signs events without any of our code: reads a JSON list from standard input, writes a list.

Each entry is {"alg", "detailCore"}; each answer {"alg", "kid", "publicKey" (hex), "event" (what EventBridge would
deliver)}, signed at 2026-11-23T08:00:00Z by a key of its own.
"""

import base64
import hashlib
import json
import sys

import rfc8785
from dilithium_py.dilithium import Dilithium2
from dilithium_py.ml_dsa import ML_DSA_44

SCHEMES = {"Dilithium2": Dilithium2, "ML-DSA-44": ML_DSA_44}


def encode(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def signed(entry):
    scheme = SCHEMES[entry["alg"]]
    public_key, secret_key = scheme.keygen()
    kid = "lamp-" + encode(hashlib.sha256(public_key).digest())[:16]
    event = {
        "version": "0",
        "id": "d-1",
        "detail-type": "Lamp.Lit.v2",
        "source": "qsl.lighthouse",
        "resources": ["urn:qsl:lighthouse:lamp:l-9"],
    }
    detail = {
        "version": "v1",
        "trace": {"correlationId": "story-17", "userId": "u-5"},
        "resource": "urn:qsl:lighthouse:lamp:l-9",
    }
    envelope = {name: event[name] for name in ("detail-type", "source", "resources")} | detail
    header = {
        "alg": entry["alg"],
        "kid": kid,
        "ts": "2026-11-23T08:00:00.000001Z",
        "hash": "SHA-256",
        "typ": "QSL-JWS-PQC",
        "env": encode(hashlib.sha256(rfc8785.dumps(envelope)).digest()),
        "jti": "0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52",
    }
    # The header's spelling is free: this one has its spaces.
    text = encode(json.dumps(header).encode()) + "." + encode(rfc8785.dumps(entry["detailCore"]))
    signature = scheme.sign(secret_key, text.encode())
    detail |= {"detailCore": entry["detailCore"], "sig_compact": f"{text}.{encode(signature)}"}
    return {"alg": entry["alg"], "kid": kid, "publicKey": public_key.hex(), "event": event | {"detail": detail}}


json.dump([signed(entry) for entry in json.load(sys.stdin)], sys.stdout)
