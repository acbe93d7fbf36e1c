// A tree for nearest-neighbour questions: primitives in Morton order, eight to a leaf, eight leaves to a node, eight nodes to the
// next, so that boxes and leaves are tested eight at a time and children need no pointers. Queries go in Morton order too, and
// each starts with the answer of the one before, which is close.
#pragma once

#include "morton.h"
#include "parallel.h"
#include "simd.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace vitruvian {

struct Nearest {
    float distance2 = std::numeric_limits<float>::infinity();
    uint32_t slot = 0;  // place in the sorted order; primitive order[slot]
};

// `Leaves` has num_primitives(); bounds(slot, low, high) of a primitive in sorted order; distance2(leaf, x, y, z) for the eight
// primitives of a leaf, infinite for those that do not exist.
template <class Leaves> class NearestTree {
public:
    explicit NearestTree(const Leaves &leaves) : leaves_(leaves) {
        size_t count = (leaves.num_primitives() + 7) / 8;
        std::vector<Bounds> boxes(count);
        for (size_t slot = 0; slot < leaves.num_primitives(); ++slot) {
            Bounds box;
            leaves.bounds(slot, box.low, box.high);
            boxes[slot / 8].include(box);
        }
        do {
            size_t parents = (count + 7) / 8;
            std::vector<Bounds> merged(parents);
            levels_.emplace_back(parents);
            for (size_t k = 0; k < 8 * parents; ++k) {
                Bounds box = k < count ? boxes[k] : Bounds{};
                Node &node = levels_.back()[k / 8];
                for (int a = 0; a < 3; ++a) node.low[a][k % 8] = box.low[a], node.high[a][k % 8] = box.high[a];
                merged[k / 8].include(box);
            }
            boxes.swap(merged);
            count = parents;
        } while (count > 1);
    }

    // Improves `best` to the nearest primitive, if there is one nearer.
    void nearest(const float *point, Nearest &best) const {
        f32x8 x = splat(point[0]), y = splat(point[1]), z = splat(point[2]);
        if (best.distance2 < std::numeric_limits<float>::infinity()) {
            best.distance2 = std::numeric_limits<float>::infinity();
            visit_leaf(best.slot / 8, x, y, z, best);
        }
        struct Entry {
            float distance2;
            uint32_t node;
            int level;  // -1: a leaf
        };
        Entry stack[128];
        int top = 0;
        stack[top++] = {0, 0, (int) levels_.size() - 1};
        while (top > 0) {
            Entry entry = stack[--top];
            if (entry.distance2 >= best.distance2) continue;
            if (entry.level < 0) {
                visit_leaf(entry.node, x, y, z, best);
                continue;
            }
            const Node &node = levels_[(size_t) entry.level][entry.node];
            f32x8 zero = splat(0);
            f32x8 dx = max8(max8(node.low[0] - x, x - node.high[0]), zero);
            f32x8 dy = max8(max8(node.low[1] - y, y - node.high[1]), zero);
            f32x8 dz = max8(max8(node.low[2] - z, z - node.high[2]), zero);
            f32x8 distance2 = dx * dx + dy * dy + dz * dz;
            uint32_t hits = lane_bits(distance2 < splat(best.distance2));
            int first = top;
            while (hits) {  // the nearest child goes on top
                int lane = __builtin_ctz(hits);
                hits &= hits - 1;
                Entry child = {distance2[lane], 8 * entry.node + (uint32_t) lane, entry.level - 1};
                int at = top++;
                for (; at > first && stack[at - 1].distance2 < child.distance2; --at) stack[at] = stack[at - 1];
                stack[at] = child;
            }
        }
    }

    // Calls answer(k, nearest) for every query k; position(k, float[3]) gives its place.
    template <class Position, class Answer>
    void nearest_of_all(size_t count, int threads, const Position &position, const Answer &answer) const {
        std::vector<uint32_t> order = morton_order(count, position);
        constexpr size_t chunk_size = 1024;  // fixed, so that the answers do not depend on the threads
        parallel_for(threads, (count + chunk_size - 1) / chunk_size, [&](size_t chunk) {
            Nearest best;
            for (size_t k = chunk * chunk_size; k < std::min(count, (chunk + 1) * chunk_size); ++k) {
                float point[3];
                position(order[k], point);
                nearest(point, best);
                answer(order[k], best);
            }
        });
    }

private:
    struct Bounds {
        float low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
        void include(const Bounds &other) {
            for (int a = 0; a < 3; ++a) low[a] = std::min(low[a], other.low[a]), high[a] = std::max(high[a], other.high[a]);
        }
    };
    struct Node {
        f32x8 low[3], high[3];
    };

    void visit_leaf(uint32_t leaf, f32x8 x, f32x8 y, f32x8 z, Nearest &best) const {
        f32x8 distance2 = leaves_.distance2(leaf, x, y, z);
        uint32_t better = lane_bits(distance2 < splat(best.distance2));
        while (better) {
            int lane = __builtin_ctz(better);
            better &= better - 1;
            if (distance2[lane] < best.distance2) best = {distance2[lane], 8 * leaf + (uint32_t) lane};
        }
    }

    const Leaves &leaves_;
    std::vector<std::vector<Node>> levels_;  // levels_[0]: nodes over leaves; the last has one node
};

}  // namespace vitruvian
