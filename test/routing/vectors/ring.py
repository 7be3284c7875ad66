"""Writes ring.json: the points of ketama rings, made by uhashring 2.5 (PyPI, Laurent Peuch and others).

    pip install uhashring==2.5 && python ring.py > ring.json
"""

import json

from uhashring import HashRing

SETS = [
    {"10.0.1.1:11211": 1, "10.0.1.2:11211": 1},
    {"login-1": 1, "login-2": 2, "login-3": 5},
    {"Ærøskøbing": 7},
]


def points(weights):
    ring = HashRing(weights, hash_fn="ketama").runtime
    owned = {name: [] for name in weights}
    for point in ring._keys:
        owned[ring._ring[point]].append(point)
    return owned


print(json.dumps([{"weights": weights, "points": points(weights)} for weights in SETS], ensure_ascii=False))
