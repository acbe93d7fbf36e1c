// The winding number (solid angle / 4 pi) of a set of triangles at a point, with a proven bound of every cluster's error.
//
// Far clusters of triangles are replaced by the first two terms of the Taylor series of their dipole field about the cluster's
// centre (Barill et al. 2018, Fast Winding Numbers for Soups and Clouds, section 3); what the series leaves out is at most
// 3 M / (d - R)^4 / 4 pi, with M the second moment of the area about the centre, R the cluster's radius and d the distance: the
// n-th derivative of 1/r is at most n! / r^(n+1). Near triangles are summed exactly (van Oosterom and Strackee 1983).
#pragma once

#include "boundary.h"
#include "simd.h"

#include <cmath>
#include <vector>

namespace vitruvian {

constexpr double kPi = 3.14159265358979323846;

// Solid angle of a triangle seen from p, positive when its normal points away from p.
inline double solid_angle(const Vec3 &a, const Vec3 &b, const Vec3 &c, const Vec3 &p) {
    Vec3 u = a - p, v = b - p, w = c - p;
    double lu = length(u), lv = length(v), lw = length(w), size = lu * lv * lw;
    double numerator = dot(u, cross(v, w));
    double denominator = size + dot(u, v) * lw + dot(v, w) * lu + dot(w, u) * lv;
    if (std::fabs(numerator) < 1e-14 * size) {  // nearly in the triangle's plane: take the side from exact arithmetic
        numerator = std::copysign(numerator, -(double) orient3d_moved(a, b, c, p));
    }
    return 2 * std::atan2(numerator, denominator);
}

class SolidAngleTree {
public:
    template <class T> SolidAngleTree(const Triangles<T> &mesh, const std::vector<Face> &faces) {
        corners_.reserve(3 * faces.size());
        std::vector<Item> items(faces.size());
        for (size_t f = 0; f < faces.size(); ++f) {
            Vec3 a = mesh.vertex(faces[f][0]), b = mesh.vertex(faces[f][1]), c = mesh.vertex(faces[f][2]);
            items[f] = {{a, b, c}, (1.0 / 3.0) * (a + b + c), 0.5 * cross(b - a, c - a), f};
        }
        if (!items.empty()) build(items, 0, items.size());
        choose_groups();
    }

    // Whether the winding number at p is certainly between -0.49 and 0.49, at the price of a glance at a few groups of triangles:
    // seen from a distance of at least d, triangles of area A have a solid angle of at most A / d^2.
    bool is_small(const Vec3 &p) const {
        f32x8 x = splat((float) p.x), y = splat((float) p.y), z = splat((float) p.z), total = splat(0);
        float slack = 4e-7f * (std::fabs((float) p.x) + std::fabs((float) p.y) + std::fabs((float) p.z));
        i32x8 near = splat_i(0);
        for (const Group &group : groups_) {
            f32x8 dx = group.x - x, dy = group.y - y, dz = group.z - z, d2 = dx * dx + dy * dy + dz * dz;
            f32x8 reach = group.radius + splat(slack);
            f32x8 gap = sqrt8(d2) - reach;
            near |= ~(gap > splat(0));
            total += group.area / (gap * gap);
        }
        if (lane_bits(near) != 0) return false;
        float sum = 0;
        for (int lane = 0; lane < 8; ++lane) sum += total[lane];
        return sum < 0.49f * 4 * (float) kPi;
    }

    // The winding number at p with an error of at most `tolerance`; 0 sums every triangle.
    double at(const Vec3 &p, double tolerance) const {
        for (double threshold = tolerance / 8; threshold > 1e-14; threshold /= 16) {
            Value value = evaluate(p, threshold);
            if (value.bound <= tolerance) return value.winding;
        }
        return evaluate(p, 0).winding;
    }

    bool empty() const { return nodes_.empty(); }
    bool is_large() const { return nodes_.size() > 512; }

