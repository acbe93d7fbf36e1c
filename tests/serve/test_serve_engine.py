"""Batches of pictures: the same results as each alone, errors where they belong, bodies in one pass."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from serving import png

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.methods.body_reconstruction import BodyReconstruction, box_of_mask
from vitruvian.methods.builtin import builtin_names, builtin_weights
from vitruvian.methods.cpu.side_by_side import picture_pool, side_by_side
from vitruvian.methods.pictures import read_photograph
from vitruvian.methods.registry import load_reconstructor
from vitruvian.methods.weights import read_card
from vitruvian.serve.catalogue import Pinned, Source, find_sources, key_of, pin
from vitruvian.serve.engine import Engine, LoadedModel, load_model
from vitruvian.serve.jobs import Event, Job


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(cores=2)


def job(picture: bytes, **options: Any) -> Job:
    given = {"mask": None, "deadline": time.time() + 100, "max_pixels": 10**7, "resolution": 48, "shows": True}
    return Job(request_id="test", picture=picture, **(given | options))


def mirrored(photo: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(photo)).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("name", builtin_names())
def test_many_at_once_are_as_each_alone(name: str, photo: bytes, mask: bytes) -> None:
    model = load_reconstructor(builtin_weights(name)).with_options(resolution=48)  # type: ignore[attr-defined]
    rgb = read_photograph(io.BytesIO(photo), name="photo").rgb
    marked = np.asarray(Image.open(io.BytesIO(mask)).convert("L")) > 127
    pictures, masks = [rgb, rgb[:, ::-1].copy(), rgb // 2], [marked, marked[:, ::-1].copy(), marked]
    together = model.reconstruct_many(pictures, masks, cores=2)
    for found, picture, where in zip(together, pictures, masks, strict=True):
        alone = model.reconstruct(picture, where)
        assert np.array_equal(found.mesh.faces, alone.mesh.faces)
        assert np.array_equal(found.mesh.vertices, alone.mesh.vertices)
        assert np.array_equal(found.mesh.vertex_colors, alone.mesh.vertex_colors)
    with pytest.raises(InputError, match="mask"):
        model.reconstruct_many(pictures[:2], [marked, np.zeros_like(marked)])
    with pytest.raises(ValueError, match="shorter"):
        model.reconstruct_many(pictures, masks[:2])


def test_a_pool_computes_in_its_own_threads_only() -> None:
    before = torch.get_num_threads()
    with picture_pool(2) as pool:
        assert pool.submit(torch.get_num_threads).result() == 1
    assert torch.get_num_threads() == before
    meet = threading.Barrier(2, timeout=20)
    assert sorted(side_by_side(lambda x: (meet.wait(), x)[1], [1, 2], cores=2)) == [1, 2]  # really at the same time


def run(engine: Engine, model: LoadedModel, jobs: list[Job]) -> list[list[Event]]:
    events: list[list[Event]] = [[] for _ in jobs]
    wait([engine.pool.submit(engine.run, model, one, own.append, len(jobs)) for one, own in zip(jobs, events, strict=True)])
    return events


def test_a_batch_of_good_and_bad_pictures(engine: Engine, photo: bytes) -> None:
    model = load_model(pin(Source(name="pifu", reference="pifu")))
    engine.warm(model)
    pictures = [photo, mirrored(photo), png(), b"nothing", photo]
    found = [events[-1] for events in run(engine, model, [job(picture) for picture in pictures])]
    assert [kind for kind, _ in found] == ["done", "done", "error", "error", "done"]
    assert found[0][1]["content"] == found[4][1]["content"] != found[1][1]["content"]
    assert found[0][1]["batch_size"] == 5 and found[0][1]["method"] == "pifu"
    assert [facts["problem"].code for kind, facts in found if kind == "error"] == ["nobody_found", "bad_picture"]
    (late,) = run(engine, model, [job(photo, deadline=time.time() - 1)])
    assert [kind for kind, _ in late] == ["error"] and late[0][1]["problem"].code == "timed_out"


def test_sources_have_names(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'none.db'}"
    words = ["pifu", "models:/walker@champion", "best=pifu", "runs/geopifu-tiny", "s3://bucket/runs/one/weights"]
    assert [source.name for source in find_sources(words, uri)] == ["pifu", "walker", "best", "geopifu-tiny", "one"]
    for wrong in (["pifu", "pifu"], ["=pifu"], ["a b=pifu"], ["x" * 70 + "=pifu"]):
        with pytest.raises(InputError, match="--models"):
            find_sources(wrong, uri)


def test_weights_that_changed_under_a_pin_are_not_loaded(tmp_path: Path) -> None:
    pinned = Pinned(name="x", reference=str(builtin_weights("pifu")), store=None, key="of-before")
    with pytest.raises(InputError, match="other weights by now"):
        load_model(pinned)
    assert key_of(builtin_weights("pifu")) == pin(Source(name="x", reference="pifu")).key


class Sphere:
    """A body reconstructor that sees a tetrahedron in everybody, except in pictures darker than 8 on average."""

    def __init__(self) -> None:
        self.card = read_card(builtin_weights("pifu"))
        self.calls: list[int] = []

    def reconstruct(self, picture: Any, *, mask: Any = None, box: Any = None) -> BodyReconstruction:
        return self.reconstruct_many([(picture, box or box_of_mask(mask))])[0]

    def reconstruct_many(self, people: Any) -> list[BodyReconstruction]:
        self.calls.append(len(people))
        if any(picture.mean() < 8 for picture, _ in people):
            raise InputError("picture: too dark. Light it.")
        camera = Camera(
            projection="perspective", width_px=512, height_px=512, focal_px=(500.0, 500.0), center_px=(256.0, 256.0)
        )
        corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
        faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
        return [
            BodyReconstruction(
                body_model="builtin",
                betas=np.zeros(10, np.float32),
                global_orient=np.eye(3, dtype=np.float32),
                body_pose=np.tile(np.eye(3, dtype=np.float32), (23, 1, 1)),
                translation_m=np.zeros(3, np.float32),
                weak_camera=np.ones(3, np.float32),
                crop_px=(256.0, 256.0, 500.0),
                camera=camera,
                mesh=Mesh(vertices=corners, faces=faces),
                joints_m=np.zeros((2, 3), np.float32),
                joints_px=np.array([[box[0], box[1]], [box[2], box[3]]], np.float32),
                joint_names=("first", "last"),
            )
            for _, box in people
        ]


def test_bodies_of_a_batch_go_through_the_network_together(engine: Engine, photo: bytes, mask: bytes) -> None:
    bodies = Sphere()
    model = LoadedModel(pin(Source(name="pifu", reference="pifu")), bodies, 0.0)  # type: ignore[arg-type]
    events: list[list[Event]] = [[], [], []]
    jobs = [job(photo, task="pose", mask=mask), job(b"nothing", task="pose"), job(photo, task="pose")]
    engine.run_bodies(model, [(one, own.append) for one, own in zip(jobs, events, strict=True)])
    assert bodies.calls == [2] and [own[-1][0] for own in events] == ["done", "error", "done"]
    done = events[0][-1][1]
    assert done["content"][:4] == b"glTF" and len(done["smpl"]["body_pose"]) == 23 and done["smpl"]["camera"]
    assert done["joints"]["names"] == ["first", "last"] and done["joints"]["picture_size"] == [512, 512]

    bodies.calls.clear()
    dark = io.BytesIO()
    Image.new("RGB", (512, 512), (5, 5, 5)).save(dark, "PNG")
    events = [[], []]
    jobs = [job(photo, task="pose", mask=mask), job(dark.getvalue(), task="pose", mask=mask)]
    engine.run_bodies(model, [(one, own.append) for one, own in zip(jobs, events, strict=True)])
    assert bodies.calls == [2, 1, 1]  # together they fail: each for itself
    assert events[0][-1][0] == "done" and events[1][-1][1]["problem"].message == "Too dark."
