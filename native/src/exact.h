// Signs of orientation determinants, never wrong: a float64 filter first (the error bounds of Shewchuk 1997, Adaptive Precision
// Floating-Point Arithmetic), then an exact sum of products. A point that lies exactly on an edge or a plane is moved by the
// infinitesimal vector (e, e^2, e^3), the same for all tests, so that the answers of all triangles fit together.
#pragma once

#include <cmath>

namespace vitruvian {

struct Vec3 {
    double x, y, z;
};

inline Vec3 operator-(const Vec3 &a, const Vec3 &b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator+(const Vec3 &a, const Vec3 &b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator*(double s, const Vec3 &a) { return {s * a.x, s * a.y, s * a.z}; }
inline double dot(const Vec3 &a, const Vec3 &b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline double length(const Vec3 &a) { return std::sqrt(dot(a, a)); }
inline Vec3 cross(const Vec3 &a, const Vec3 &b) {
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

// A sum of float64 values, kept exactly as non-overlapping components (Shewchuk's grow-expansion).
class ExactSum {
public:
    void add(double value) {
        int kept = 0;
        for (int k = 0; k < count_; ++k) {
            double sum = value + parts_[k];
            double back = sum - value;
            double rest = (value - (sum - back)) + (parts_[k] - back);
            value = sum;
            if (rest != 0) parts_[kept++] = rest;
        }
        if (value != 0) parts_[kept++] = value;
        count_ = kept;
    }
    void add_product(double a, double b) {
        double p = a * b;
        add(std::fma(a, b, -p));
        add(p);
    }
    void add_product(double a, double b, double c) {
        double p = a * b;
        add_product(std::fma(a, b, -p), c);
        add_product(p, c);
    }
    int sign() const { return count_ == 0 ? 0 : (parts_[count_ - 1] > 0 ? 1 : -1); }

private:
    double parts_[128];
    int count_ = 0;
};

inline int sign_of(double value) { return (value > 0) - (value < 0); }

// Sign of (b - a) x (p - a): +1 when a, b, p turn counter-clockwise.
inline int orient2d(double ax, double ay, double bx, double by, double px, double py) {
    double left = (ax - px) * (by - py), right = (ay - py) * (bx - px), value = left - right;
    if (std::fabs(value) > 3.3306690738754716e-16 * (std::fabs(left) + std::fabs(right))) return sign_of(value);
    ExactSum sum;
    sum.add_product(ax, by);
    sum.add_product(-ay, bx);
    sum.add_product(bx, py);
    sum.add_product(-by, px);
    sum.add_product(px, ay);
    sum.add_product(-py, ax);
    return sum.sign();
}

// orient2d for p moved by (e, e^2); zero only where a and b coincide.
inline int orient2d_moved(double ax, double ay, double bx, double by, double px, double py) {
    int sign = orient2d(ax, ay, bx, by, px, py);
    if (sign == 0) sign = sign_of(ay - by);
    if (sign == 0) sign = sign_of(bx - ax);
    return sign;
}

// Sign of (p - a) . ((b - a) x (c - a)): +1 when p is on the side that the normal of a, b, c points to.
inline int orient3d(const Vec3 &a, const Vec3 &b, const Vec3 &c, const Vec3 &p) {
    Vec3 u = a - p, v = b - p, w = c - p;
    double vw = v.x * w.y, wv = w.x * v.y, wu = w.x * u.y, uw = u.x * w.y, uv = u.x * v.y, vu = v.x * u.y;
    double value = u.z * (vw - wv) + v.z * (wu - uw) + w.z * (uv - vu);
    double size = std::fabs(u.z) * (std::fabs(vw) + std::fabs(wv)) + std::fabs(v.z) * (std::fabs(wu) + std::fabs(uw)) +
                  std::fabs(w.z) * (std::fabs(uv) + std::fabs(vu));
    if (std::fabs(value) > 7.771561172376103e-16 * size) return -sign_of(value);
    ExactSum sum;
    auto add_determinant = [&sum](double sign, const Vec3 &r, const Vec3 &s, const Vec3 &t) {
        sum.add_product(sign * r.x, s.y, t.z);
        sum.add_product(-sign * r.x, s.z, t.y);
        sum.add_product(sign * r.y, s.z, t.x);
        sum.add_product(-sign * r.y, s.x, t.z);
        sum.add_product(sign * r.z, s.x, t.y);
        sum.add_product(-sign * r.z, s.y, t.x);
    };
    add_determinant(1, a, b, c);
    add_determinant(-1, b, c, p);
    add_determinant(1, a, c, p);
    add_determinant(-1, a, b, p);
    return -sum.sign();
}

// orient3d for p moved by (e, e^2, e^3); zero only where the triangle has no area.
inline int orient3d_moved(const Vec3 &a, const Vec3 &b, const Vec3 &c, const Vec3 &p) {
    int sign = orient3d(a, b, c, p);
    if (sign == 0) sign = orient2d(a.y, a.z, b.y, b.z, c.y, c.z);
    if (sign == 0) sign = orient2d(a.z, a.x, b.z, b.x, c.z, c.x);
    if (sign == 0) sign = orient2d(a.x, a.y, b.x, b.y, c.x, c.y);
    return sign;
}

// What the triangle adds to the winding number of p, counted along a ray from p: towards +z the sign of the triangle's normal
// along z where the ray crosses it, towards -z the opposite sign. Summed over a closed surface, either way gives the winding
// number, whatever overlaps whatever.
inline int crossing(const Vec3 &a, const Vec3 &b, const Vec3 &c, const Vec3 &p, bool upwards) {
    int side = orient2d_moved(a.x, a.y, b.x, b.y, p.x, p.y);
    if (side == 0 || orient2d_moved(b.x, b.y, c.x, c.y, p.x, p.y) != side) return 0;
    if (orient2d_moved(c.x, c.y, a.x, a.y, p.x, p.y) != side) return 0;
    const int above = orient3d_moved(a, b, c, p) * side;
    return upwards ? (above < 0 ? side : 0) : (above > 0 ? -side : 0);
}

}  // namespace vitruvian
