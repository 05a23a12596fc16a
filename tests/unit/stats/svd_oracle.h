// Every score computed another way: from the rows themselves with Eigen's fp64 SVD. No second
// moments, no torch.
#pragma once

#include <Eigen/Core>
#include <vector>

namespace linscan::oracle {

using Rows = Eigen::MatrixXd;  // one row per token

// Least squares of centred y on centred x, in sample.
double in_sample(const Rows& x, const Rows& y);
double median_feature(const Rows& x, const Rows& y);
double without_top_pc(const Rows& x, const Rows& y);
// Each fold predicted by the map that SVD least squares fits to the others.
double held_out(const std::vector<Rows>& x, const std::vector<Rows>& y);

double scaled_identity(const Rows& x, const Rows& y);
double diagonal(const Rows& x, const Rows& y);
double orthogonal(const Rows& x, const Rows& y);
double ridge(const Rows& x, const Rows& y, double penalty);
double rank(const Rows& x, const Rows& y, int rank);
double cca(const Rows& x, const Rows& y);

double anisotropy(const Rows& x);
double effective_rank(const Rows& x);

Rows stack(const std::vector<Rows>& parts);

}  // namespace linscan::oracle
