"""A view's description is the dict of its JSON, whenever it is read."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from vitruvian.shards.description import Description
from vitruvian.shards.packing import pack, unpack


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"yaw_rad": 0.1},
        {"group": 3, "yaw_rad": 0.1},
        {"background": {"kind": "painted", "floats": [0.5, 1.0]}, "group": 12, "light": {"kind": "phong"}},
        {"background": {"group": 7}},
        {"background": {"group": 7}, "group": 2},
        {"background": {"file": '}"group": 5'}},
        {"group": None, "background": {"file": '{"'}} | {"group": 1},
    ],
)
def test_it_is_the_dict(values: dict[str, Any]) -> None:
    for separators in ((",", ":"), (", ", ": ")):
        description = Description(json.dumps(values, sort_keys=True, separators=separators))
        assert description.group() == values.get("group", 0)
        assert description == values and values == description and len(description) == len(values)
        assert dict(description) == values and description.get("nothing") is None and list(description) == sorted(values)
        assert pickle.loads(pickle.dumps(description)) == values
        assert unpack(pack({"view": description})) == {"view": values}
    assert Description('{"a":1}') != {"a": 2} and "a" in repr(Description('{"a":1}'))
