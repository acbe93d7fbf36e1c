"""What can be chosen when a data set is generated. The command line is made from this, so the comments here teach it.

What is None here and depends on the protocol is filled in by ``protocols.registry.with_protocol_defaults``.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vitruvian import __version__
from vitruvian.datagen.backgrounds.kinds import FROM_A_FOLDER, BackgroundKind
from vitruvian.datagen.backgrounds.lsun import PUBLISHED_LIMIT
from vitruvian.datagen.convention import Axis, Unit
from vitruvian.errors import InputError
from vitruvian.shards.items import ITEMS, check_items
from vitruvian.storage.url import Place, Url

# These say where and how fast, not what: runs that differ only in them make the same bytes. What is in the input folders
# counts, where they are does not, so that data can be moved.
_FILES = (
    "folder", "background_folder", "light_bank", "replay", "body_data", "atlas_textures",
    "body_model", "body_folder", "body_textures", "body_uv",
)  # fmt: skip
_NOT_CONTENT = ("out", "num_actors", "actor_resource", "actor_worth_s", "track", "tracking_uri", *_FILES)
_PATHS = ("out", *_FILES)


@dataclass(frozen=True, kw_only=True, slots=True)
class DatagenOptions:
    """The options of a run. Only ``out`` has to be given."""

    out: Place
    """The data set folder, or a URL such as s3://bucket/people. It is created; an unfinished one is continued."""
    source: str = "synthetic"
    """Where people come from: `synthetic` (built in, needs no files), `smpl` (posed bodies, clothes painted on), `deephuman`
    (THuman 1.0), `thuman2` (THuman2.0) or `meshes` (any folder of OBJ, PLY or GLB files)."""
    folder: Path | None = None
    """For sources `deephuman`, `thuman2` and `meshes`: the folder. `vitruvian datagen validate FOLDER` says what is in it."""
    poses: str = "everyday"
    """For sources `synthetic` and `smpl`: `everyday`, `upright` (they stand and gesture), or a folder of AMASS .npz files;
    for `smpl` also a pose list such as HuManiFlow's (.npz with `fnames` and `poses`)."""
    mesh_unit: Unit | None = None
    """The unit of the coordinates in mesh files. Default: metres."""
    mesh_up: Axis | None = None
    """The axis that points up in mesh files. Default: `y` (`neg-y` for `deephuman`)."""
    mesh_facing: Axis | None = None
    """The axis along which people look in mesh files. Default: `z` where y is up, `neg-y` where z is up."""
    face_viewer: bool = False
    """Turn every person whose joints are known to the viewer. Scans stand any way round; JIFF's authors ask for this."""
    body_model: Path | None = None
    """An SMPL model (.npz, or .pkl, which is read without running it), or a folder with one for each gender. For `deephuman`
    and `thuman2`: gives joints. For `smpl`: the body to pose. Default: no joints; the built-in body."""
    body_folder: Path | None = None
    """For source `thuman2`: where the fitted SMPL or SMPL-X files lie, if not beside the scans."""
    body_textures: Path | None = None
    """For source `smpl`: a folder of pictures for the body's texture chart, such as SURREAL's. Default: painted by part."""
    body_uv: Path | None = None
    """For source `smpl`: an OBJ template with the texture coordinates of a body model that has none of its own."""
    shape_std: float | None = None
    """For source `smpl`: how much bodies differ; shape coefficients are normal with this deviation. Default: 1, and 1.25 for
    protocol `humaniflow`, as published."""
    num_subjects: int | None = None
    """How many people. Default: 100 synthetic ones, or all that the source has."""
    held_out: int | None = None
    """How many of them, the last ones, are marked `test` and never trained on. Default: one in ten, at least one."""
    protocol: str = "pifu"
    """The published system whose data this is: cameras, light, scale, points: `pifu`, `jiff`, `geopifu`, `humaniflow` or
    `pymaf`."""
    views_per_subject: int | None = None
    """Pictures of each person. `pifu` turns the person evenly around the vertical axis: 4 by default, 360 in the paper.
    `geopifu` takes four for each draw of rotation, background and light: 16 by default and in the paper. `humaniflow`
    takes 1, `pymaf` 4, each turned at random."""
    arc_deg: int | None = None
    """The part of the circle that these views come from; its middle is the front. Default: 360, as published; 120 looks at
    people from the front and up to 60 degrees from either side."""
    size_px: int | None = None
    """Width of the pictures; the protocol knows the height. Default: 512 for `pifu` (square), 1024 for `geopifu` (1024 x
    1536), 256 for `humaniflow`, 320 for `pymaf`."""
    renderer: str = "native"
    """What draws the views: `native` (built in, no GL, the same pixels everywhere), `pyrender` (OpenGL) or `pytorch3d`
    (torch, CUDA). The same pictures by definition; pixels on edges differ, so it counts as another data set."""
    supersample: int | None = None
    """Colour samples per pixel and axis: 1 is jagged, 2 smooth, 4 very smooth. The other items do not depend on it.
    Default: 2 for `pifu`, 1 for `geopifu` (as published: the picture's edge is the mask's)."""
    items: tuple[str, ...] | None = None
    """What to make and store. Default: what the protocol needs. Each costs time and space; `vitruvian datagen` prints how
    much at the end."""
    background: BackgroundKind | None = None
    """Behind the person: `black`, one `plain` colour, soft colour `fields`, painted `scenes` (rooms and streets out of
    focus), your own `pictures`, or `lsun` databases. Default: `scenes`."""
    background_folder: Path | None = None
    """For background `pictures`: the folder, searched recursively for JPEG, PNG and WebP files. For `lsun`: a folder with
    one or several databases as LSUN distributes them (bedroom_train_lmdb, ...), or one of them."""
    background_limit: int = PUBLISHED_LIMIT
    """For background `lsun`: records of each database, from the first key on."""
    body_data: Path | None = None
    """A folder of SMPL's additional files: DensePose's `UV_Processed.mat` (for items `iuv` and `smpl_iuv` of SMPL bodies; the
    built-in body needs none), `J_regressor_extra.npy`."""
    atlas_textures: Path | None = None
    """For protocol `humaniflow`: an .npz of published body textures (`grey` and `nongrey`, 1200 x 800 each). Default: clothes
    are painted."""
    light_bank: Path | None = None
    """A .npy file of spherical harmonics lights, floats (N, 9, 3), such as PIFu's env_sh.npy. Default: procedural light."""
    center: Literal["surface", "vertices"] = "surface"
    """The camera looks at the median of the `surface`, or, as published, of the `vertices`: on scans they agree, on modelled
    bodies the latter moves with the hands, where most vertices are."""
    query_points: int | None = None
    """Labelled points stored for each person. PIFu draws 21,250 new ones a step; steps draw theirs from this pool.
    Default: 85,000."""
    voxel_resolution: int | None = None
    """Cells of the solid voxel grid along each axis. Default: 128 for `pifu`; `geopifu` always has 128 x 192 x 128."""
    color_points: int | None = None
    """Points of item `color_points` for each person, from which a colour network draws 10,000 a step. Default: 40,000."""
    shadows: bool | None = None
    """Whether people shade themselves, as PIFu's and JIFF's do. It costs some tenths of a second a person, whatever the number
    of views. Default: yes for `pifu` and `jiff`."""
    published: bool = False
    """Reproduce the defects of a published system where data must match, instead of mending them. `geopifu`: silhouettes drawn
    over, weights of 8 bits, values cut off instead of rounded, six decimals for voxels. `pifu` and `jiff`: the camera's aim,
    normals at seams, 1600 random rays for shadows, lights that drift, texture-space normals of three faces; by default 360
    views on black."""
    replay: Path | None = None
    """Instead of drawing anew, take the draws from a folder of Geo-PIFu's config JSON files (`geopifu`) or PIFu's PARAM files
    (`pifu`, `jiff`). See `vitruvian datagen replay`."""
    seed: int = 0
    """Everything random follows from it."""
    block_size: int = 2
    """People in a block, the unit of work and the shard. Small: little is lost when killed. Large: fewer files."""
    num_actors: int | None = None
    """Ray actors that work in parallel. Default: one for each core of this machine; on a cluster (RAY_ADDRESS) one for each of
    its cores, also of machines that join later, and more, so that a cluster that grows by itself does. 0: no Ray, all in this
    process."""
    actor_worth_s: float = 120.0
    """On a cluster that grows by itself: ask for actors beyond its cores only if each has so many seconds of work. A new
    machine takes minutes to come."""
    actor_resource: str | None = None
    """On a cluster: actors run only on machines that have this resource, one unit each. Default: VITRUVIAN_ACTOR_RESOURCE if
    that is set, else any machine."""
    track: bool = True
    """Record the run in MLflow: options, counts while it works, the card. In an SQLite file `mlflow.db` beside --out, or where
    MLFLOW_TRACKING_URI or --tracking-uri says."""
    tracking_uri: str | None = None
    """The MLflow store, if not the one above."""

    def __post_init__(self) -> None:
        if self.items is not None:
            object.__setattr__(self, "items", check_items(self.items, "--items"))
        for name, least in (
            ("views_per_subject", 1),
            ("arc_deg", 1),
            ("size_px", 16),
            ("supersample", 1),
            ("query_points", 1),
            ("voxel_resolution", 8),
            ("color_points", 1),
            ("block_size", 1),
            ("seed", 0),
            ("num_subjects", 1),
            ("held_out", 0),
            ("num_actors", 0),
            ("actor_worth_s", 0),
            ("background_limit", 1),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"--{name.replace('_', '-')} is {value}; it must be at least {least}.")
        if self.arc_deg is not None and self.arc_deg > 360:
            raise InputError(f"--arc-deg is {self.arc_deg}; a whole circle is 360.")
        if self.shape_std is not None and not 0 <= self.shape_std <= 5:
            raise InputError(f"--shape-std is {self.shape_std}; it must be between 0 and 5.")
        if self.items == ():
            raise InputError(f"--items is empty. Items: {', '.join(ITEMS)}.")
        if (self.background in FROM_A_FOLDER) != (self.background_folder is not None):
            kinds = " or ".join(FROM_A_FOLDER)
            raise InputError(f"--background {kinds} and --background-folder go together: give both or neither.")

    def chosen(self, name: str) -> Any:
        """An option whose default depends on the protocol; ValueError when it has not been filled in."""
        value = getattr(self, name)
        if value is None:
            raise ValueError(f"DatagenOptions: {name} is None; call protocols.registry.with_protocol_defaults first.")
        return value

    def resolved(self) -> DatagenOptions:
        """The same with absolute paths, for processes that run in another folder."""
        paths = {name: getattr(self, name) for name in _PATHS}
        changes: dict[str, Any] = {name: path.resolve() for name, path in paths.items() if isinstance(path, Path)}
        return dataclasses.replace(self, **changes)

    def content(self) -> dict[str, Any]:
        """The options that decide the bytes of the data set, as plain values."""
        values = {key: value for key, value in dataclasses.asdict(self).items() if key not in _NOT_CONTENT}
        return json.loads(json.dumps({**values, "code_version": __version__}, default=str))


