// Solid voxels of a triangle mesh, by either of two definitions of solid. The contract is in platform/geometry/voxelize.py.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "arrays.h"
#include "buffers.h"
#include "contracts.h"
#include "voxel_center.h"
#include "voxel_grid.h"
#include "voxel_shell.h"

namespace nb = nanobind;

namespace vitruvian {
namespace {

OutputArray<bool> voxelize(const InputArray &vertices, const InputArray &faces, const InputArray &origin, const InputArray &cell_size,
                           const InputArray &resolution, const std::string &rule, int threads) {
    const float *positions = checked<float>(vertices, "vertices", "float32 (V, 3)", {-1, 3});
    const int32_t *corners = checked<int32_t>(faces, "faces", "int32 (F, 3)", {-1, 3});
    const double *corner = checked<double>(origin, "origin", "float64 (3,)", {3});
    const double *cell = checked<double>(cell_size, "cell_size", "float64 (3,)", {3});
    const int64_t *size = checked<int64_t>(resolution, "resolution", "int64 (3,)", {3});
    VoxelGrid grid;
    for (int axis = 0; axis < 3; ++axis) {
        if (!(cell[axis] > 0) || !std::isfinite(cell[axis]) || !std::isfinite(corner[axis]))
            throw nb::value_error("origin must be finite, and cell_size finite and positive.");
        if (size[axis] < 1 || size[axis] > 4096)
            throw nb::value_error(("resolution is " + std::to_string(size[axis]) + " along axis " + std::to_string(axis) +
                                   "; it must be 1 to 4096.").c_str());
        grid.origin[axis] = corner[axis];
        grid.cell[axis] = cell[axis];
        grid.size[axis] = (int) size[axis];
    }
    if (rule != "center" && rule != "shell_fill")
        throw nb::value_error(("rule is '" + rule + "'; it must be 'center' or 'shell_fill'.").c_str());
    threads = std::min(checked_threads(threads), grid.size[1]);
    Scratch<bool> solid(grid.count());
    {
        nb::gil_scoped_release released;
        uint8_t *cells = reinterpret_cast<uint8_t *>(solid.data());
        check_finite(positions, vertices.shape(0), 3, "vertices");
        check_indices(corners, faces.shape(0), vertices.shape(0), "faces", "vertices");
        if (rule == "center") {
            voxelize_center(grid, positions, vertices.shape(0), corners, faces.shape(0), threads, cells);
        } else {
            std::memset(cells, 0, grid.count());
            mark_shell(grid, positions, corners, faces.shape(0), cells);
            fill_enclosed(grid, cells);
        }
    }
    return to_numpy(std::move(solid), {(size_t) grid.size[0], (size_t) grid.size[1], (size_t) grid.size[2]});
}

}  // namespace
}  // namespace vitruvian

void bind_voxelize(nb::module_ &m) {
    using namespace nb::literals;
    m.def("voxelize", &vitruvian::voxelize, "vertices"_a, "faces"_a, nb::kw_only(), "origin"_a, "cell_size"_a, "resolution"_a,
          "rule"_a, "threads"_a, "bool (nx, ny, nz), true where solid. Contract: vitruvian.geometry.voxelize.");
}
