// Work on several threads, the number of which the caller says. Results must not depend on it: a chunk writes only its own output.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace vitruvian {

// Calls work(chunk) once for every chunk in [0, chunks). The first exception is thrown again after all threads have stopped.
template <class Work> void parallel_for(int threads, size_t chunks, const Work &work) {
    size_t workers = std::min<size_t>(std::max(threads, 1), chunks);
    if (workers <= 1) {
        for (size_t chunk = 0; chunk < chunks; ++chunk) work(chunk);
        return;
    }
    std::atomic<size_t> next{0};
    std::exception_ptr error;
    std::mutex error_mutex;
    auto loop = [&] {
        try {
            for (size_t chunk = next++; chunk < chunks; chunk = next++) work(chunk);
        } catch (...) {
            std::lock_guard<std::mutex> lock(error_mutex);
            if (!error) error = std::current_exception();
            next = chunks;
        }
    };
    std::vector<std::thread> pool;
    for (size_t k = 1; k < workers; ++k) pool.emplace_back(loop);
    loop();
    for (std::thread &thread : pool) thread.join();
    if (error) std::rethrow_exception(error);
}

}  // namespace vitruvian
