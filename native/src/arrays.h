// Arrays across the Python boundary: what comes in is checked and the error says what was wanted; what goes out is owned by numpy.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <new>
#include <string>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace vitruvian {

namespace nb = nanobind;

using InputArray = nb::ndarray<nb::ro>;  // any numpy array; checked<T>() narrows it
using ArrayToFill = nb::ndarray<>;       // one that may be written; writable<T>() narrows it

template <class Array> std::string shape_text(const Array &array) {
    std::string text = "(";
    for (size_t k = 0; k < array.ndim(); ++k) text += (k ? ", " : "") + std::to_string(array.shape(k));
    return text + (array.ndim() == 1 ? ",)" : ")");
}

template <class Array> std::string dtype_text(const Array &array) {
    nb::dlpack::dtype d = array.dtype();
    const char *code = "unknown";
    if (d.code == (uint8_t) nb::dlpack::dtype_code::Float) code = "float";
    if (d.code == (uint8_t) nb::dlpack::dtype_code::Int) code = "int";
    if (d.code == (uint8_t) nb::dlpack::dtype_code::UInt) code = "uint";
    if (d.code == (uint8_t) nb::dlpack::dtype_code::Bool) return "bool";
    return code + std::to_string((int) d.bits);
}

template <class T, class Array> bool has_dtype(const Array &array) { return array.dtype() == nb::dtype<T>(); }

// The data of a C-contiguous array of T; `shape` holds the wanted sizes, -1 where any will do.
// `wanted` names the contract in the error, for example "float32 (N, 3)".
template <class T, class Array>
const T *checked(const Array &array, const char *name, const char *wanted, std::initializer_list<int64_t> shape) {
    bool good = has_dtype<T>(array) && array.ndim() == shape.size();
    if (good) {
        size_t k = 0;
        for (int64_t size : shape) good = good && (size < 0 || (int64_t) array.shape(k) == size), ++k;
    }
    if (good && array.size() > 0) {
        int64_t stride = 1;
        for (size_t k = array.ndim(); k-- > 0;) {
            good = good && (array.shape(k) == 1 || array.stride(k) == stride);
            stride *= (int64_t) array.shape(k);
        }
    }
    if (!good) {
        std::string text = std::string(name) + " is " + dtype_text(array) + " " + shape_text(array) +
                           "; it must be a C-contiguous array of " + wanted + ".";
        throw nb::value_error(text.c_str());
    }
    return static_cast<const T *>(array.data());
}

template <class T>
T *writable(const ArrayToFill &array, const char *name, const char *wanted, std::initializer_list<int64_t> shape) {
    return const_cast<T *>(checked<T>(array, name, wanted, shape));
}

inline int checked_threads(int threads) {
    if (threads < 1) throw nb::value_error(("threads is " + std::to_string(threads) + "; it must be at least 1.").c_str());
    return threads;
}

// Memory that numpy will own. Large blocks ask for huge pages: touching fresh 4 KB pages costs as much as many a kernel.
template <class T> T *allocate(size_t count) {
    size_t bytes = count * sizeof(T);
    constexpr size_t huge = size_t(2) << 20;
    void *memory = nullptr;
    if (bytes >= 2 * huge) {
        memory = std::aligned_alloc(huge, (bytes + huge - 1) / huge * huge);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
        if (memory) madvise(memory, (bytes + huge - 1) / huge * huge, MADV_HUGEPAGE);
#endif
    } else {
        memory = std::aligned_alloc(64, (bytes + 64) / 64 * 64);
    }
    if (!memory) throw std::bad_alloc();
    return static_cast<T *>(memory);
}

template <class T> using OutputArray = nb::ndarray<nb::numpy, T, nb::c_contig>;

// Hands memory from allocate() to numpy. Call with the GIL held.
template <class T> OutputArray<T> to_numpy(T *memory, std::initializer_list<size_t> shape) {
    nb::capsule owner(memory, [](void *p) noexcept { std::free(p); });
    return OutputArray<T>(memory, shape, owner);
}

}  // namespace vitruvian
