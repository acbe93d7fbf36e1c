// The loops of shading.h for x86, with the same formulas in the same order.
#pragma once

#include "shading.h"
#include "simd_avx2.h"

namespace vitruvian {

inline __m256 mul(__m256 a, __m256 b) { return _mm256_mul_ps(a, b); }
inline __m256 add(__m256 a, __m256 b) { return _mm256_add_ps(a, b); }
inline __m256 sub(__m256 a, __m256 b) { return _mm256_sub_ps(a, b); }
inline __m256 all(float value) { return _mm256_set1_ps(value); }

struct FaceCorners {
    alignas(32) int32_t index[3][8];
};

inline FaceCorners corners_of(const int32_t *faces, const int32_t *face) {
    FaceCorners corners;
    for (int l = 0; l < 8; ++l)
        for (int k = 0; k < 3; ++k) corners.index[k][l] = faces[3 * (size_t) face[l] + (size_t) k];
    return corners;
}

// Asks for the records that shading will read: worth it where a mesh is larger than the cache.
inline void prefetch_records(const float *base, int numbers, const FaceCorners &corners) {
    for (const auto &indices : corners.index)
        for (int32_t index : indices)
            _mm_prefetch(reinterpret_cast<const char *>(base + numbers * (size_t) (uint32_t) index), _MM_HINT_T0);
}

inline void prefetch_faces(const int32_t *faces, const int32_t *face) {
    for (int l = 0; l < 8; ++l) _mm_prefetch(reinterpret_cast<const char *>(faces + 3 * (size_t) face[l]), _MM_HINT_T0);
}

inline void shade_geometry_avx2(const Frame &f, const Surface &s, const FaceCorners &corners, const float *px, const float *py,
                                Shaded &out) {
    const __m256 x = _mm256_load_ps(px), y = _mm256_load_ps(py), zero = _mm256_setzero_ps(), one = all(1);
    __m256 u[3], v[3], d[3];
    for (int k = 0; k < 3; ++k) {
        __m256 p[3];
        load_records_3(s.vertices, corners.index[k], p);
        const auto row = [&](int r) {
            const __m256 xy = add(mul(all(f.rows[r][0]), p[0]), mul(all(f.rows[r][1]), p[1]));
            return add(add(xy, mul(all(f.rows[r][2]), p[2])), all(f.rows[r][3]));
        };
        d[k] = row(2);
        u[k] = sub(row(0), f.perspective ? mul(x, d[k]) : x);
        v[k] = sub(row(1), f.perspective ? mul(y, d[k]) : y);
    }
    __m256 b[3] = {sub(mul(u[1], v[2]), mul(u[2], v[1])), sub(mul(u[2], v[0]), mul(u[0], v[2])),
                   sub(mul(u[0], v[1]), mul(u[1], v[0]))};
    const __m256 sum = add(add(b[0], b[1]), b[2]);
    const __m256 inverse = _mm256_and_ps(_mm256_div_ps(one, sum), _mm256_cmp_ps(sum, zero, _CMP_NEQ_UQ));
    for (auto &weight : b) weight = _mm256_max_ps(mul(weight, inverse), zero);
    const __m256 total = add(add(b[0], b[1]), b[2]);
    const __m256 positive = _mm256_cmp_ps(total, zero, _CMP_GT_OQ);
    const __m256 again = _mm256_and_ps(_mm256_div_ps(one, total), positive);
    b[0] = _mm256_blendv_ps(one, mul(b[0], again), positive);
    b[1] = mul(b[1], again);
    b[2] = mul(b[2], again);
    for (int k = 0; k < 3; ++k) _mm256_store_ps(out.bary[k], b[k]);
    _mm256_store_ps(out.depth, add(add(mul(b[0], d[0]), mul(b[1], d[1])), mul(b[2], d[2])));
}

inline void shade_normal_avx2(const Surface &s, const FaceCorners &corners, Shaded &out) {
    __m256 n[3] = {all(0), all(0), all(0)};
    for (int k = 0; k < 3; ++k) {
        __m256 q[3];
        load_records_3(s.normals, corners.index[k], q);
        const __m256 weight = _mm256_load_ps(out.bary[k]);
        for (int axis = 0; axis < 3; ++axis) n[axis] = add(n[axis], mul(weight, q[axis]));
    }
    const __m256 length = _mm256_sqrt_ps(add(add(mul(n[0], n[0]), mul(n[1], n[1])), mul(n[2], n[2])));
    const __m256 inverse = _mm256_and_ps(_mm256_div_ps(all(1), length), _mm256_cmp_ps(length, all(1e-12f), _CMP_GT_OQ));
    for (int axis = 0; axis < 3; ++axis) _mm256_store_ps(out.normal[axis], mul(n[axis], inverse));
}

inline void shade_irradiance_avx2(const Surface &s, const FaceCorners &corners, Shaded &out) {
    __m256 sum[3] = {all(0), all(0), all(0)};
    for (int k = 0; k < 3; ++k) {
        __m256 q[3];
        load_records_3(s.irradiance, corners.index[k], q);
        const __m256 weight = _mm256_load_ps(out.bary[k]);
        for (int c = 0; c < 3; ++c) sum[c] = add(sum[c], mul(weight, q[c]));
    }
    for (int c = 0; c < 3; ++c) _mm256_store_ps(out.irradiance[c], sum[c]);
}

inline void shade_uv_avx2(const Surface &s, const FaceCorners &corners, Shaded &out) {
    __m256 uv[2] = {all(0), all(0)};
    if (s.uvs) {
        for (int k = 0; k < 3; ++k) {
            __m256 q[2];
            load_records_2(s.uvs, corners.index[k], q);
            const __m256 weight = _mm256_load_ps(out.bary[k]);
            for (int axis = 0; axis < 2; ++axis) uv[axis] = add(uv[axis], mul(weight, q[axis]));
        }
    }
    for (int axis = 0; axis < 2; ++axis) _mm256_store_ps(out.uv[axis], uv[axis]);
}

// Eight texels of three bytes, as the lower 24 bits. Reads start one byte early, so that none goes past the end.
inline __m256i load_texels(const uint8_t *texture, __m256i texel) {
    const __m256i first = _mm256_sub_epi32(_mm256_add_epi32(texel, _mm256_add_epi32(texel, texel)), _mm256_set1_epi32(1));
    alignas(32) int32_t offset[8];
    _mm256_store_si256(reinterpret_cast<__m256i *>(offset), _mm256_max_epi32(first, _mm256_setzero_si256()));
    const auto at = [&](int l) {
        int32_t value;
        std::memcpy(&value, texture + (uint32_t) offset[l], 4);
        return value;
    };
    const __m256i bytes = _mm256_set_epi32(at(7), at(6), at(5), at(4), at(3), at(2), at(1), at(0));
    const __m256i early = _mm256_andnot_si256(_mm256_srai_epi32(first, 31), _mm256_set1_epi32(8));
    return _mm256_srlv_epi32(bytes, early);
}

// Where eight pixels meet the texture: the upper left one of four texels, the steps to the others, and the place between them.
struct TexelPlace {
    __m256i first, right, below;
    __m256 fx, fy;
};

inline TexelPlace texel_place(const Surface &s, const Shaded &shaded) {
    const __m256 zero = _mm256_setzero_ps(), one = all(1), half = all(0.5f);
    const __m256 width = all((float) s.texture_width), height = all((float) s.texture_height);
    const __m256 tx = sub(mul(_mm256_load_ps(shaded.uv[0]), width), half);
    const __m256 ty = sub(mul(sub(one, _mm256_load_ps(shaded.uv[1])), height), half);
    const __m256 x = _mm256_min_ps(_mm256_max_ps(tx, zero), sub(width, one));  // max gives its second operand for NaN
    const __m256 y = _mm256_min_ps(_mm256_max_ps(ty, zero), sub(height, one));
    const __m256i x0 = _mm256_cvttps_epi32(x), y0 = _mm256_cvttps_epi32(y), columns = _mm256_set1_epi32(s.texture_width);
    TexelPlace place;
    place.first = _mm256_add_epi32(_mm256_mullo_epi32(y0, columns), x0);
    place.right = _mm256_srli_epi32(_mm256_cmpgt_epi32(_mm256_set1_epi32(s.texture_width - 1), x0), 31);
    place.below = _mm256_and_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(s.texture_height - 1), y0), columns);
    place.fx = sub(x, _mm256_cvtepi32_ps(x0));
    place.fy = sub(y, _mm256_cvtepi32_ps(y0));
    return place;
}

