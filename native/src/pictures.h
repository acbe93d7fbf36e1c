// The pictures of a result, and how they reach memory: pictures are larger than the cache and nobody reads them at once, so a
// row is put together in the cache and then streamed past it. What the renderer reads (mesh, texture) stays in the cache, and
// memory that is overwritten is not read first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>

#include "arrays.h"
#include "buffers.h"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace vitruvian {

// One picture of the result; without memory when it was not asked for.
template <class T> struct Picture {
    Scratch<T> memory;
    T *data = nullptr;
    size_t channels = 1, bytes = 0;
    T background{};  // of pixels that do not see the mesh

    void make(size_t pixels, size_t num_channels, T empty) {
        channels = num_channels;
        background = empty;
        bytes = pixels * channels * sizeof(T);
        memory = Scratch<T>(pixels * channels);
        data = memory.data();
    }
    nb::object give(size_t height, size_t width) {
        if (channels == 1) return nb::cast(to_numpy(std::move(memory), {height, width}));
        return nb::cast(to_numpy(std::move(memory), {height, width, channels}));
    }
};

struct Pictures {
    Picture<bool> mask;
    Picture<float> coverage, depth_m, barycentrics, normal, uv, albedo, color;
    Picture<int32_t> face_id;
    Picture<uint8_t> label;

    size_t bytes() const {
        return mask.bytes + coverage.bytes + depth_m.bytes + barycentrics.bytes + normal.bytes + uv.bytes + albedo.bytes +
               color.bytes + face_id.bytes + label.bytes;
    }
};

constexpr size_t kStreamed = size_t(2) << 20;  // pictures that are smaller in all may stay in the cache

inline void copy_past_cache(void *to, const void *from, size_t bytes) {
#if defined(__AVX2__)
    char *out = static_cast<char *>(to);
    const char *in = static_cast<const char *>(from);
    constexpr size_t line = 64;
    const size_t head = std::min(bytes, (line - (size_t) (reinterpret_cast<uintptr_t>(out) % line)) % line);
    std::memcpy(out, in, head);
    size_t done = head;
    for (; done + line <= bytes; done += line) {
        const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(in + done));
        const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(in + done + 32));
        _mm256_stream_si256(reinterpret_cast<__m256i *>(out + done), low);
        _mm256_stream_si256(reinterpret_cast<__m256i *>(out + done + 32), high);
    }
    std::memcpy(out + done, in + done, bytes - done);
#else
    std::memcpy(to, from, bytes);
#endif
}

// Other threads see what copy_past_cache() wrote before this.
inline void finish_copies() {
#if defined(__AVX2__)
    _mm_sfence();
#endif
}

// A row of a picture in the making, all background at first.
template <class T> class PictureRow {
public:
    PictureRow(Picture<T> &picture, size_t width, bool wanted, bool past_cache)
        : picture_(picture), size_(width * picture.channels), past_cache_(past_cache) {
        if (!picture.data || !wanted) return;
        row_.reset(new T[size_]);
        std::fill(row_.get(), row_.get() + size_, picture.background);
    }
    // Null when the picture is not wanted.
    T *data() { return row_.get(); }

    // Makes this row y of the picture and, for the next one, columns [begin, end) background again.
    void write(size_t y, size_t begin, size_t end) {
        if (!row_) return;
        T *to = picture_.data + y * size_;
        if (past_cache_) copy_past_cache(to, row_.get(), size_ * sizeof(T));
        else std::memcpy(to, row_.get(), size_ * sizeof(T));
        std::fill(row_.get() + begin * picture_.channels, row_.get() + end * picture_.channels, picture_.background);
    }

private:
    Picture<T> &picture_;
    size_t size_;
    bool past_cache_;
    std::unique_ptr<T[]> row_;
};

}  // namespace vitruvian
