// Iso-surface of a sampled volume (Lorensen and Cline 1987; two passes after Schroeder, Maynard, Geveci 2015, Flying Edges), with
// the inside flags packed 64 to a word: most of a volume is skipped a word at a time, and the number of a vertex is a prefix
// count of bits instead of a table entry.
#include "arrays.h"
#include "marching_cubes_table.h"
#include "parallel.h"
#include "simd.h"

#include <cmath>
#include <memory>
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/tuple.h>
#include <tuple>

namespace nb = nanobind;

namespace vitruvian {
namespace {

int count_bits(uint64_t word) { return __builtin_popcountll(word); }

enum Side : uint8_t { kOutside, kInside, kMixed };  // of all samples of a row along z

// Which edges that start at the points of one x-slab are cut, and the number of the first vertex of each word.
struct Slab {
    std::vector<uint64_t> cut[3];    // by axis x, y, z; [y * words + word]
    std::vector<uint32_t> first[3];
    std::vector<size_t> rows;        // those y that may have cut edges; the others' words hold nothing of meaning
    void resize(size_t size) {
        for (int k = 0; k < 3; ++k) cut[k].resize(size), first[k].resize(size);
    }
};

class Extractor {
public:
    Extractor(const float *volume, std::array<size_t, 3> shape, float level, std::array<double, 3> origin, std::array<double, 3> cell)
        : volume_(volume), nx_(shape[0]), ny_(shape[1]), nz_(shape[2]), words_((shape[2] + 63) / 64), level_(level), origin_(origin),
          cell_(cell), inside_(new uint64_t[nx_ * ny_ * words_]), side_(new Side[nx_ * ny_]), across_(nx_), within_(nx_), mixed_(nx_),
          vertex_start_(nx_ + 1), face_start_(nx_ + 1) {}

    // Counts the vertices exactly and the faces from above (cells with several loops need two fewer for each further loop).
    void count(int threads) {
        parallel_for(threads, nx_, [&](size_t x) { pack(x); });
        parallel_for(threads, nx_, [&](size_t x) { count_slab(x); });
        // A cell with e cut edges in one loop has e - 2 triangles, and a cut edge belongs to at most four cells of this layer of
        // cells if it runs along x, to two if it lies in one of the two slabs of points.
        for (size_t x = 0; x < nx_; ++x) {
            vertex_start_[x + 1] = vertex_start_[x] + across_[x] + within_[x];
            size_t beyond = x + 1 < nx_ ? 2 * (within_[x] + within_[x + 1]) : 0;
            face_start_[x + 1] = face_start_[x] + 4 * across_[x] + beyond - 2 * mixed_[x];
        }
    }
    size_t num_vertices() const { return vertex_start_[nx_]; }
    size_t max_faces() const { return face_start_[nx_]; }

    // Writes all vertices and faces; returns the number of faces.
    size_t emit(int threads, float *vertices, int32_t *faces) {
        size_t chunks = std::min<size_t>(nx_, threads > 1 ? (size_t) threads * 4 : 1);
        std::vector<size_t> written(chunks);
        auto slab_of = [&](size_t chunk) { return chunk * nx_ / chunks; };
        parallel_for(threads, chunks, [&](size_t chunk) {
            int32_t *begin = faces + 3 * face_start_[slab_of(chunk)];
            written[chunk] = (size_t) (emit_slabs(slab_of(chunk), slab_of(chunk + 1), vertices, begin) - begin) / 3;
        });
        size_t total = written[0];
        for (size_t chunk = 1; chunk < chunks; ++chunk) {  // close the gaps that counting from above has left
            int32_t *from = faces + 3 * face_start_[slab_of(chunk)];
            if (from != faces + 3 * total) std::memmove(faces + 3 * total, from, written[chunk] * 3 * sizeof(int32_t));
            total += written[chunk];
        }
        return total;
    }

private:
    const uint64_t *row(size_t x, size_t y) const { return inside_.get() + (x * ny_ + y) * words_; }