    // Whether `base` minus the winding number at p is above one half. The sum is refined until its error cannot matter: until the
    // distance from one half is more than the sum of all bounds, or than three times the root of the sum of their squares, as the
    // errors of many clusters have nothing to do with each other (and each is far below its bound).
    bool above_half(int32_t base, const Vec3 &p) const {
        if (is_small(p)) return base > 0;
        for (double threshold : {0.03, 3e-3, 2e-4, 1e-5, 1e-7}) {
            Value value = evaluate(p, threshold);
            double margin = base - value.winding - 0.5;
            if (std::fabs(margin) > std::min(value.bound, 3 * std::sqrt(value.bound2)) + 1e-11) return margin > 0;
        }
        return base - evaluate(p, 0).winding > 0.5;
    }

private:
    struct Item {
        Vec3 corner[3];
        Vec3 centroid, normal;
        size_t face;
    };
    struct Node {
        Vec3 center, normal;  // normal: sum of the area vectors
        Vec3 moment[3];       // first moments of the area vectors: row i is the sum of (centroid - center)_i times the area vector
        double trace, radius, area, remainder;
        uint32_t begin, end, children;  // children: index of the first of two, 0 in a leaf
    };
    static constexpr size_t kLeafSize = 4;
    struct Group {  // eight at once; the last may be without area, at infinity
        f32x8 x, y, z, radius, area;
    };
    static constexpr size_t kGroups = 16;

    // Opens the largest clusters until there are as many as is_small() looks at.
    void choose_groups() {
        if (nodes_.empty()) return;
        std::vector<uint32_t> chosen = {0};
        while (chosen.size() < kGroups) {
            size_t largest = chosen.size();
            for (size_t k = 0; k < chosen.size(); ++k) {
                const Node &node = nodes_[chosen[k]];
                if (node.children != 0 && (largest == chosen.size() || node.radius > nodes_[chosen[largest]].radius)) largest = k;
            }
            if (largest == chosen.size()) break;
            uint32_t child = nodes_[chosen[largest]].children;
            chosen[largest] = child;
            chosen.push_back(child + 1);
        }
        groups_.resize((chosen.size() + 7) / 8);
        for (size_t k = 0; k < 8 * groups_.size(); ++k) {
            Group &group = groups_[k / 8];
            int lane = (int) (k % 8);
            group.x[lane] = 1e15f, group.y[lane] = group.z[lane] = group.radius[lane] = group.area[lane] = 0;
            if (k >= chosen.size()) continue;
            const Node &node = nodes_[chosen[k]];
            const Vec3 &c = node.center;
            group.x[lane] = (float) c.x, group.y[lane] = (float) c.y, group.z[lane] = (float) c.z;
            group.radius[lane] = (float) (node.radius * (1 + 1e-6) + 4e-7 * (std::fabs(c.x) + std::fabs(c.y) + std::fabs(c.z)));
            group.area[lane] = (float) (node.area * (1 + 1e-5));
        }
    }

    void summarise(Node &node, const std::vector<Item> &items, size_t begin, size_t end) const {
        Vec3 weighted{0, 0, 0}, plain{0, 0, 0};
        node.normal = {0, 0, 0};
        node.area = 0;
        for (size_t k = begin; k < end; ++k) {
            double area = length(items[k].normal);
            weighted = weighted + area * items[k].centroid;
            plain = plain + items[k].centroid;
            node.area += area;
            node.normal = node.normal + items[k].normal;
        }
        node.center = node.area > 0 ? (1 / node.area) * weighted : (1.0 / (double) (end - begin)) * plain;
        for (Vec3 &row : node.moment) row = {0, 0, 0};
        double radius2 = 0, second = 0;
        for (size_t k = begin; k < end; ++k) {
            const Item &item = items[k];
            Vec3 offset = item.centroid - node.center;
            node.moment[0] = node.moment[0] + offset.x * item.normal;
            node.moment[1] = node.moment[1] + offset.y * item.normal;
            node.moment[2] = node.moment[2] + offset.z * item.normal;
            double corners2 = 0;
            for (const Vec3 &corner : item.corner) {
                Vec3 from_center = corner - node.center;
                corners2 += dot(from_center, from_center);
                radius2 = std::max(radius2, dot(from_center, from_center));
            }
            second += length(item.normal) * (corners2 + 9 * dot(offset, offset)) / 12;  // integral of |x - center|^2
        }
        node.trace = node.moment[0].x + node.moment[1].y + node.moment[2].z;
        node.radius = std::sqrt(radius2) * (1 + 1e-12);
        node.remainder = 3 * second / (4 * kPi) * (1 + 1e-12);
        node.area = std::max(node.area, 1e-300);
    }