def guide() -> str:
    """What stands above the options on the help page: the idea, examples, and the items with what each is."""
    width = max(map(len, ITEMS))
    items = "\n".join(f"  {name:<{width}}  a {item.level}'s; {item.description}" for name, item in ITEMS.items())
    return f"""Turn people into a data set: draw views of each, sample its inside and outside, write Arrow shards.

The work is cut into blocks of people, made in parallel by Ray actors; each block becomes one file, whose bytes depend on the
options only. Kill it, start the same command again, and it continues where it was; a person that cannot be used (broken mesh,
wrong unit) is set aside in quarantine.jsonl with the reason. RAY_ADDRESS=... uses a running Ray cluster.

Examples:
  vitruvian datagen --out runs/people --num-subjects 20
  vitruvian datagen --out runs/scans --source meshes --folder scans --mesh-unit cm --views-per-subject 36
  vitruvian datagen --out runs/geopifu --protocol geopifu --background lsun --background-folder LSUN
  vitruvian datagen --out runs/small --size-px 256 --items rgb mask query_points --num-actors 2

Items (--items takes any of them):
{items}

Read it with pyarrow, or in Python: from vitruvian.shards import ShardDataset; ShardDataset("runs/people")[0]"""


def check_same_content(root: Path | Url, before: dict[str, Any], now: dict[str, Any]) -> None:
    """InputError naming each option that differs from those with which the folder was started."""
    different = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
    if different:
        options = {field.name for field in dataclasses.fields(DatagenOptions)}
        names = {key: f"--{key.replace('_', '-')}" if key in options else key.replace("_", " ") for key in different}
        lines = "; ".join(f"{names[key]} was {before.get(key)!r}, is now {now.get(key)!r}" for key in different)
        raise InputError(
            f"{root}: was started with other options ({lines}). Use the same options to continue it, or another folder; delete "
            "this one if nothing in it is worth keeping."
        )
