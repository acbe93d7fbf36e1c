"""``vitruvian pose`` on a video as a user runs it, with a small network; interrupted and started again."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cli.conftest import Refuses
from tests.methods.small_videos import box_of_bright, write_clip
from vitruvian.cli import pose_video
from vitruvian.cli.main import main
from vitruvian.methods.pymaf.network import PymafNetwork
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.video.files import frames
from vitruvian.methods.weights import Card, save_weights

av = pytest.importorskip("av", reason="videos need PyAV, which the extras dev and video bring")
SMALL = PymafNetworkOptions(
    image_size_px=64, blocks=(1, 1, 1, 1), width=0.125, map_channels=(16, 16, 16), mlp_layers=(8, 5), hidden=32
)
COUNT = 7


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    card = Card(method="pymaf", stage="body", recipe="test", options={"network": dataclasses.asdict(SMALL)})
    save_weights(tmp_path / "weights", PymafNetwork(SMALL).state_dict(), card)
    write_clip(tmp_path / "clip.mp4", count=COUNT, sound=True)
    return "weights"


@pytest.mark.slow
def test_a_video(weights: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], refuses: Refuses) -> None:
    """Interrupted after its first part, then whole: the parts that were there are not made again."""
    boxes = {str(number): [list(box_of_bright(number)), [70, 5, 110, 92]] for number in range(COUNT)}
    Path("boxes.json").write_text(json.dumps(boxes))
    monkeypatch.setattr(pose_video, "FRAMES_A_PART", 3)
    command = [
        "pose", "clip.mp4", "--weights", weights, "--boxes", "boxes.json", "--out", "made", "--pkl", "made/output.pkl",
        "--format", "ply",
    ]  # fmt: skip
    estimated: list[str] = []
    part = pose_video._estimate_part

    def interrupted(file: Path, *rest: object) -> None:
        if len(estimated) == 2 and "again" not in estimated:
            raise KeyboardInterrupt
        estimated.append(file.name)
        part(file, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(pose_video, "_estimate_part", interrupted)
    assert main(command) == 130
    assert len(list(Path("made/.clip.parts").glob("bodies-*.npz"))) == 2 and not Path("made/clip.npz").exists()
    estimated.append("again")
    capsys.readouterr()
    assert main(command) == 0
    assert estimated == ["bodies-000000.npz", "bodies-000001.npz", "again", "bodies-000002.npz"]
    said = capsys.readouterr().out
    assert "2 people, 14 bodies in 7 frames" in said and "frames a second" in said
    made = sorted(str(path.relative_to("made")) for path in Path("made").rglob("*") if path.is_file())
    meshes = [f"clip_meshes/{who:04d}/{frame:06d}.ply" for who in range(2) for frame in range(COUNT)]
    assert made == ["clip.npz", *meshes, "clip_overlay.mp4", "output.pkl"]

    arrays = dict(np.load("made/clip.npz", allow_pickle=False))
    assert arrays["person"].tolist() == [0] * COUNT + [1] * COUNT and arrays["frame"].tolist() == 2 * list(range(COUNT))
    np.testing.assert_allclose(arrays["time_s"][:COUNT], np.arange(COUNT) / 10, atol=1e-3)
    assert arrays["body_pose"].shape == (2 * COUNT, 23, 3, 3) and arrays["joints_px"].shape == (2 * COUNT, 49, 2)
    np.testing.assert_allclose(arrays["crop_px"][2], [44, 50, 96], atol=1e-6)

    drawn = [frame.picture.astype(int) for frame in frames(Path("made/clip_overlay.mp4"))]
    before = [frame.picture.astype(int) for frame in frames(Path("clip.mp4"))]
    assert len(drawn) == COUNT
    changed = np.abs(drawn[3] - before[3]).sum(axis=2) > 60
    assert 0.02 < changed.mean() < 0.8
    with av.open("made/clip_overlay.mp4") as video:
        assert len(video.streams.audio) == 1

    people = pickle.loads(Path("made/output.pkl").read_bytes())
    assert sorted(people) == [0, 1]
    shapes = {name: None if value is None else value.shape for name, value in people[1].items()}
    assert shapes == {
        "pred_cam": (COUNT, 3), "orig_cam": (COUNT, 4), "verts": (COUNT, *people[1]["verts"].shape[1:]), "pose": (COUNT, 72),
        "betas": (COUNT, 10), "joints3d": (COUNT, 49, 3), "joints2d": None, "bboxes": (COUNT, 4), "frame_ids": (COUNT,),
    }  # fmt: skip
    assert main(command[:-4]) == 0 and "is there already" in capsys.readouterr().out

    whole = ["pose", "clip.mp4", "--weights", weights, "--people", "whole", "--out", "whole", "--no-overlay"]
    assert main(whole) == 0
    arrays = dict(np.load("whole/clip.npz"))
    assert arrays["frame"].tolist() == list(range(COUNT)) and arrays["crop_px"][0].tolist() == [65, 48, 130]

    Path("clip.png").write_bytes(b"")
    Path("no.mp4").write_bytes(b"no video")
    base = ["--weights", weights, "--out", "wrong"]
    refuses(["pose", "no.mp4", *base], "no.mp4: is not a readable video")
    refuses(["pose", "clip.mp4", "clip.png", *base], "pictures or videos")
    refuses(["pose", "clip.mp4", *base, "--detect-every", "0"], "--detect-every")
    refuses(["pose", "clip.mp4", *base, "--detector", "none.onnx"], "--detector none.onnx")
    refuses(["pose", "clip.mp4", *base], "no person was found", "--detector")
    refuses(["pose", "clip.mp4", *base, "--detector", "none.onnx", "--box", "1", "2", "30", "40"], "--detector, --box")