    void pack(size_t x) {
        const f32x8 level = splat(level_);
        for (size_t y = 0; y < ny_; ++y) {
            const float *values = volume_ + (x * ny_ + y) * nz_;
            uint64_t *out = inside_.get() + (x * ny_ + y) * words_;
            uint64_t any = 0, all = ~0ull;
            size_t z = 0;
            for (; z + 64 <= nz_; z += 64) {
                uint64_t word = 0;
                for (int k = 0; k < 8; ++k) {
                    word |= (uint64_t) lane_bits(load<f32x8>(values + z + 8 * k) > level) << (8 * k);
                }
                any |= word, all &= word;
                *out++ = word;
            }
            if (z < nz_) {
                uint64_t word = 0, full = (1ull << (nz_ - z)) - 1;
                for (int k = 0; z < nz_; ++z, ++k) word |= (uint64_t) (values[z] > level_) << k;
                any |= word, all &= word | ~full;
                *out = word;
            }
            side_[x * ny_ + y] = any == 0 ? kOutside : (all == ~0ull ? kInside : kMixed);
        }
    }

    // Whether no edge that starts in row (x, y) is cut, seen from the rows' sides alone.
    bool no_edges(size_t x, size_t y) const {
        const Side *side = side_.get() + x * ny_ + y;
        return side[0] != kMixed && (y + 1 == ny_ || side[1] == side[0]) && (x + 1 == nx_ || side[ny_] == side[0]);
    }
    bool no_cells(size_t x, size_t y) const {
        const Side *side = side_.get() + x * ny_ + y;
        return side[0] != kMixed && side[1] == side[0] && side[ny_] == side[0] && side[ny_ + 1] == side[0];
    }

    // The word shifted down by one point: bit z holds the flag of z + 1.
    static uint64_t above(const uint64_t *row, size_t word, size_t words) {
        return row[word] >> 1 | (word + 1 < words ? row[word + 1] << 63 : 0);
    }

    uint64_t cells_in_word(size_t word) const {  // cells exist for z < nz - 1
        size_t cells = nz_ - 1 - 64 * word;
        return 64 * word + 1 >= nz_ ? 0 : (cells >= 64 ? ~0ull : (1ull << cells) - 1);
    }

    void cut_edges(size_t x, size_t y, size_t word, uint64_t cut[3]) const {
        const uint64_t *here = row(x, y);
        cut[0] = x + 1 < nx_ ? here[word] ^ row(x + 1, y)[word] : 0;
        cut[1] = y + 1 < ny_ ? here[word] ^ row(x, y + 1)[word] : 0;
        cut[2] = (here[word] ^ above(here, word, words_)) & cells_in_word(word);
    }

    struct CellWord {
        uint64_t corner[8];
        uint64_t mixed;  // cells with corners on both sides
    };
    CellWord cell_word(size_t x, size_t y, size_t word) const {
        CellWord cells;
        uint64_t any = 0, all = ~0ull;
        for (size_t k = 0; k < 4; ++k) {
            const uint64_t *corner_row = row(x + (k >> 1), y + (k & 1));
            cells.corner[2 * k] = corner_row[word];
            cells.corner[2 * k + 1] = above(corner_row, word, words_);
            any |= cells.corner[2 * k] | cells.corner[2 * k + 1];
            all &= cells.corner[2 * k] & cells.corner[2 * k + 1];
        }
        cells.mixed = any & ~all & cells_in_word(word);
        return cells;
    }