    struct Value {
        double winding = 0, bound = 0, bound2 = 0;  // bound2: sum of the squares of the clusters' bounds
    };

    // Uses a cluster's series where its error is at most `threshold`, and the triangles themselves elsewhere.
    Value evaluate(const Vec3 &p, double threshold) const {
        Value value;
        if (nodes_.empty()) return value;
        uint32_t stack[128];
        int top = 0;
        stack[top++] = 0;
        while (top > 0) {
            const Node &node = nodes_[stack[--top]];
            Vec3 r = node.center - p;
            double distance2 = dot(r, r), distance = std::sqrt(distance2), gap = distance - node.radius;
            double gap4 = gap * gap * gap * gap;
            if (gap > 0 && node.remainder < threshold * gap4) {
                double inverse2 = 1 / distance2, inverse3 = inverse2 / distance, bound = node.remainder / gap4;
                double linear = node.trace - 3 * inverse2 * (r.x * dot(node.moment[0], r) + r.y * dot(node.moment[1], r) +
                                                             r.z * dot(node.moment[2], r));
                value.winding += (dot(node.normal, r) + linear) * inverse3 * (1 / (4 * kPi));
                value.bound += bound;
                value.bound2 += bound * bound;
            } else if (node.children == 0) {
                double angle = 0;
                for (uint32_t f = node.begin; f < node.end; ++f) {
                    angle += solid_angle(corners_[3 * f], corners_[3 * f + 1], corners_[3 * f + 2], p);
                }
                value.winding += angle * (1 / (4 * kPi));
            } else {
                stack[top++] = node.children;
                stack[top++] = node.children + 1;
            }
        }
        return value;
    }

    void build(std::vector<Item> &items, size_t begin, size_t end) {
        nodes_.emplace_back();
        fill(0, items, begin, end);
    }

    void fill(size_t index, std::vector<Item> &items, size_t begin, size_t end) {
        Node node{};
        summarise(node, items, begin, end);
        if (end - begin <= kLeafSize) {
            node.begin = (uint32_t) (corners_.size() / 3);
            for (size_t k = begin; k < end; ++k) corners_.insert(corners_.end(), items[k].corner, items[k].corner + 3);
            node.end = (uint32_t) (corners_.size() / 3);
            nodes_[index] = node;
            return;
        }
        Vec3 low = items[begin].centroid, high = low;
        for (size_t k = begin; k < end; ++k) {
            const Vec3 &c = items[k].centroid;
            low = {std::min(low.x, c.x), std::min(low.y, c.y), std::min(low.z, c.z)};
            high = {std::max(high.x, c.x), std::max(high.y, c.y), std::max(high.z, c.z)};
        }
        Vec3 extent = high - low;
        double Vec3::*axis = extent.x >= extent.y && extent.x >= extent.z ? &Vec3::x : (extent.y >= extent.z ? &Vec3::y : &Vec3::z);
        std::sort(items.begin() + begin, items.begin() + end, [axis](const Item &a, const Item &b) {
            return a.centroid.*axis != b.centroid.*axis ? a.centroid.*axis < b.centroid.*axis : a.face < b.face;
        });
        size_t middle = begin + (end - begin) / 2;
        node.children = (uint32_t) nodes_.size();
        nodes_[index] = node;
        nodes_.emplace_back();
        nodes_.emplace_back();
        fill(node.children, items, begin, middle);
        fill(node.children + 1, items, middle, end);
    }

    std::vector<Node> nodes_;
    std::vector<Vec3> corners_;
    std::vector<Group> groups_;
};

}  // namespace vitruvian
