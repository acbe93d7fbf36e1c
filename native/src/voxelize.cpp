#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_voxelize(nb::module_ &) {}
