#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_occupancy(nb::module_ &) {}
