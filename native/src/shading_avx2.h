// The loops of shading.h for x86, with the same formulas in the same order.
#pragma once

#include "shading.h"
#include "simd_avx2.h"

namespace vitruvian {

inline __m256 mul(__m256 a, __m256 b) { return _mm256_mul_ps(a, b); }
inline __m256 add(__m256 a, __m256 b) { return _mm256_add_ps(a, b); }
inline __m256 sub(__m256 a, __m256 b) { return _mm256_sub_ps(a, b); }
inline __m256 all(float value) { return _mm256_set1_ps(value); }

// Where the records of eight faces' corners start in an array with `numbers` numbers a record.
struct FaceCorners {
    alignas(32) uint32_t offset[3][8];
};

inline FaceCorners corners_of(const int32_t *faces, const int32_t *face, int numbers) {
    const __m256i ids = _mm256_load_si256(reinterpret_cast<const __m256i *>(face));
    alignas(32) uint32_t start[8];
    _mm256_store_si256(reinterpret_cast<__m256i *>(start), _mm256_add_epi32(ids, _mm256_slli_epi32(ids, 1)));
    __m256 index[3];
    load_records_3(reinterpret_cast<const float *>(faces), start, index);
    FaceCorners corners;
    for (int k = 0; k < 3; ++k) {
        const __m256i offset = _mm256_mullo_epi32(_mm256_castps_si256(index[k]), _mm256_set1_epi32(numbers));
        _mm256_store_si256(reinterpret_cast<__m256i *>(corners.offset[k]), offset);
    }
    return corners;
}

// Asks for the records that shading will read: worth it where a mesh is larger than the cache.
inline void prefetch_records(const float *base, const FaceCorners &corners) {
    for (const auto &offsets : corners.offset)
        for (uint32_t offset : offsets) _mm_prefetch(reinterpret_cast<const char *>(base + offset), _MM_HINT_T0);
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
        load_records_3(s.vertices, corners.offset[k], p);
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
        load_records_3(s.normals, corners.offset[k], q);
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
        load_records_3(s.irradiance, corners.offset[k], q);
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
            load_records_2(s.uvs, corners.offset[k], q);
            const __m256 weight = _mm256_load_ps(out.bary[k]);
            for (int axis = 0; axis < 2; ++axis) uv[axis] = add(uv[axis], mul(weight, q[axis]));
        }
    }
    for (int axis = 0; axis < 2; ++axis) _mm256_store_ps(out.uv[axis], uv[axis]);
}

// Where eight pixels meet the texture: the offsets in bytes of the upper and the lower left one of four texels, and the place
// between the four. At the right side these are the last ones, with a place of 1 (bytes are mixed without rounding there); at
// the lower side upper and lower are the same.
struct TexelPlaces {
    alignas(32) uint32_t upper[8], lower[8];
    alignas(32) Lanes fx, fy;
};

inline bool has_texel_places(const Surface &s) { return s.texture && s.texture_width >= 2 && s.texture_height >= 2; }

inline void find_texels_avx2(const Surface &s, const Shaded &shaded, TexelPlaces &out) {
    const __m256 zero = _mm256_setzero_ps(), one = all(1), half = all(0.5f);
    const __m256 width = all((float) s.texture_width), height = all((float) s.texture_height);
    const __m256 tx = sub(mul(_mm256_load_ps(shaded.uv[0]), width), half);
    const __m256 ty = sub(mul(sub(one, _mm256_load_ps(shaded.uv[1])), height), half);
    const __m256 x = _mm256_min_ps(_mm256_max_ps(tx, zero), sub(width, one));  // max gives its second operand for NaN
    const __m256 y = _mm256_min_ps(_mm256_max_ps(ty, zero), sub(height, one));
    const __m256i x0 = _mm256_min_epi32(_mm256_cvttps_epi32(x), _mm256_set1_epi32(s.texture_width - 2));
    const __m256i y0 = _mm256_cvttps_epi32(y);
    const __m256i texel = _mm256_add_epi32(_mm256_mullo_epi32(y0, _mm256_set1_epi32(s.texture_width)), x0);
    const __m256i upper = _mm256_add_epi32(texel, _mm256_slli_epi32(texel, 1));
    _mm256_store_si256(reinterpret_cast<__m256i *>(out.upper), upper);
    const __m256i below = _mm256_and_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(s.texture_height - 1), y0),
                                           _mm256_set1_epi32(3 * s.texture_width));
    _mm256_store_si256(reinterpret_cast<__m256i *>(out.lower), _mm256_add_epi32(upper, below));
    _mm256_store_ps(out.fx, sub(x, _mm256_cvtepi32_ps(x0)));
    _mm256_store_ps(out.fy, sub(y, _mm256_cvtepi32_ps(y0)));
}

inline void prefetch_texels(const Surface &s, const TexelPlaces &places) {
    for (uint32_t offset : places.upper) _mm_prefetch(reinterpret_cast<const char *>(s.texture + offset), _MM_HINT_T0);
    for (uint32_t offset : places.lower) _mm_prefetch(reinterpret_cast<const char *>(s.texture + offset), _MM_HINT_T0);
}

// Of eight pairs of neighbours in a row of texels, mixed by fx, the three channels.
inline void mix_texel_pairs(const uint8_t *texture, const uint32_t offset[8], __m256 fx, __m256 out[3]) {
    // Six bytes each; reads of eight start two bytes early, so that none goes past the end, except at the very beginning.
    const auto pair = [&](int l) {
        int64_t bytes;
        std::memcpy(&bytes, texture + (offset[l] >= 2 ? offset[l] - 2 : 0), 8);
        return offset[l] >= 2 ? bytes >> 16 : bytes;
    };
    const __m256i a = _mm256_set_epi64x(pair(5), pair(4), pair(1), pair(0));
    const __m256i b = _mm256_set_epi64x(pair(7), pair(6), pair(3), pair(2));
    const __m256 a_ps = _mm256_castsi256_ps(a), b_ps = _mm256_castsi256_ps(b);
    const __m256i first = _mm256_castps_si256(_mm256_shuffle_ps(a_ps, b_ps, _MM_SHUFFLE(2, 0, 2, 0)));  // r g b r'
    const __m256i last = _mm256_castps_si256(_mm256_shuffle_ps(a_ps, b_ps, _MM_SHUFFLE(3, 1, 3, 1)));   // g' b' . .
    const auto channel = [](__m256i bytes, int shift) {
        return _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(bytes, shift), _mm256_set1_epi32(255)));
    };
    const __m256 left[3] = {channel(first, 0), channel(first, 8), channel(first, 16)};
    const __m256 right[3] = {channel(first, 24), channel(last, 0), channel(last, 8)};
    for (int c = 0; c < 3; ++c) out[c] = add(left[c], mul(fx, sub(right[c], left[c])));
}

inline void shade_texture_avx2(const Surface &s, const TexelPlaces &places, Shaded &out) {
    const __m256 fx = _mm256_load_ps(places.fx), fy = _mm256_load_ps(places.fy);
    __m256 upper[3], lower[3];
    mix_texel_pairs(s.texture, places.upper, fx, upper);
    mix_texel_pairs(s.texture, places.lower, fx, lower);
    for (int c = 0; c < 3; ++c)
        _mm256_store_ps(out.albedo[c], mul(add(upper[c], mul(fy, sub(lower[c], upper[c]))), all(1.0f / 255.0f)));
}

}  // namespace vitruvian
