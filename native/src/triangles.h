// A triangle mesh as the kernels see it: positions in float32 or float64, faces int32, checked once at the door.
#pragma once

#include "arrays.h"
#include "exact.h"

#include <cmath>
#include <limits>
#include <string>

namespace vitruvian {

template <class T> struct Triangles {
    const T *vertices;
    size_t num_vertices;
    const int32_t *faces;
    size_t num_faces;

    Vec3 vertex(int32_t index) const {
        const T *v = vertices + 3 * (size_t) index;
        return {(double) v[0], (double) v[1], (double) v[2]};
    }
};

template <class T> void require_finite(const T *values, size_t count, const char *name) {
    uint32_t wrong = 0;  // x - x is 0 unless x is infinite or not a number
    for (size_t k = 0; k < count; ++k) wrong |= !(values[k] - values[k] == 0);
    if (wrong) {
        for (size_t k = 0; k < count; ++k) {
            if (!std::isfinite(values[k])) {
                std::string row = std::to_string(k / 3);
                throw nb::value_error((std::string(name) + " has a value that is not finite in row " + row + ".").c_str());
            }
        }
    }
}

template <class T> Triangles<T> checked_triangles(const InputArray &vertices, const InputArray &faces) {
    const char *wanted = sizeof(T) == 4 ? "float32 (V, 3)" : "float64 (V, 3)";
    Triangles<T> mesh;
    mesh.vertices = checked<T>(vertices, "vertices", wanted, {-1, 3});
    mesh.num_vertices = vertices.shape(0);
    mesh.faces = checked<int32_t>(faces, "faces", "int32 (F, 3)", {-1, 3});
    mesh.num_faces = faces.shape(0);
    uint32_t largest = 0;  // a negative index is a very large one when read as unsigned
    for (size_t k = 0; k < 3 * mesh.num_faces; ++k) largest = std::max(largest, (uint32_t) mesh.faces[k]);
    if (mesh.num_faces > 0 && largest >= mesh.num_vertices) {
        size_t k = 0;
        while ((uint32_t) mesh.faces[k] < mesh.num_vertices) ++k;
        throw nb::value_error(("faces has the index " + std::to_string(mesh.faces[k]) + " in row " + std::to_string(k / 3) +
                               "; it must be from 0 to " + std::to_string((int64_t) mesh.num_vertices - 1) + ".").c_str());
    }
    require_finite(mesh.vertices, 3 * mesh.num_vertices, "vertices");
    return mesh;
}

}  // namespace vitruvian
