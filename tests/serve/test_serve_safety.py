"""Limits and guards one by one: pictures, forms, clients, tokens, names, pages of other sites, settings."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from malformed import chunk, png_of
from PIL import Image
from serving import Serve, encoded, png
from starlette.datastructures import Headers

from vitruvian.errors import InputError
from vitruvian.serve import guard
from vitruvian.serve.clients import MAX_CLIENTS, Buckets, client_of
from vitruvian.serve.intake import check_header, decode
from vitruvian.serve.multipart import MAX_PARTS, read_form
from vitruvian.serve.problems import Problem
from vitruvian.serve.server import Address, check_address
from vitruvian.serve.settings import Limits, Settings, settings_from

TOKEN = "a-token-of-24-characters"
LIMIT = 1_000_000


def refused(content: bytes, words: str, max_pixels: int = LIMIT) -> None:
    with pytest.raises(Problem, match=words) as caught:
        check_header(content, what="picture", max_pixels=max_pixels)
    assert caught.value.code == "bad_picture" and caught.value.hint


def test_only_the_content_says_what_a_file_is() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (40, 30, 3), dtype=np.uint8)
    for format in ("JPEG", "PNG", "WEBP"):
        check_header(encoded(noise, format), what="picture", max_pixels=LIMIT)
    for format in ("GIF", "BMP", "TIFF", "PPM", "ICO", "TGA", "PCX"):
        refused(encoded(noise, format), "not a JPEG, PNG or WebP")
    refused(b"PK\x03\x04" + bytes(100), "mesh or an archive")
    refused(b"glTF\x02\0\0\0" + bytes(100), "mesh or an archive")
    refused(b"\0\0\0\x18ftypheic" + bytes(100), "HEIC")
    refused(b"", "empty")
    refused(b"just text", "not a JPEG")


def test_pixels_are_counted_before_they_are_decoded() -> None:
    check_header(png_of(1000, 1000, zlib.compress(b"")), what="picture", max_pixels=LIMIT)  # its header is all that is read
    refused(png_of(1001, 1000, zlib.compress(b"")), "more than 1 million pixels")
    refused(png_of(20_001, 20, zlib.compress(b"")), "side of more than 20,000")
    refused(png_of(2**31 - 1, 2**31 - 1, b""), "million pixels")
    refused(png_of(8, 100, zlib.compress(b"")), "only 8x100")
    jpeg = bytearray(encoded(np.zeros((50, 60, 3), np.uint8), "JPEG"))
    at = bytes(jpeg).index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 60_000, 60_000)
    refused(bytes(jpeg), "million pixels")


def test_a_png_cannot_hide_a_bomb_beside_its_pixels() -> None:
    rows = zlib.compress(b"\0" * 64 * 193)
    refused(png_of(64, 64, rows, more=chunk(b"zTXt", bytes(4_000_001))), "too much beside its pixels")
    text = zlib.compress(bytes(80_000_000), 9)
    with pytest.raises(Problem, match="cannot be read"):
        decode(png_of(64, 64, rows, more=chunk(b"zTXt", b"x\0\0" + text)), None, max_pixels=LIMIT)
    refused(png(40, 40)[:-12], "cannot be read")  # no end
    frames = [Image.new("RGB", (32, 32), (shade, 0, 0)) for shade in (10, 200)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])
    refused(buffer.getvalue(), "animation")


def test_pictures_become_upright() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:10] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    for format in ("JPEG", "PNG", "WEBP"):
        photograph, given = decode(encoded(pixels, format, exif=exif), None, max_pixels=LIMIT)
        assert photograph.rgb.shape == (60, 40, 3) and photograph.rgb[:, -5:].mean() > 240 and given is None


def test_transparency_is_a_mask() -> None:
    pixels = np.zeros((80, 40, 4), np.uint8)
    pixels[10:70, 10:30] = 255
    _, given = decode(encoded(pixels, "PNG"), None, max_pixels=LIMIT)
    assert given is not None and given.sum() == 60 * 20


async def _chunks(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


BODY = (
    b'--B\r\nContent-Disposition: form-data; name="picture"; filename="../../x"\r\n\r\nbytes\r\n'
    b'--B\r\nContent-Disposition: form-data; name="method"\r\n\r\npifu\r\n--B--\r\n'
)
KIND = "multipart/form-data; boundary=B"


def read(body: bytes, kind: str | None = KIND, *, max_bytes: int = 10_000, size: int = 7) -> dict[str, object]:
    form = asyncio.run(read_form(kind, _chunks(body, size), max_bytes=max_bytes))
    return {**form.files, **form.fields}


def test_forms_are_read_however_they_are_cut() -> None:
    for size in (1, 2, 3, 7, 1000):
        assert read(BODY, size=size) == {"picture": b"bytes", "method": "pifu"}


def test_forms_have_limits() -> None:
    part = b'--B\r\nContent-Disposition: form-data; name="%d"\r\n\r\nv\r\n'
    for body, kind, code in (
        (BODY, None, "unsupported_media_type"),
        (BODY, "application/json", "unsupported_media_type"),
        (BODY, "multipart/form-data", "unsupported_media_type"),
        (BODY[:-20], KIND, "bad_request"),
        (BODY.replace(b'name="picture"', b""), KIND, "bad_request"),
        (BODY.replace(b"method", b"picture"), KIND, "bad_request"),
        (BODY.replace(b"pifu", b"\xff\xfe"), KIND, "bad_request"),
        (b"".join(part % index for index in range(MAX_PARTS + 1)) + b"--B--\r\n", KIND, "bad_request"),
        (BODY + bytes(10_000), KIND, "too_large"),
    ):
        with pytest.raises(Problem) as caught:
            read(body, kind)
        assert caught.value.code == code, caught.value.message


def test_clients_have_buckets() -> None:
    now = [100.0]
    buckets = Buckets(per_minute=60, burst=3, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a") == pytest.approx(1.0) and buckets.take("b") == 0
    now[0] += 0.5
    assert buckets.take("a") == pytest.approx(0.5)
    now[0] += 0.6
    assert buckets.take("a") == 0
    now[0] += 3600
    assert [buckets.take("a") > 0 for _ in range(4)] == [False, False, False, True]
    for index in range(MAX_CLIENTS + 5):
        buckets.take(str(index))
    assert len(buckets._buckets) == MAX_CLIENTS
    assert Buckets(per_minute=0, burst=1).take("a") == 0


def test_clients_are_told_apart_by_address() -> None:
    assert client_of("203.0.113.9", "1.2.3.4", ()) == "203.0.113.9"  # nobody vouches for the header
    assert client_of("10.0.0.1", "1.2.3.4, 5.6.7.8", ("10.0.0.1",)) == "5.6.7.8"
    assert client_of("10.0.0.1", "1.2.3.4, 10.0.0.2", ("10.0.0.1", "10.0.0.2")) == "1.2.3.4"
    assert client_of("10.0.0.1", "nonsense", ("10.0.0.1",)) == "10.0.0.1"
    assert client_of("2001:db8:1:2:3::4", None, ()) == client_of("2001:db8:1:2::9", None, ()) == "2001:db8:1:2::/64"
    assert client_of("::ffff:1.2.3.4", None, ()) == "1.2.3.4"
    assert client_of("10.0.0.1", "[2001:db8::1]:443", ("10.0.0.1",)) == "2001:db8::/64"
    assert client_of(None, None, ()) == client_of("testclient", None, ()) == "unknown"


def test_those_who_ask_too_often_wait(serve_here: Serve) -> None:
    client = serve_here(limits={"requests_per_minute": 6.0, "burst": 2}, trusted_proxies=("203.0.113.9",))
    answers = [client.post("/v1/reconstruct", files={"picture": b"x"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [422, 422, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 11 and answers[2].json()["error"]["code"] == "rate_limited"
    other = client.post("/v1/reconstruct", files={"picture": b"x"}, headers={"X-Forwarded-For": "198.51.100.7"})
    assert other.status_code == 422
    assert client.get("/v1/models").status_code == 200


def test_a_token_is_asked_for(serve_here: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    client = serve_here(token_file=str(tmp_path / "token"))
    for given in (None, "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ", TOKEN):
        headers = {} if given is None else {"Authorization": given}
        for verb, path in (("POST", "/v1/reconstruct"), ("POST", "/v1/pose"), ("GET", "/v1/models"), ("GET", "/metrics")):
            answer = client.request(verb, path, headers=headers)
            assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Bearer"), (verb, path, given)
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert client.get("/v1/models", headers=right).json()["limits"]["token_required"] is True
    assert client.post("/v1/reconstruct", files={"picture": b"x"}, headers=right).status_code == 422
    assert client.get("/healthz").status_code == 200 and client.get("/").status_code == 200  # the page asks for it
    anywhere = serve_here(token_file=str(tmp_path / "token"), hosts=())
    assert anywhere.get("/v1/models", headers={"Host": "192.0.2.7:8000", **right}).status_code == 200
    monkeypatch.setenv("VITRUVIAN_SERVE_TOKEN", "short")
    with pytest.raises(InputError, match="at least 16"):
        Settings().token()
    with pytest.raises(InputError, match="cannot be read"):
        Settings(token_file=str(tmp_path / "gone")).token()


def test_guesses_of_the_token_are_counted(serve_here: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRUVIAN_SERVE_TOKEN", TOKEN)
    client = serve_here(limits={"requests_per_minute": 6.0, "burst": 3})
    assert [client.post("/v1/reconstruct").status_code for _ in range(4)] == [401, 401, 401, 429]


def test_pages_of_other_sites_and_foreign_names_are_refused(serve_here: Serve, photo: bytes) -> None:
    client = serve_here(hosts=("people.example.org", "testserver"))
    for headers, status in (
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[broken"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}, 422),
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:8000"}, 421),
        ({"Host": "people.example.org"}, 422),
        ({"Host": "localhost:8000"}, 422),
        ({"Host": "[::1]:8000"}, 422),
    ):
        answer = client.post("/v1/reconstruct", files={"picture": b"x"}, headers=headers)
        assert answer.status_code == status, (headers, answer.text)
    assert client.options("/v1/reconstruct", headers={"Origin": "http://evil.example"}).status_code == 405
    assert "access-control-allow-origin" not in client.get("/v1/models").headers
    guard.check_host(Headers({"host": "anything"}), ("*",))


def test_what_browsers_are_told(serve_here: Serve) -> None:
    client = serve_here()
    for path in ("/", "/docs", "/v1/models", "/nothing"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"] and headers["referrer-policy"] == "no-referrer"
        assert len(headers.get_list("x-request-id")) == 1
    assert client.get("/v1/models", headers={"X-Request-Id": "good_one-1"}).headers["x-request-id"] == "good_one-1"
    for odd in ("a b", "x" * 65, "<b>", "ä".encode()):
        assert client.get("/v1/models", headers={"X-Request-Id": odd}).headers["x-request-id"] != odd


def test_a_public_address_needs_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VITRUVIAN_SERVE_TOKEN", raising=False)
    for host in ("0.0.0.0", "::", "192.0.2.1", "people.example.org"):
        with pytest.raises(InputError, match="needs an API token"):
            check_address(Address(host=host, port=0), Settings())
    assert check_address(Address(host="127.0.0.1", port=0), Settings()).port > 0
    monkeypatch.setenv("VITRUVIAN_SERVE_TOKEN", TOKEN)
    assert check_address(Address(host="0.0.0.0", port=0), Settings()).port > 0
    with pytest.raises(InputError, match="between 0 and 65535"):
        check_address(Address(port=70_000), Settings())
    with pytest.raises(InputError, match="give both"):
        check_address(Address(port=0, key=Path("key.pem")), Settings())


def test_settings_are_checked() -> None:
    settings = Settings(models=("pifu",), limits=Limits(queue=3))
    assert settings_from(settings.to_dict()) == settings
    for values, words in (
        ({"model": ["pifu"]}, "model: there is no such setting"),
        ({"limits": {"uploads": 3}}, "limits.uploads: there is no such setting"),
        ({"limits": 3}, "mapping"),
        ({"models": "pifu"}, "list of texts"),
        ({"batch_size": "8"}, "must be of the kind"),
        ({"batch_size": 0}, "at least 1"),
        ({"store": 3}, "must be a text"),
        ({"max_replicas": 1, "min_replicas": 2}, "fewer than"),
        ({"limits": {"resolution": 8}}, "take 16 to 1024"),
        ({"limits": {"seconds": 0}}, "above 0"),
        ({"limits": {"queue": 0}}, "at least 1"),
    ):
        with pytest.raises(InputError, match=words):
            settings_from(values)
