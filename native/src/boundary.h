// Closes an open mesh: finds where its faces do not cancel along an edge, traces those edges as loops and caps every loop with
// triangles between its own vertices. With the caps the surface has no boundary, whatever the input was (holes, inconsistent
// orientation, several faces at an edge, separate triangles), so its winding number is an integer.
#pragma once

#include "buffers.h"
#include "triangles.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace vitruvian {

using Face = std::array<int32_t, 3>;

inline uint64_t mixed_bits(uint64_t x) {  // the finaliser of SplitMix64 (Steele, Lea, Flood 2014)
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

// Whether every directed edge has as many opposites. Every vertex gets a random place (f, g) in a plane; the edges cancel where
// the signed areas of all faces have the sum zero whatever the places, for that sum is one of f_a g_b - f_b g_a over the directed
// edges from a to b. All is modulo 2^64: an open mesh passes with a probability of about 2^-58.
inline bool edges_cancel(const int32_t *faces, size_t num_faces, size_t num_vertices) {
    struct Place {
        uint64_t f, g;
    };
    Scratch<Place> scratch(num_vertices + 1);
    Place *places = scratch.data();
    for (size_t v = 0; v < num_vertices; ++v) places[v] = {mixed_bits(2 * v + 1), mixed_bits(2 * v + 2)};
    uint64_t sum = 0;
    for (size_t i = 0; i < num_faces; ++i) {
        const Place &a = places[faces[3 * i]], &b = places[faces[3 * i + 1]], &c = places[faces[3 * i + 2]];
        sum += (b.f - a.f) * (c.g - a.g) - (c.f - a.f) * (b.g - a.g);
    }
    return sum == 0;
}

struct SignedEdge {
    int32_t low, high;
    int32_t count;  // directed low -> high this many times, net
};

// Sums the counts of equal (low, high) pairs and drops those that cancel.
inline void cancel_edges(std::vector<SignedEdge> &edges) {
    std::sort(edges.begin(), edges.end(), [](const SignedEdge &a, const SignedEdge &b) {
        return a.low != b.low ? a.low < b.low : a.high < b.high;
    });
    size_t kept = 0;
    for (size_t k = 0; k < edges.size();) {
        SignedEdge edge = edges[k];
        for (++k; k < edges.size() && edges[k].low == edge.low && edges[k].high == edge.high; ++k) edge.count += edges[k].count;
        if (edge.count != 0) edges[kept++] = edge;
    }
    edges.resize(kept);
}

template <class T> std::vector<SignedEdge> boundary_edges(const Triangles<T> &mesh) {
    // Bucket the edges by their lower vertex, cancel inside each bucket.
    std::vector<uint32_t> start(mesh.num_vertices + 1, 0);
    auto for_each_edge = [&mesh](auto visit) {
        for (size_t f = 0; f < mesh.num_faces; ++f) {
            const int32_t *v = mesh.faces + 3 * f;
            visit(v[0], v[1]), visit(v[1], v[2]), visit(v[2], v[0]);
        }
    };
    for_each_edge([&](int32_t a, int32_t b) { start[std::min(a, b) + 1] += 1; });
    for (size_t v = 0; v < mesh.num_vertices; ++v) start[v + 1] += start[v];
    std::vector<uint32_t> slot(start.begin(), start.end() - 1);
    std::vector<std::pair<int32_t, int32_t>> bucketed(3 * mesh.num_faces);
    for_each_edge([&](int32_t a, int32_t b) { bucketed[slot[std::min(a, b)]++] = {std::max(a, b), a < b ? 1 : (a > b ? -1 : 0)}; });
    std::vector<SignedEdge> edges;
    for (size_t v = 0; v < mesh.num_vertices; ++v) {
        auto *first = bucketed.data() + start[v], *last = bucketed.data() + start[v + 1];
        if (last - first > 64) std::sort(first, last);
        for (auto *edge = first; edge != last; ++edge) {
            if (edge->second == 0) continue;
            int32_t count = edge->second;
            for (auto *other = edge + 1; other != last; ++other) {
                if (last - first > 64 && other->first != edge->first) break;
                if (other->first == edge->first) count += other->second, other->second = 0;
            }
            if (count != 0) edges.push_back({(int32_t) v, edge->first, count});
        }
    }
    return edges;
}

// Renames boundary vertices at equal positions to the first of them, so that seams between unshared vertices close.
template <class T> void weld_edges(const Triangles<T> &mesh, std::vector<SignedEdge> &edges) {
    std::vector<int32_t> used;
    for (const SignedEdge &edge : edges) used.push_back(edge.low), used.push_back(edge.high);
    std::sort(used.begin(), used.end());
    used.erase(std::unique(used.begin(), used.end()), used.end());
    std::vector<int32_t> order = used;
    auto at = [&mesh](int32_t v) { return mesh.vertices + 3 * (size_t) v; };
    auto same = [&](int32_t a, int32_t b) { return at(a)[0] == at(b)[0] && at(a)[1] == at(b)[1] && at(a)[2] == at(b)[2]; };
    std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
        for (int k = 0; k < 3; ++k) {
            if (at(a)[k] != at(b)[k]) return at(a)[k] < at(b)[k];
        }
        return a < b;
    });
    std::vector<int32_t> renamed(used.size());
    auto place = [&used](int32_t v) { return std::lower_bound(used.begin(), used.end(), v) - used.begin(); };
    for (size_t k = 0, first = 0; k < order.size(); ++k) {
        if (!same(order[k], order[first])) first = k;
        renamed[place(order[k])] = order[first];
    }
    for (SignedEdge &edge : edges) {
        int32_t low = renamed[place(edge.low)], high = renamed[place(edge.high)];
        if (low == high) edge = {low, high, 0};
        else if (low < high) edge = {low, high, edge.count};
        else edge = {high, low, -edge.count};
    }
    cancel_edges(edges);
}

