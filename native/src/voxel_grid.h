// A grid of cells in the frame of a mesh, [x][y][z] with z fastest.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vitruvian {

struct VoxelGrid {
    double origin[3];  // the outer corner of cell (0, 0, 0)
    double cell[3];
    int size[3];

    size_t count() const { return (size_t) size[0] * (size_t) size[1] * (size_t) size[2]; }
    size_t at(int x, int y, int z) const { return ((size_t) x * (size_t) size[1] + (size_t) y) * (size_t) size[2] + (size_t) z; }
};

}  // namespace vitruvian
