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

    // Takes the next ones from `x` on; false if there are none.
    bool next(const int32_t *ids, size_t width, size_t &x, float row) {
        count = 0;
        while (x < width && count < kLanes) {
#if defined(__AVX2__)
            // The row is padded: eight ids can always be read.
            const __m256i eight = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(ids + x));
            const int background = _mm256_movemask_ps(_mm256_castsi256_ps(eight));
            if (background == 0xff) {
                x += 8;
                continue;
            }
            if (background == 0 && count == 0 && x + 8 <= width) {
                _mm256_store_si256(reinterpret_cast<__m256i *>(face), eight);
                for (int l = 0; l < 8; ++l) px[l] = (float) (x + (size_t) l) + 0.5f, column[l] = x + (size_t) l, py[l] = row;
                count = 8;
                x += 8;
                return true;
            }
            x += (size_t) __builtin_ctz(~(unsigned) background);
            if (x >= width) break;
#endif
            if (ids[x] >= 0) face[count] = ids[x], px[count] = (float) x + 0.5f, column[count] = x, ++count;
            ++x;
        }
        for (int l = count; l < kLanes; ++l) face[l] = face[0], px[l] = px[0], column[l] = column[0];
        for (int l = 0; l < kLanes; ++l) py[l] = row;
        return count > 0;
    }
};

// Shading has steps, so that what one step reads is on its way while the step before works on other groups.
#if defined(__AVX2__)
struct Corners {
    FaceCorners vertex, uv;
};

inline void find_corners(const Surface &surface, const Group &group, const Wanted &wanted, Corners &out) {
    out.vertex = corners_of(surface.faces, group.face);
    if (wanted.uv && surface.uvs) out.uv = corners_of(surface.uv_faces, group.face);
    if (!surface.large) return;
    prefetch_records(surface.vertices, 3, out.vertex);
    if (wanted.normal) prefetch_records(surface.normals, 3, out.vertex);
    if (wanted.color && surface.irradiance) prefetch_records(surface.irradiance, 3, out.vertex);
    if (wanted.uv && surface.uvs) prefetch_records(surface.uvs, 2, out.uv);
}
#else
struct Corners {};

inline void find_corners(const Surface &, const Group &, const Wanted &, Corners &) {}
#endif

inline void shade_first(const Frame &frame, const Surface &surface, const Group &group, const Corners &corners,
                        const Wanted &wanted, Shaded &out) {
#if defined(__AVX2__)
    shade_geometry_avx2(frame, surface, corners.vertex, group.px, group.py, out);
    if (wanted.normal) shade_normal_avx2(surface, corners.vertex, out);
    if (wanted.color && surface.irradiance) shade_irradiance_avx2(surface, corners.vertex, out);
    if (wanted.uv) shade_uv_avx2(surface, corners.uv, out);
    if (wanted.albedo && surface.texture) prefetch_texture_avx2(surface, out);
#else
    (void) corners;
    shade_geometry(frame, surface, group.face, group.px, group.py, out);
    if (wanted.normal) shade_normal(surface, group.face, out);
    if (wanted.color && surface.irradiance) shade_irradiance(surface, group.face, out);
    if (wanted.uv) shade_uv(surface, group.face, out);
#endif
}

inline void shade_second(const Surface &surface, const Group &group, const Wanted &wanted, Shaded &out) {
#if defined(__AVX2__)
    if (wanted.albedo && surface.texture && surface.texture_width * surface.texture_height > 1) shade_texture_avx2(surface, out);
    else if (wanted.albedo) shade_albedo(surface, group.face, out);
#else
    if (wanted.albedo) shade_albedo(surface, group.face, out);
#endif
    if (wanted.color) shade_color(surface, out);
}

constexpr int kBatch = 8;  // groups

// Calls done(group, shaded) for every group of pixels in a row of ids that see the mesh.
template <class Done>
inline void shade_row(const Frame &frame, const Surface &surface, const Wanted &wanted, bool at_all, const int32_t *ids,
                      size_t width, float row, Done done) {
    Group groups[kBatch];
    Corners corners[kBatch];
    Shaded shaded[kBatch];
    size_t x = 0;
    for (bool more = true; more;) {
        int count = 0;
        while (count < kBatch && (more = groups[count].next(ids, width, x, row))) {
#if defined(__AVX2__)
            if (surface.large && at_all) prefetch_faces(surface.faces, groups[count].face);
            if (surface.large && wanted.uv && surface.uvs) prefetch_faces(surface.uv_faces, groups[count].face);
#endif
            ++count;
        }
        for (int k = 0; k < count && at_all; ++k) find_corners(surface, groups[k], wanted, corners[k]);
        for (int k = 0; k < count && at_all; ++k) shade_first(frame, surface, groups[k], corners[k], wanted, shaded[k]);
        for (int k = 0; k < count; ++k) {
            if (at_all) shade_second(surface, groups[k], wanted, shaded[k]);
            done(groups[k], shaded[k]);
        }
    }
}

}  // namespace vitruvian
