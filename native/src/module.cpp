// The nanobind module vitruvian._native: one bind function a kernel, each in the file that holds the kernel.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_rasterize(nb::module_ &);
void bind_voxelize(nb::module_ &);
void bind_occupancy(nb::module_ &);
void bind_sample_surface(nb::module_ &);
void bind_closest_point(nb::module_ &);
void bind_marching_cubes(nb::module_ &);
void bind_prt(nb::module_ &);
void bind_interpolate(nb::module_ &);
void bind_winograd(nb::module_ &);
void bind_group_norm(nb::module_ &);
void bind_sample_maps(nb::module_ &);
void bind_crop(nb::module_ &);

NB_MODULE(_native, m) {
    m.doc() = "Stateless kernels: numpy in, numpy out, the GIL released. Their typed faces are vitruvian.geometry and vitruvian.methods.cpu.";
    bind_rasterize(m);
    bind_voxelize(m);
    bind_occupancy(m);
    bind_sample_surface(m);
    bind_closest_point(m);
    bind_marching_cubes(m);
    bind_prt(m);
    bind_interpolate(m);
    bind_winograd(m);
    bind_group_norm(m);
    bind_sample_maps(m);
    bind_crop(m);
}
