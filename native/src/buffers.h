// Memory for results and scratch. A fresh page costs about as much to touch as a kernel takes to fill it, so freed blocks
// are kept (up to a limit) and given out again, on huge pages where the system has them.
#pragma once
#include "arrays.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace vitruvian {

struct Block {
    void *data = nullptr;
    size_t bytes = 0;
};

/// One per process; its destructor never runs, because numpy may free arrays after static destruction.
class BlockPool {
  public:
    static BlockPool &instance() {
        static BlockPool *pool = new BlockPool;
        return *pool;
    }

    // The smallest block that fits, and of equal ones the last given back: its lines may still be in the cache.
    Block acquire(size_t bytes) {
        const bool huge = bytes >= kHuge;
        const size_t unit = huge ? kHuge : 4096, size = std::max(unit, (bytes + unit - 1) / unit * unit);
        {
            std::lock_guard<std::mutex> lock(mutex_);
            size_t best = free_.size();
            for (size_t i = 0; i < free_.size(); ++i)
                if (free_[i].bytes >= size && free_[i].bytes <= size + size / 4 &&
                    (best == free_.size() || free_[i].bytes <= free_[best].bytes))
                    best = i;
            if (best != free_.size()) {
                const Block block = free_[best];
                free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(best));
                kept_ -= block.bytes;
                return block;
            }
        }
        void *data = nullptr;
        if (posix_memalign(&data, unit, size) != 0) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
        if (huge) madvise(data, size, MADV_HUGEPAGE);
#endif
        return {data, size};
    }

    void release(Block block) {
        std::vector<void *> dropped;
        {
            std::lock_guard<std::mutex> lock(mutex_);
            free_.push_back(block);
            kept_ += block.bytes;
            while (kept_ > kLimit) { // oldest first
                kept_ -= free_.front().bytes;
                dropped.push_back(free_.front().data);
                free_.erase(free_.begin());
            }
        }
        for (void *data : dropped) std::free(data);
    }

  private:
    static constexpr size_t kHuge = size_t(2) << 20, kLimit = size_t(128) << 20;
    std::mutex mutex_;
    std::vector<Block> free_;
    size_t kept_ = 0;
};

/// Scratch memory of `count` uninitialised T, given back at the end of the scope.
template <class T> class Scratch {
  public:
    Scratch() = default;
    explicit Scratch(size_t count) : block_(BlockPool::instance().acquire(count * sizeof(T))) {}
    ~Scratch() {
        if (block_.data) BlockPool::instance().release(block_);
    }
    Scratch(const Scratch &) = delete;
    Scratch &operator=(const Scratch &) = delete;
    Scratch(Scratch &&other) noexcept : block_(other.take()) {}
    Scratch &operator=(Scratch &&other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    T *data() { return static_cast<T *>(block_.data); }
    const T *data() const { return static_cast<const T *>(block_.data); }
    T &operator[](size_t i) { return data()[i]; }
    const T &operator[](size_t i) const { return data()[i]; }
    /// Gives the block away: the caller releases it.
    Block take() {
        const Block block = block_;
        block_ = {};
        return block;
    }

  private:
    Block block_{};
};

/// A numpy array that owns the scratch it is made of. Needs the GIL.
template <class T> OutputArray<T> to_numpy(Scratch<T> &&scratch, std::initializer_list<size_t> shape) {
    auto *block = new Block(scratch.take());
    nb::capsule owner(block, [](void *p) noexcept {
        BlockPool::instance().release(*static_cast<Block *>(p));
        delete static_cast<Block *>(p);
    });
    return OutputArray<T>(static_cast<T *>(block->data), shape, owner);
}

} // namespace vitruvian