    void count_slab(size_t x) {
        size_t edges = 0, across = 0, mixed = 0;
        for (size_t y = 0; y < ny_; ++y) {
            bool cells = x + 1 < nx_ && y + 1 < ny_ && !no_cells(x, y);
            if (!cells && no_edges(x, y)) continue;
            for (size_t word = 0; word < words_; ++word) {
                uint64_t cut[3];
                cut_edges(x, y, word, cut);
                across += count_bits(cut[0]);
                edges += count_bits(cut[0]) + count_bits(cut[1]) + count_bits(cut[2]);
                if (cells) mixed += count_bits(cell_word(x, y, word).mixed);
            }
        }
        across_[x] = across, within_[x] = edges - across, mixed_[x] = mixed;
    }

    void number_vertices(size_t x, Slab &slab) const {
        size_t next = vertex_start_[x];
        slab.rows.clear();
        for (size_t y = 0; y < ny_; ++y) {
            if (no_edges(x, y)) continue;
            slab.rows.push_back(y);
            size_t at = y * words_;
            for (size_t word = 0; word < words_; ++word) {
                uint64_t cut[3];
                cut_edges(x, y, word, cut);
                const float *values = volume_ + (x * ny_ + y) * nz_ + 64 * word;
                for (uint64_t bits = cut[0] | cut[1] | cut[2]; bits; bits &= bits - 1) {  // emit_vertices will ask for these
                    const float *value = values + __builtin_ctzll(bits);
                    __builtin_prefetch(value);
                    if (x + 1 < nx_) __builtin_prefetch(value + ny_ * nz_);
                }
                for (int axis = 0; axis < 3; ++axis) slab.cut[axis][at + word] = cut[axis];
            }
            for (int axis = 2; axis >= 0; --axis) {
                for (size_t word = 0; word < words_; ++word) {
                    slab.first[axis][at + word] = (uint32_t) next;
                    next += count_bits(slab.cut[axis][at + word]);
                }
            }
        }
    }

    void emit_vertices(size_t x, const Slab &slab, float *vertices) const {
        const size_t stride[3] = {ny_ * nz_, nz_, 1};
        float *out = vertices + 3 * vertex_start_[x];
        for (size_t y : slab.rows) {
            const float *values = volume_ + (x * ny_ + y) * nz_;
            for (int axis = 2; axis >= 0; --axis) {
                for (size_t word = 0; word < words_; ++word) {
                    for (uint64_t bits = slab.cut[axis][y * words_ + word]; bits; bits &= bits - 1) {
                        size_t z = 64 * word + (size_t) __builtin_ctzll(bits);
                        float here = values[z], there = values[z + stride[axis]];
                        float t = (level_ - here) / (there - here);
                        if (!(t >= 0 && t <= 1)) fail(x, y, z);
                        double at[3] = {(double) x, (double) y, (double) z};
                        at[axis] += t;
                        for (int k = 0; k < 3; ++k) *out++ = (float) (origin_[k] + cell_[k] * at[k]);
                    }
                }
            }
        }
    }

    [[noreturn]] static void fail(size_t x, size_t y, size_t z) {
        throw nb::value_error(("volume has a value that is not finite at or next to [" + std::to_string(x) + ", " + std::to_string(y) +
                               ", " + std::to_string(z) + "].").c_str());
    }

    int32_t *emit_cells(size_t x, const Slab &here, const Slab &there, int32_t *out) const {
        static const MarchingCubesTable table;
        for (size_t y = 0; y + 1 < ny_; ++y) {
            if (no_cells(x, y)) continue;
            for (size_t word = 0; word < words_; ++word) {
                CellWord cells = cell_word(x, y, word);
                size_t near = y * words_ + word, far = near + words_;
                for (uint64_t bits = cells.mixed; bits; bits &= bits - 1) {
                    int z = __builtin_ctzll(bits);
                    uint64_t below = (1ull << z) - 1;
                    uint32_t inside = 0;
                    for (int k = 0; k < 8; ++k) inside |= (uint32_t) (cells.corner[k] >> z & 1) << k;
                    uint32_t id[12];
                    auto number = [&](const Slab &slab, int axis, size_t at, uint32_t *at_z) {
                        uint64_t cut = slab.cut[axis][at];
                        at_z[0] = slab.first[axis][at] + (uint32_t) count_bits(cut & below);
                        if (axis < 2) at_z[1] = at_z[0] + (uint32_t) (cut >> z & 1);
                    };
                    number(here, 0, near, id), number(here, 0, far, id + 2);
                    number(here, 1, near, id + 4), number(there, 1, near, id + 6);
                    number(here, 2, near, id + 8), number(here, 2, far, id + 9);
                    number(there, 2, near, id + 10), number(there, 2, far, id + 11);
                    const MarchingCubesCase &triangles = table[inside];
                    for (int k = 0; k < 3 * triangles.num_triangles; ++k) *out++ = (int32_t) id[triangles.edges[k]];
                }
            }
        }
        return out;
    }

