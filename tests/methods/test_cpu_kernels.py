"""The CPU's own ways through convolution, normalisation and upsampling give what torch gives, forwards and backwards."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitruvian import _native
from vitruvian.methods.cpu import winograd
from vitruvian.methods.cpu.affine import affine
from vitruvian.methods.cpu.group_norm import GroupNormReLU, normalised_relu
from vitruvian.methods.cpu.pointwise import pointwise
from vitruvian.methods.cpu.winograd import Winograd, convolve, suits
from vitruvian.methods.pifu.project import sample_map
from vitruvian.methods.pifu.upsampling import bicubic_matrix, upsample_twice


def maps(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("rows_a_piece", [1, 3, 100])
@pytest.mark.parametrize(("channels_in", "channels_out", "height", "width"), [(8, 16, 4, 12), (16, 8, 8, 4), (32, 40, 16, 20)])
def test_winograd_is_a_convolution(
    channels_in: int, channels_out: int, height: int, width: int, rows_a_piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "PIECE_BYTES", rows_a_piece * 36 * 4 * width // 4 * max(channels_in, channels_out))
    x = maps(2, channels_in, height, width).requires_grad_()
    weight = (0.1 * maps(channels_out, channels_in, 3, 3, seed=1)).requires_grad_()
    slopes = maps(2, channels_out, height, width, seed=2)
    found = Winograd.apply(x, weight)
    found_gradients = torch.autograd.grad(found, (x, weight), slopes)
    exact = F.conv2d(x.double(), weight.double(), padding=1)
    exact_gradients = torch.autograd.grad(exact, (x, weight), slopes.double())
    for mine, true in zip((found, *found_gradients), (exact, *exact_gradients), strict=True):
        error = (mine - true.float()).abs().max() / true.abs().max()
        assert error < 2e-6


def test_only_fitting_convolutions_go_that_way() -> None:
    plain = nn.Conv2d(32, 32, 3, padding=1, bias=False)
    x = maps(1, 32, 16, 16)
    assert suits(plain, x)
    torch.testing.assert_close(convolve(plain, x), plain(x), atol=1e-5, rtol=1e-4)
    assert not suits(plain, x.contiguous())
    assert not suits(plain, x.bfloat16())
    assert not suits(plain, maps(1, 32, 18, 16))
    assert not suits(nn.Conv2d(32, 32, 3, padding=1), x)
    assert not suits(nn.Conv2d(32, 32, 3, padding=1, stride=2, bias=False), x)
    assert not suits(nn.Conv2d(32, 32, 1, bias=False), x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not suits(plain, x)


@pytest.mark.parametrize(("channels", "groups", "offset"), [(16, 4, 0.0), (32, 32, 30.0), (24, 3, -5.0)])
def test_group_norm_and_relu_in_one(channels: int, groups: int, offset: float) -> None:
    norm = nn.GroupNorm(groups, channels)
    with torch.no_grad():
        norm.weight.copy_(maps(1, channels, 1, 1, seed=3).flatten())
        norm.bias.copy_(maps(1, channels, 1, 1, seed=4).flatten())
    x = (maps(2, channels, 12, 20) + offset).requires_grad_()
    slopes = maps(2, channels, 12, 20, seed=5)
    found = normalised_relu(norm, x)
    assert found.grad_fn is not None and type(found.grad_fn).__name__.startswith("GroupNormReLU")
    found_gradients = torch.autograd.grad(found, (x, norm.weight, norm.bias), slopes)
    exact_norm = nn.GroupNorm(groups, channels).double()
    exact_norm.load_state_dict(norm.state_dict())
    exact_x = x.detach().double().requires_grad_()
    exact = F.relu(exact_norm(exact_x))
    exact_gradients = torch.autograd.grad(exact, (exact_x, exact_norm.weight, exact_norm.bias), slopes.double())
    for mine, true in zip((found, *found_gradients), (exact, *exact_gradients), strict=True):
        assert (mine - true.float()).abs().max() / true.abs().max() < 2e-5


def test_what_is_not_a_number_is_not_hidden() -> None:
    x = maps(2, 16, 4, 4)
    x[1, 5, 2, 2] = float("nan")
    found = normalised_relu(nn.GroupNorm(4, 16), x)
    assert found[0].isfinite().all() and found[1, 4:8].isnan().all() and found[1, 8:].isfinite().all()


def test_other_norms_and_layouts_are_torch_s() -> None:
    x = maps(2, 16, 4, 4).contiguous()
    norm = nn.GroupNorm(4, 16)
    assert torch.equal(normalised_relu(norm, x), F.relu(norm(x)))
    assert type(GroupNormReLU).__name__ == "FunctionMeta"


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_bicubic_upsampling_as_products(layout: torch.memory_format) -> None:
    x = maps(2, 3, 6, 10).contiguous(memory_format=layout).requires_grad_()
    expected = F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=True)
    found = upsample_twice(x, "bicubic")
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    slopes = maps(2, 3, 12, 20, seed=7)
    mine, theirs = (torch.autograd.grad(y, x, slopes)[0] for y in (found, expected))
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(bicubic_matrix(7).sum(1), torch.ones(14))


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("threads", [1, 3])
def test_points_read_maps(align_corners: bool, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    x = maps(2, 24, 7, 10).requires_grad_()
    inside = 2.4 * torch.rand(2, 2, 600, generator=torch.Generator().manual_seed(1)) - 1.2  # some outside, some on the border
    corners = torch.tensor([[-1.0, 1, -1, 1, 0], [-1, -1, 1, 1, 1e9]]).expand(2, 2, 5)
    xy = torch.cat([inside, corners], dim=2)
    found = sample_map(x, xy, align_corners=align_corners)
    assert type(found.grad_fn).__name__.startswith(("PointSamples", "Transpose"))
    grid = xy.double().transpose(1, 2).unsqueeze(2)
    exact_x = x.detach().double().requires_grad_()
    exact = F.grid_sample(exact_x, grid, padding_mode="zeros", align_corners=align_corners)[..., 0]
    torch.testing.assert_close(found.double(), exact, atol=1e-5, rtol=1e-5)
    slopes = torch.randn(found.shape, generator=torch.Generator().manual_seed(2))
    mine, true = torch.autograd.grad(found, x, slopes)[0], torch.autograd.grad(exact, exact_x, slopes.double())[0]
    torch.testing.assert_close(mine.double(), true, atol=2e-5, rtol=1e-5)


def test_coordinates_that_need_a_gradient_get_it() -> None:
    xy = torch.zeros(1, 2, 3, requires_grad=True)
    sample_map(maps(1, 8, 4, 4), xy).sum().backward()
    assert xy.grad is not None and xy.grad.abs().max() > 0


@pytest.mark.parametrize("slope", [None, 0.01])
def test_affine_layers_over_parts(slope: float | None) -> None:
    generator = torch.Generator().manual_seed(0)
    sizes = [(30, 5), (30, 7), (4, 12), (4,)]
    parts_weight_bias = [torch.randn(size, generator=generator).requires_grad_() for size in sizes]
    first, second, weight, bias = parts_weight_bias
    found = affine((first, second), weight, bias, slope=slope)
    expected = torch.cat([first, second], dim=1) @ weight.T + bias
    expected = expected if slope is None else F.leaky_relu(expected, slope)
    torch.testing.assert_close(found, expected)
    slopes = torch.randn(30, 4, generator=generator)
    mine, theirs = (torch.autograd.grad(y, parts_weight_bias, slopes) for y in (found, expected))
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_pointwise_convolutions(layout: torch.memory_format) -> None:
    convolution = nn.Conv2d(16, 24, 1)
    x = maps(2, 16, 4, 6).contiguous(memory_format=layout).requires_grad_()
    found, expected = pointwise(x, convolution.weight, convolution.bias), convolution(x)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    wanted = (x, convolution.weight, convolution.bias)
    slopes = maps(2, 24, 4, 6, seed=9)
    for mine, theirs in zip(
        torch.autograd.grad(found, wanted, slopes), torch.autograd.grad(expected, wanted, slopes), strict=True
    ):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


def test_pieces_that_do_not_fit_are_named() -> None:
    points = np.empty((36, 5, 8), np.float32)
    with pytest.raises(ValueError, match="5 tiles from tile row 0 are not whole rows of 2 inside 4 rows"):
        _native.winograd_inputs(np.zeros((1, 16, 8, 8), np.float32), 0, points)
    with pytest.raises(ValueError, match="4 tiles from tile row 3"):
        _native.winograd_outputs(points[:, :4].copy(), 3, np.zeros((1, 16, 8, 8), np.float32))
    with pytest.raises(ValueError, match="sides must be multiples of 4, channels of 8"):
        _native.winograd_inputs(np.zeros((1, 16, 7, 8), np.float32), 0, points)


FAULTS = """
import resource, sys
import torch
from vitruvian.methods.cpu.memory import keep_freed_memory
if "keep" in sys.argv and not keep_freed_memory():
    sys.exit(77)
for _ in range(10):
    torch.ones(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_kept_memory_is_not_asked_for_again() -> None:
    faults = {}
    for word in ("keep", "as it is"):
        done = subprocess.run([sys.executable, "-c", FAULTS, word], capture_output=True, text=True, check=False)
        if done.returncode == 77:
            pytest.skip("this C library has no mallopt")
        assert done.returncode == 0, done.stderr
        faults[word] = int(done.stdout)
    assert faults["keep"] < 0.1 * faults["as it is"]
