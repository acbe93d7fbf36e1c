# ruff: noqa: E501
"""Requests as no client should send them, drawn from a seed: broken pictures, bombs, archives, broken forms, odd headers.

Each is the bytes of a whole HTTP request, so that nothing on our side mends it.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from serving import encoded, png

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Malformed:
    kind: str
    raw: bytes


def malformed(seed: int, index: int, photo: bytes) -> Malformed:
    """The ``index``-th request: a pure function of its arguments."""
    rng = np.random.default_rng((seed, index))
    kinds = sorted(KINDS)
    kind = kinds[index % len(kinds)]
    return Malformed(kind, KINDS[kind](rng, photo))


def request(
    body: bytes,
    *,
    headers: list[tuple[bytes, bytes]] | None = None,
    path: bytes = b"/v1/reconstruct",
    length: bytes | None = None,
) -> bytes:
    """The bytes of a POST that closes its connection."""
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: 127.0.0.1", b"Connection: close"]
    lines += [name + b": " + value for name, value in headers or []]
    lines.append(b"Content-Length: " + (length if length is not None else str(len(body)).encode()))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def form(
    content: bytes,
    *,
    name: bytes = b"picture",
    filename: bytes = b"photo.jpg",
    extra: bytes = b"",
    path: bytes = b"/v1/reconstruct",
) -> bytes:
    """A form with one file."""
    boundary = b"0f1e2d3c"
    body = (
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="' + name + b'"; filename="' + filename
        + b'"\r\nContent-Type: image/jpeg\r\n\r\n' + content + b"\r\n" + extra + b"--" + boundary + b"--\r\n"
    )  # fmt: skip
    return request(body, headers=[(b"Content-Type", b"multipart/form-data; boundary=" + boundary)], path=path)


def field(name: bytes, value: bytes) -> bytes:
    return b'--0f1e2d3c\r\nContent-Disposition: form-data; name="' + name + b'"\r\n\r\n' + value + b"\r\n"


def chunk(name: bytes, content: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_of(width: int, height: int, pixels: bytes, *, more: bytes = b"", depth: int = 8, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _truncated(rng: Rng, photo: bytes) -> bytes:
    source = photo if rng.random() < 0.5 else png(128, 96)
    return form(source[: int(rng.integers(0, len(source) - 1))])


def _flipped(rng: Rng, photo: bytes) -> bytes:
    source = bytearray(png(96, 96) if rng.random() < 0.5 else photo[:3000])
    for _ in range(int(rng.integers(1, 40))):
        source[int(rng.integers(8, len(source)))] = int(rng.integers(0, 256))
    return form(bytes(source))


def _noise(rng: Rng, photo: bytes) -> bytes:
    magic = (
        b"",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x00\x10\x00\x00WEBPVP8 ",
        b"GIF89a",
        b"BM",
        b"II*\x00",
        b"P6\n9 9\n",
    )
    return form(magic[int(rng.integers(len(magic)))] + rng.bytes(int(rng.integers(0, 4000))))


def _huge_header(rng: Rng, photo: bytes) -> bytes:
    sides = (2**31 - 1, 2**24, 65_535, 20_001, 30_000)
    return form(png_of(int(rng.choice(sides)), int(rng.choice(sides)), zlib.compress(b"\0" * 1000)))


def _bomb(rng: Rng, photo: bytes) -> bytes:
    side = int(rng.integers(6100, 9000))
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(bytes(side)) for _ in range(200)) + packer.flush()
    return form(png_of(side, side, pixels, colour=0))


def _text_bomb(rng: Rng, photo: bytes) -> bytes:
    text = zlib.compress(b"A" * int(rng.integers(1_000_000, 30_000_000)), 9)
    name = (b"zTXt", b"iCCP")[int(rng.integers(2))]
    return form(png_of(64, 64, zlib.compress(b"\0" * 64 * 193), more=chunk(name, b"x\0\0" + text)))


def _chunks(rng: Rng, photo: bytes) -> bytes:
    broken = bytearray(png_of(64, 64, zlib.compress(b"\0" * 64 * 193)))
    broken[33:37] = struct.pack(">I", int(rng.choice([2**31 - 1, 2**32 - 1, 100_000, 0])))
    return form(bytes(broken))


def _exif(rng: Rng, photo: bytes) -> bytes:
    content = b"Exif\0\0" + (b"II*\0" if rng.random() < 0.5 else b"MM\0*") + rng.bytes(int(rng.integers(0, 300)))
    return form(b"\xff\xd8\xff\xe1" + struct.pack(">H", len(content) + 2) + content + photo[2:2000])


def _archive(rng: Rng, photo: bytes) -> bytes:
    starts = (
        b"PK\x03\x04",
        b"glTF\x02\0\0\0",
        b"\x1f\x8b\x08",
        b"ply\nformat ascii 1.0\n",
        b"%PDF-1.7",
        b"<svg xmlns=",
        b"#!/bin/sh\n",
    )
    return form(starts[int(rng.integers(len(starts)))] + rng.bytes(500), filename=b"person.glb")


def _animation(rng: Rng, photo: bytes) -> bytes:
    from PIL import Image

    frames = [Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)) for _ in range(4)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP" if rng.random() < 0.5 else "PNG", save_all=True, append_images=frames[1:])
    return form(buffer.getvalue())


def _tiny(rng: Rng, photo: bytes) -> bytes:
    height, width = int(rng.integers(1, 15)), int(rng.integers(1, 400))
    return form(
        encoded(rng.integers(0, 255, (height, width, 3), dtype=np.uint8), ("PNG", "JPEG", "WEBP")[int(rng.integers(3))])
    )


def _file_name(rng: Rng, photo: bytes) -> bytes:
    names = (b"../../../etc/passwd", b"/dev/stdin", b"..\\..\\boot.ini", b"a\0b.png", b"CON", b"|id", b"x" * 3000, b"\xff\xfe\xfa",
             b"$(touch /tmp/owned).jpg", b"%00", b"'; DROP TABLE people; --")  # fmt: skip
    return form(b"no picture", filename=names[int(rng.integers(len(names)))])


def _part_name(rng: Rng, photo: bytes) -> bytes:
    names = (b"", b"Picture", b"picture[]", b"__proto__", b"\xff\xfe", b"mask", b"../picture", b"x" * 3000, b"pic\0ture")
    return form(photo[:500], name=names[int(rng.integers(len(names)))])


def _fields(rng: Rng, photo: bytes) -> bytes:
    pairs = ((b"resolution", b"1e9"), (b"resolution", b"-1"), (b"resolution", b"0x40"), (b"resolution", b"99999999999999999999"),
             (b"resolution", b"NaN"), (b"format", b"../glb"), (b"format", b"zip"), (b"method", b"../../pifu"), (b"method", b"\xff"),
             (b"method", b"pifu\r\nX: y"), (b"callback", b"http://169.254.169.254/"), (b"format", b""), (b"method", b"\xe2\x80\xae"))  # fmt: skip
    return form(photo[:400], extra=field(*pairs[int(rng.integers(len(pairs)))]))


def _many_parts(rng: Rng, photo: bytes) -> bytes:
    return form(b"x", extra=b"".join(field(b"f%d" % i, b"v") for i in range(int(rng.integers(13, 300)))))


def _broken_form(rng: Rng, photo: bytes) -> bytes:
    whole = form(b"picture " * 40)
    head, body = whole.split(b"\r\n\r\n", 1)
    changed = bytearray(body)
    for _ in range(int(rng.integers(1, 6))):
        place = int(rng.integers(0, len(changed)))
        if rng.random() < 0.5:
            changed[place] = int(rng.integers(0, 256))
        else:
            del changed[place : place + int(rng.integers(1, 30))]
    lines = [line for line in head.split(b"\r\n")[1:] if line.startswith(b"Content-Type")]
    return request(bytes(changed), headers=[(b"Content-Type", lines[0].partition(b": ")[2])])


def _content_type(rng: Rng, photo: bytes) -> bytes:
    kinds = (b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/form-data; boundary=" + b"b" * 500,
             b"multipart/mixed; boundary=0f1e2d3c", b"application/x-www-form-urlencoded", b"image/jpeg", b"\xff\xff",
             b"multipart/form-data; boundary=\"0f1e", b"text/plain; charset=utf-7")  # fmt: skip
    return request(photo[:300], headers=[(b"Content-Type", kinds[int(rng.integers(len(kinds)))])])


def _odd_json(rng: Rng, photo: bytes) -> bytes:
    bodies = (b"[" * 5000, b'{"picture": null}', b"NaN", b'"\\ud800"', b"{" + b'"a":{' * 3000, json.dumps({"picture": "A" * 999}).encode(),
              b"\xef\xbb\xbf{}", b"")  # fmt: skip
    return request(bodies[int(rng.integers(len(bodies)))], headers=[(b"Content-Type", b"application/json")])


def _headers(rng: Rng, photo: bytes) -> bytes:
    odd = ((b"X-Request-Id", b"\xff\xfe"), (b"X-Request-Id", b"a b\tc"), (b"X-Request-Id", b"x" * 5000), (b"Accept", b"\xff" * 50),
           (b"serve_multiplexed_model_id", b"\xff"), (b"serve-multiplexed-model-id", b"nobody"), (b"Origin", b"http://[::1"),
           (b"X-Request-Timeout-Seconds", b"\xff"), (b"X-Request-Timeout-Seconds", b"0.000001"), (b"X-Session-Id", b"\xff"),
           (b"X-Request-Disconnect-Disabled", b"?1"), (b"Authorization", b"Bearer \xff"), (b"X-Forwarded-For", b"x" * 900),
           (b"Sec-Fetch-Site", b"cross-site"), (b"Transfer-Encoding", b"identity"), (b"Expect", b"200-ok"), (b"Cookie", b"a" * 9000),
           (b"Content-Type", b"multipart/form-data; boundary=0f1e2d3c"), (b"X-" + b"a" * 200, b"b" * 30_000))  # fmt: skip
    chosen = [odd[int(i)] for i in rng.integers(len(odd), size=int(rng.integers(1, 4)))]
    return request(photo[:300], headers=chosen)


def _too_many_headers(rng: Rng, photo: bytes) -> bytes:
    return request(b"", headers=[(b"X-%d" % i, b"v" * 20) for i in range(int(rng.integers(100, 800)))])


def _lengths(rng: Rng, photo: bytes) -> bytes:
    whole = form(photo[:300])
    lengths = (b"99999999999", b"20000001", b"-5", b"0x10", b"1e3", b"", b"12 34", b"18446744073709551617")
    head, body = whole.split(b"\r\n\r\n", 1)
    kept = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
    return b"\r\n".join([*kept, b"Content-Length: " + lengths[int(rng.integers(len(lengths)))]]) + b"\r\n\r\n" + body


def _paths(rng: Rng, photo: bytes) -> bytes:
    paths = (b"/v1/results/../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"/v1/reconstruct/", b"/v1/reconstruct?x=" + b"y" * 4000,
             b"/v1/%ff%fe", b"//evil.example/v1/reconstruct", b"/page/../settings.py", b"/v1/pose", b"/-/routes", b"/v1/models",
             b"/v1/results/" + b"A" * 900 + b"/person.glb", b"/\x01\x02")  # fmt: skip
    return form(b"x", path=paths[int(rng.integers(len(paths)))])


def _not_http(rng: Rng, photo: bytes) -> bytes:
    return (
        b"\x16\x03\x01\x02\x00" + rng.bytes(200),
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"SSH-2.0-x\r\n",
        rng.bytes(300) + b"\r\n\r\n",
    )[int(rng.integers(5))]


KINDS: dict[str, Callable[[Rng, bytes], bytes]] = {
    name.removeprefix("_"): make
    for name, make in list(globals().items())
    if name.startswith("_") and callable(make) and getattr(make, "__module__", "") == __name__
}
"""Every kind by name."""
