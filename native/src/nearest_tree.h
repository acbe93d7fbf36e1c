// A tree for nearest-neighbour questions: eight primitives to a leaf, eight leaves to a node, eight nodes to the next, so that
// boxes and leaves are tested eight at a time and children need no pointers. Queries go in Morton order, and each starts with
// the answer of the one before, which is close.
#pragma once

#include "morton.h"
#include "parallel.h"
#include "simd.h"
#include "tree_order.h"

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

    // Finds the primitive nearest to the point. `best` holds the answer to another, better nearby query, or nothing yet.
    void nearest(const float *point, Nearest &best) const {
        f32x8 x = splat(point[0]), y = splat(point[1]), z = splat(point[2]);
        uint32_t visited = ~0u;
        if (best.distance2 < std::numeric_limits<float>::infinity()) {
            best.distance2 = std::numeric_limits<float>::infinity();
            visited = best.slot / 8;
            visit_leaf(visited, x, y, z, best);
        }
        struct Entry {
            float distance2;
            uint32_t node;
            int level;
        };
        Entry stack[128];
        int top = 0;
        stack[top++] = {0, 0, (int) levels_.size() - 1};
        while (top > 0) {
            Entry entry = stack[--top];
            if (entry.distance2 >= best.distance2) continue;
            const Node &node = levels_[(size_t) entry.level][entry.node];
            f32x8 zero = splat(0);
            f32x8 dx = max8(max8(node.low[0] - x, x - node.high[0]), zero);
            f32x8 dy = max8(max8(node.low[1] - y, y - node.high[1]), zero);
            f32x8 dz = max8(max8(node.low[2] - z, z - node.high[2]), zero);
            f32x8 distance2 = dx * dx + dy * dy + dz * dz;
            uint32_t hits = lane_bits(distance2 < splat(best.distance2));
            alignas(32) float distances[8];
            store(distances, distance2);
            if (entry.level == 0) {  // the children are leaves: visit them at once, the nearest first
                if ((visited >> 3) == entry.node) hits &= ~(1u << (visited & 7));
                while (hits) {
                    int lane = __builtin_ctz(hits);
                    for (uint32_t others = hits & (hits - 1); others; others &= others - 1) {
                        int other = __builtin_ctz(others);
                        lane = distances[other] < distances[lane] ? other : lane;
                    }
                    visit_leaf(8 * entry.node + (uint32_t) lane, x, y, z, best);
                    hits &= ~(1u << lane) & lane_bits(distance2 < splat(best.distance2));
                }
                continue;
            }
            int first = top;
            for (; hits; hits &= hits - 1) {  // the nearest child goes on top
                int lane = __builtin_ctz(hits);
                Entry child = {distances[lane], 8 * entry.node + (uint32_t) lane, entry.level - 1};
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
            size_t begin = chunk * chunk_size, end = std::min(count, begin + chunk_size);
            std::vector<float> points(3 * (end - begin));
            for (size_t k = begin; k < end; ++k) position(order[k], &points[3 * (k - begin)]);
            std::vector<Nearest> found(end - begin);  // answers come after the search: their loads then overlap
            Nearest best;
            for (size_t k = begin; k < end; ++k) {
                nearest(&points[3 * (k - begin)], best);
                found[k - begin] = best;
            }
            for (size_t k = begin; k < end; ++k) answer(order[k], found[k - begin]);
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
        if (better == 0) return;
        alignas(32) float distances[8];
        store(distances, distance2);
        int winner = __builtin_ctz(better);
        for (better &= better - 1; better; better &= better - 1) {
            int lane = __builtin_ctz(better);
            winner = distances[lane] < distances[winner] ? lane : winner;
        }
        best = {distances[winner], 8 * leaf + (uint32_t) winner};
    }

    const Leaves &leaves_;
    std::vector<std::vector<Node>> levels_;  // levels_[0]: nodes over leaves; the last has one node
};

}  // namespace vitruvian
