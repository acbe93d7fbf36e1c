// A tree of triangles for one question: does a ray hit anything at all? Eight boxes, then eight triangles at a time.
#pragma once

#include "simd.h"
#include "tree_order.h"
#include "triangles.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace vitruvian {

struct Ray {
    float origin[3], direction[3];  // the direction need not have length one
};

class RayTree {
public:
    template <class T> explicit RayTree(const Triangles<T> &mesh) {
        auto corner = [&mesh](size_t f, int k, int axis) {
            return (float) mesh.vertices[3 * (size_t) mesh.faces[3 * f + (size_t) k] + (size_t) axis];
        };
        std::vector<uint32_t> order = TreeOrder::of(mesh.num_faces, [&](size_t f, float *at) {
            for (int a = 0; a < 3; ++a) {
                float low = std::min({corner(f, 0, a), corner(f, 1, a), corner(f, 2, a)});
                float high = std::max({corner(f, 0, a), corner(f, 1, a), corner(f, 2, a)});
                at[a] = low + (high - low) / 2;
            }
        });
        size_t count = (mesh.num_faces + 7) / 8;
        leaves_.resize(count);
        std::vector<Bounds> boxes(count);
        for (size_t k = 0; k < 8 * count; ++k) {
            for (int c = 0; c < 3; ++c) {
                float p[3] = {NAN, NAN, NAN};  // what fills up the last leaf is hit by nothing
                if (k < order.size()) {
                    for (int a = 0; a < 3; ++a) p[a] = corner(order[k], c, a);
                    boxes[k / 8].include(p);
                }
                for (int a = 0; a < 3; ++a) leaves_[k / 8].corner[c][a][k % 8] = p[a];
            }
        }
        do {
            size_t parents = (boxes.size() + 7) / 8;
            std::vector<Bounds> merged(parents);
            levels_.emplace_back(parents);
            for (size_t k = 0; k < 8 * parents; ++k) {
                Bounds box;  // inside out: no ray meets it
                if (k < boxes.size()) box = boxes[k];
                Node &node = levels_.back()[k / 8];
                for (int a = 0; a < 3; ++a) node.side[0][a][k % 8] = box.low[a], node.side[1][a][k % 8] = box.high[a];
                if (k < boxes.size()) merged[k / 8].include(box.low), merged[k / 8].include(box.high);
            }
            boxes.swap(merged);
        } while (boxes.size() > 1);
    }

    // Whether the ray meets a triangle in front of its origin, from either side. `last` is the leaf that the ray before hit, which
    // is tried first: rays near each other hit the same things.
    bool hits(const Ray &ray, uint32_t &last) const {
        if (leaves_.empty()) return false;
        f32x8 origin[3], inverse[3], direction[3];
        int behind[3];
        for (int a = 0; a < 3; ++a) {
            float d = ray.direction[a];
            origin[a] = splat(ray.origin[a]);
            direction[a] = splat(d);
            inverse[a] = splat(1.0f / (std::fabs(d) < 1e-20f ? std::copysign(1e-20f, d) : d));
            behind[a] = d < 0;
        }
        if (hits_leaf(leaves_[last], origin, direction)) return true;
        struct Entry {
            uint32_t node;
            int level;
        };
        Entry stack[128];
        int top = 0;
        stack[top++] = {0, (int) levels_.size() - 1};
        const f32x8 zero = splat(0);
        while (top > 0) {
            Entry entry = stack[--top];
            const Node &node = levels_[(size_t) entry.level][entry.node];
            f32x8 enter = zero, leave = splat(INFINITY);
            for (int a = 0; a < 3; ++a) {
                enter = max8((node.side[behind[a]][a] - origin[a]) * inverse[a], enter);
                leave = min8((node.side[!behind[a]][a] - origin[a]) * inverse[a], leave);
            }
            // Wider by more than the rounding of the two differences and products.
            uint32_t met = lane_bits(enter <= leave * splat(1.000001f));
            if (entry.level > 0) {
                for (; met; met &= met - 1) stack[top++] = {8 * entry.node + (uint32_t) __builtin_ctz(met), entry.level - 1};
                continue;
            }
            for (; met; met &= met - 1) {
                uint32_t leaf = 8 * entry.node + (uint32_t) __builtin_ctz(met);
                if (leaf != last && hits_leaf(leaves_[leaf], origin, direction)) {
                    last = leaf;
                    return true;
                }
            }
        }
        return false;
    }

private:
    struct Bounds {
        float low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
        void include(const float *p) {
            for (int a = 0; a < 3; ++a) low[a] = std::min(low[a], p[a]), high[a] = std::max(high[a], p[a]);
        }
    };
    struct Node {
        f32x8 side[2][3];  // low and high sides of the children's boxes
    };
    struct Leaf {
        f32x8 corner[3][3];  // [corner][axis]
    };

    // The signed volumes of the ray and each edge (Pluecker coordinates), with the origin of the ray as origin: two triangles get
    // exactly opposite values at a common edge, so no ray slips through between them.
    static bool hits_leaf(const Leaf &leaf, const f32x8 *origin, const f32x8 *direction) {
        f32x8 p[3][3], volume[3], along[3];
        for (int k = 0; k < 3; ++k)
            for (int a = 0; a < 3; ++a) p[k][a] = leaf.corner[k][a] - origin[a];
        for (int k = 0; k < 3; ++k) {
            const f32x8 *b = p[(k + 1) % 3], *c = p[(k + 2) % 3];
            volume[k] = direction[0] * (b[1] * c[2] - b[2] * c[1]) + direction[1] * (b[2] * c[0] - b[0] * c[2]) +
                        direction[2] * (b[0] * c[1] - b[1] * c[0]);
        }
        const f32x8 zero = splat(0);
        const f32x8 least = min8(min8(volume[0], volume[1]), volume[2]), most = max8(max8(volume[0], volume[1]), volume[2]);
        const i32x8 inside = (least >= zero) | (most <= zero);
        if (lane_bits(inside) == 0) return false;
        for (int k = 0; k < 3; ++k) along[k] = p[k][0] * direction[0] + p[k][1] * direction[1] + p[k][2] * direction[2];
        const f32x8 ahead = volume[0] * along[0] + volume[1] * along[1] + volume[2] * along[2];
        const f32x8 total = volume[0] + volume[1] + volume[2];
        return lane_bits(inside & (ahead * total > zero)) != 0;
    }

    std::vector<Leaf> leaves_;
    std::vector<std::vector<Node>> levels_;  // levels_[0]: nodes over leaves; the last has one node
};

}  // namespace vitruvian