// Triangles whose boundary is the given closed loop of directed edges. Every round cuts off each second vertex, so that a loop of
// n vertices becomes n - 2 triangles, most of them as small as its edges.
inline void cap_loop(std::vector<int32_t> loop, std::vector<Face> &caps) {
    while (loop.size() >= 3) {
        size_t n = loop.size(), kept = 0;
        for (size_t k = 0; k < n; k += 2) {
            if (k + 1 < n && !(n == 3 && k == 2)) caps.push_back({loop[k], loop[k + 1], loop[(k + 2) % n]});
            if (n == 3) return;
            loop[kept++] = loop[k];
        }
        loop.resize(kept);
    }
}

// The triangles that close the mesh; none for a closed one. The surface of mesh and caps together has no boundary.
template <class T> std::vector<Face> closing_caps(const Triangles<T> &mesh) {
    std::vector<Face> caps;
    if (edges_cancel(mesh.faces, mesh.num_faces, mesh.num_vertices)) return caps;
    std::vector<SignedEdge> edges = boundary_edges(mesh);
    weld_edges(mesh, edges);

    // The caps run against the boundary: next[] lists, for every vertex, where the wanted edges lead.
    std::vector<int32_t> names;
    for (const SignedEdge &edge : edges) names.push_back(edge.low), names.push_back(edge.high);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    auto place = [&names](int32_t v) { return (int32_t) (std::lower_bound(names.begin(), names.end(), v) - names.begin()); };
    std::vector<std::vector<int32_t>> next(names.size());
    for (const SignedEdge &edge : edges) {
        int32_t from = place(edge.count > 0 ? edge.high : edge.low), to = place(edge.count > 0 ? edge.low : edge.high);
        next[from].insert(next[from].end(), std::abs(edge.count), to);
    }
    // As many wanted edges enter a vertex as leave it, so a walk can only end where it has been before: a loop.
    std::vector<int32_t> path, position(names.size(), -1);
    for (size_t seed = 0; seed < names.size(); ++seed) {
        while (!next[seed].empty()) {
            path.assign(1, (int32_t) seed);
            position[seed] = 0;
            while (!path.empty()) {
                int32_t here = path.back();
                if (next[here].empty()) {  // only the seed itself, when all its loops are done
                    position[here] = -1;
                    path.pop_back();
                    continue;
                }
                int32_t there = next[here].back();
                next[here].pop_back();
                if (position[there] < 0) {
                    position[there] = (int32_t) path.size();
                    path.push_back(there);
                    continue;
                }
                std::vector<int32_t> loop;
                for (size_t k = position[there]; k < path.size(); ++k) loop.push_back(names[path[k]]);
                for (size_t k = position[there] + 1; k < path.size(); ++k) position[path[k]] = -1;
                path.resize(position[there] + 1);
                cap_loop(std::move(loop), caps);
            }
        }
    }
    return caps;
}

}  // namespace vitruvian
