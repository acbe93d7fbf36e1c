// The pixels of a row that see the mesh, in groups of eight, and the steps that shade them.
#pragma once

#include "shading.h"
#include "visibility.h"
#if defined(__AVX2__)
#include "shading_avx2.h"
#endif

namespace vitruvian {

// Up to eight pixels of one row that see the mesh.
struct alignas(32) Group {
    float px[kLanes], py[kLanes];
    int32_t face[kLanes];
    size_t column[kLanes];
    int count = 0;
    bool run = false;  // eight pixels side by side

    // Takes the next ones from column `x` on, before column `end`; false if there are none. `ids` begins at column `begin`.
    bool next(const int32_t *ids, size_t begin, size_t end, size_t &x, float row) {
        count = 0;
        run = false;
        while (x < end && count < kLanes) {
#if defined(__AVX2__)
            // The row is padded: eight ids can always be read.
            const __m256i eight = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(ids + (x - begin)));
            const int background = _mm256_movemask_ps(_mm256_castsi256_ps(eight));
            if (background == 0xff) {
                x += 8;
                continue;
            }
            if (background == 0 && count == 0 && x + 8 <= end) {
                _mm256_store_si256(reinterpret_cast<__m256i *>(face), eight);
                for (int l = 0; l < 8; ++l) px[l] = (float) (x + (size_t) l) + 0.5f, column[l] = x + (size_t) l, py[l] = row;
                count = 8;
                run = true;
                x += 8;
                return true;
            }
            x += (size_t) __builtin_ctz(~(unsigned) background);
            if (x >= end) break;
#endif
            const int32_t id = ids[x - begin];
            if (id >= 0) face[count] = id, px[count] = (float) x + 0.5f, column[count] = x, ++count;
            ++x;
        }
        for (int l = count; l < kLanes; ++l) face[l] = face[0], px[l] = px[0], column[l] = column[0];
        for (int l = 0; l < kLanes; ++l) py[l] = row;
        return count > 0;
    }
};

// Shading has steps, so that what one step reads is on its way while the step before works on other groups.
#if defined(__AVX2__)
struct Found {  // what the steps hand on
    FaceCorners vertex, uv;
    TexelPlaces texels;
};

inline void find_corners(const Surface &surface, const Group &group, const Wanted &wanted, Found &found) {
    found.vertex = corners_of(surface.faces, group.face, 3);
    if (wanted.uv && surface.uvs) found.uv = corners_of(surface.uv_faces, group.face, 2);
    if (!surface.large) return;
    prefetch_records(surface.vertices, found.vertex);
    if (wanted.normal) prefetch_records(surface.normals, found.vertex);
    if (wanted.color && surface.irradiance) prefetch_records(surface.irradiance, found.vertex);
    if (wanted.uv && surface.uvs) prefetch_records(surface.uvs, found.uv);
}
#else
struct Found {};

inline void find_corners(const Surface &, const Group &, const Wanted &, Found &) {}
#endif

inline void shade_first(const Frame &frame, const Surface &surface, const Group &group, const Wanted &wanted, Found &found,
                        Shaded &out) {
#if defined(__AVX2__)
    shade_geometry_avx2(frame, surface, found.vertex, group.px, group.py, out);
    if (wanted.normal) shade_normal_avx2(surface, found.vertex, out);
    if (wanted.color && surface.irradiance) shade_irradiance_avx2(surface, found.vertex, out);
    if (wanted.uv) shade_uv_avx2(surface, found.uv, out);
    if (wanted.albedo && has_texel_places(surface)) {
        find_texels_avx2(surface, out, found.texels);
        prefetch_texels(surface, found.texels);
    }
#else
    (void) found;
    shade_geometry(frame, surface, group.face, group.px, group.py, out);
    if (wanted.normal) shade_normal(surface, group.face, out);
    if (wanted.color && surface.irradiance) shade_irradiance(surface, group.face, out);
    if (wanted.uv) shade_uv(surface, group.face, out);
#endif
}

inline void shade_second(const Surface &surface, const Group &group, const Wanted &wanted, const Found &found, Shaded &out) {
#if defined(__AVX2__)
    if (wanted.albedo && has_texel_places(surface)) shade_texture_avx2(surface, found.texels, out);
    else if (wanted.albedo) shade_albedo(surface, group.face, out);
#else
    (void) found;
    if (wanted.albedo) shade_albedo(surface, group.face, out);
#endif
    if (wanted.color) shade_color(surface, out);
}

constexpr int kBatch = 8;  // groups

// Calls done(group, shaded) for every group of pixels that see the mesh in columns [begin, end) of a row, where `ids` begins.
template <class Done>
inline void shade_row(const Frame &frame, const Surface &surface, const Wanted &wanted, bool at_all, const int32_t *ids,
                      size_t begin, size_t end, float row, const Done &done) {
    Group groups[kBatch];
    Found found[kBatch];
    Shaded shaded[kBatch];
    size_t x = begin;
    for (bool more = true; more;) {
        int count = 0;
        while (count < kBatch && (more = groups[count].next(ids, begin, end, x, row))) {
#if defined(__AVX2__)
            if (surface.large && at_all) prefetch_faces(surface.faces, groups[count].face);
            if (surface.large && wanted.uv && surface.uvs) prefetch_faces(surface.uv_faces, groups[count].face);
#endif
            ++count;
        }
        for (int k = 0; k < count && at_all; ++k) find_corners(surface, groups[k], wanted, found[k]);
        for (int k = 0; k < count && at_all; ++k) shade_first(frame, surface, groups[k], wanted, found[k], shaded[k]);
        for (int k = 0; k < count; ++k) {
            if (at_all) shade_second(surface, groups[k], wanted, found[k], shaded[k]);
            done(groups[k], shaded[k]);
        }
    }
}

}  // namespace vitruvian