inline void prefetch_texture_avx2(const Surface &s, const Shaded &shaded) {
    const TexelPlace place = texel_place(s, shaded);
    alignas(32) int32_t texel[8];
    _mm256_store_si256(reinterpret_cast<__m256i *>(texel), place.first);
    for (int l = 0; l < 8; ++l) {
        const uint8_t *at = s.texture + 3 * (size_t) (uint32_t) texel[l];
        _mm_prefetch(reinterpret_cast<const char *>(at), _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char *>(at + 3 * (size_t) s.texture_width), _MM_HINT_T0);  // no harm past the end
    }
}

inline void shade_texture_avx2(const Surface &s, Shaded &out) {
    const TexelPlace place = texel_place(s, out);
    const __m256i top = place.first, bottom = _mm256_add_epi32(top, place.below), right = place.right;
    const __m256 fx = place.fx, fy = place.fy;
    const __m256i texels[4] = {load_texels(s.texture, top), load_texels(s.texture, _mm256_add_epi32(top, right)),
                               load_texels(s.texture, bottom), load_texels(s.texture, _mm256_add_epi32(bottom, right))};
    for (int c = 0; c < 3; ++c) {
        __m256 value[4];
        for (int k = 0; k < 4; ++k)
            value[k] = _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(texels[k], 8 * c), _mm256_set1_epi32(255)));
        const __m256 t = add(value[0], mul(fx, sub(value[1], value[0]))), b = add(value[2], mul(fx, sub(value[3], value[2])));
        _mm256_store_ps(out.albedo[c], mul(add(t, mul(fy, sub(b, t))), all(1.0f / 255.0f)));
    }
}

}  // namespace vitruvian
