// The 256 cases of marching cubes, derived instead of typed in, such that neighbouring cells always fit together.
//
// On a cube's face with two diagonal corners inside, those corners are kept apart: a rule that looks at the face only, so the two
// cells that share it agree. The segments on the faces form loops; a loop is triangulated without any diagonal that lies in a
// face of the cube, because the neighbour could have the same diagonal and four triangles would share that edge. With this every
// edge of the surface has exactly two triangles, except on the border of the volume.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace vitruvian {

struct MarchingCubesCase {
    uint8_t num_triangles = 0;
    uint8_t edges[15] = {};  // three cut edges a triangle, counter-clockwise seen from outside
};

// Corner c of a cell is at x = c >> 2 & 1, y = c >> 1 & 1, z = c & 1. Edge number = 4 * axis + 2 * first + second, where first and
// second are the other two coordinates in the order x, y, z.
class MarchingCubesTable {
public:
    MarchingCubesTable() {
        for (int axis = 0; axis < 3; ++axis) {
            for (int side = 0; side < 2; ++side) {
                int u = 4 >> (axis + 1) % 3, v = 4 >> (axis + 2) % 3, base = side * (4 >> axis);
                std::array<int, 4> face = {base, base + u, base + u + v, base + v};  // counter-clockwise seen from +axis
                if (side == 0) std::swap(face[1], face[3]);
                faces_[2 * axis + side] = face;
            }
        }
        for (int inside = 0; inside < 256; ++inside) {
            for (const std::vector<int> &loop : loops(inside)) triangulate(loop, 0, (int) loop.size() - 1, cases_[inside]);
        }
    }
    const MarchingCubesCase &operator[](uint32_t inside) const { return cases_[inside]; }

private:
    static int edge_between(int a, int b) {
        int c = a & b, differ = a ^ b;
        if (differ == 4) return c & 3;
        if (differ == 2) return 4 + ((c >> 1 & 2) | (c & 1));
        return 8 + (c >> 1 & 3);
    }

    bool share_a_face(int edge_a, int edge_b) const {
        for (const std::array<int, 4> &face : faces_) {
            int found = 0;
            for (int k = 0; k < 4; ++k) {
                int edge = edge_between(face[k], face[(k + 1) % 4]);
                found += edge == edge_a || edge == edge_b;
            }
            if (found == 2) return true;
        }
        return false;
    }

    std::vector<std::vector<int>> loops(int inside) const {
        std::array<int, 12> next;
        next.fill(-1);
        for (const std::array<int, 4> &face : faces_) {
            for (int k = 0; k < 4; ++k) {
                auto is_inside = [&](int at) { return inside >> face[at % 4] & 1; };
                if (is_inside(k) || !is_inside(k + 1)) continue;
                int last = k + 1;  // the run of inside corners that begins here
                while (is_inside(last + 1)) ++last;
                int enter = edge_between(face[k], face[(k + 1) % 4]), leave = edge_between(face[last % 4], face[(last + 1) % 4]);
                next[enter] = leave;
            }
        }
        std::vector<std::vector<int>> result;
        for (int first = 0; first < 12; ++first) {
            if (next[first] < 0) continue;
            std::vector<int> loop;
            for (int edge = first; next[edge] >= 0;) {
                loop.push_back(edge);
                int follower = next[edge];
                next[edge] = -1;
                edge = follower;
            }
            result.push_back(loop);
        }
        return result;
    }

    // Triangulates loop[first..last], a polygon whose side (first, last) may be used. Returns false where that is impossible.
    bool triangulate(const std::vector<int> &loop, int first, int last, MarchingCubesCase &out) const {
        if (last - first < 2) return true;
        auto allowed = [&](int a, int b) {
            return b - a == 1 || (a == 0 && b == (int) loop.size() - 1) || !share_a_face(loop[a], loop[b]);
        };
        for (int middle = first + 1; middle < last; ++middle) {
            if (!allowed(first, middle) || !allowed(middle, last)) continue;
            MarchingCubesCase trial = out;
            if (!triangulate(loop, first, middle, trial) || !triangulate(loop, middle, last, trial)) continue;
            uint8_t *triangle = trial.edges + 3 * trial.num_triangles++;
            triangle[0] = (uint8_t) loop[first], triangle[1] = (uint8_t) loop[middle], triangle[2] = (uint8_t) loop[last];
            out = trial;
            return true;
        }
        return false;
    }

    std::array<std::array<int, 4>, 6> faces_;
    std::array<MarchingCubesCase, 256> cases_;
};

}  // namespace vitruvian
