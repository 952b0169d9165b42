"""Canonical JSON without any of our code: reads a JSON list of texts, writes the list of their canonical forms.

Numbers are told by Python's own shortest form of a double, not by the algorithm that we use.
"""

import json
import sys

import rfc8785


def canonical(text):
    # Integers are doubles here, as for RFC 8785; what a double does not hold is not asked.
    return rfc8785.dumps(json.loads(text, parse_int=float)).decode()


json.dump([canonical(text) for text in json.load(sys.stdin)], sys.stdout)