    int32_t *emit_slabs(size_t begin, size_t end, float *vertices, int32_t *faces) const {
        Slab here, there;
        here.resize(ny_ * words_), there.resize(ny_ * words_);
        number_vertices(begin, here);
        for (size_t x = begin; x < end; ++x) {
            emit_vertices(x, here, vertices);
            if (x + 1 == nx_) break;
            number_vertices(x + 1, there);
            faces = emit_cells(x, here, there, faces);
            std::swap(here, there);
        }
        return faces;
    }

    const float *volume_;
    size_t nx_, ny_, nz_, words_;
    float level_;
    std::array<double, 3> origin_, cell_;
    std::unique_ptr<uint64_t[]> inside_;  // bit z of row (x, y): value > level
    std::unique_ptr<Side[]> side_;
    std::vector<size_t> across_, within_, mixed_;  // per slab: cut edges along x, other cut edges, cells that the surface meets
    std::vector<size_t> vertex_start_, face_start_;
};

using Surface = std::tuple<OutputArray<float>, OutputArray<int32_t>>;

Surface marching_cubes(const InputArray &volume, float level, std::array<double, 3> origin, std::array<double, 3> cell, int threads) {
    const float *values = checked<float>(volume, "volume", "float32 (nx, ny, nz)", {-1, -1, -1});
    std::array<size_t, 3> shape = {volume.shape(0), volume.shape(1), volume.shape(2)};
    if (shape[0] < 2 || shape[1] < 2 || shape[2] < 2) {
        throw nb::value_error(("volume is " + shape_text(volume) + "; it must have at least 2 samples along every axis.").c_str());
    }
    if (!std::isfinite(level)) throw nb::value_error("level is not a finite number.");
    checked_threads(threads);
    float *vertices = nullptr;
    int32_t *faces = nullptr;
    size_t num_vertices = 0, num_faces = 0;
    {
        nb::gil_scoped_release unlocked;
        Extractor extractor(values, shape, level, origin, cell);
        extractor.count(threads);
        num_vertices = extractor.num_vertices();
        if (num_vertices > INT32_MAX) throw nb::value_error("volume: the surface has more than 2^31 vertices.");
        std::unique_ptr<float, void (*)(void *)> vertex_memory(allocate<float>(3 * num_vertices), std::free);
        std::unique_ptr<int32_t, void (*)(void *)> face_memory(allocate<int32_t>(3 * extractor.max_faces()), std::free);
        num_faces = extractor.emit(threads, vertex_memory.get(), face_memory.get());
        vertices = vertex_memory.release();
        faces = face_memory.release();
    }
    return {to_numpy(vertices, {num_vertices, 3}), to_numpy(faces, {num_faces, 3})};
}

}  // namespace
}  // namespace vitruvian

void bind_marching_cubes(nb::module_ &m) {
    m.def("marching_cubes", &vitruvian::marching_cubes, nb::arg("volume"), nb::arg("level"), nb::arg("origin"), nb::arg("cell_size"),
          nb::arg("threads"), "(vertices float32 (V, 3), faces int32 (F, 3)) of the surface where the volume passes the level.");
}
