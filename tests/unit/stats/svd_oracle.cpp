#include "svd_oracle.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

namespace linscan::oracle {
namespace {

constexpr double kCut = 1e-13;  // of the largest singular value

using Svd = Eigen::BDCSVD<Rows>;

Rows centered(const Rows& x) {
  return x.rowwise() - x.colwise().mean();
}

// Unit length per column, so that one huge feature does not decide what the cut-off drops.
Rows standardised(const Rows& x) {
  Rows c = centered(x);
  for (Eigen::Index j = 0; j < c.cols(); ++j) {
    const double norm = c.col(j).norm();
    if (norm > 1e-13 * x.col(j).norm()) {
      c.col(j) /= norm;
    } else {
      c.col(j).setZero();
    }
  }
  return c;
}

// Orthonormal basis of the column space of the centred x.
Rows column_space(const Rows& x) {
  const Svd svd(standardised(x), Eigen::ComputeThinU);
  const auto& values = svd.singularValues();
  const Eigen::Index rank = (values.array() > values[0] * kCut).count();
  return svd.matrixU().leftCols(rank);
}

Rows residual(const Rows& x, const Rows& y) {
  const Rows u = column_space(x);
  const Rows c = centered(y);
  return c - u * (u.transpose() * c);
}

}  // namespace

Rows stack(const std::vector<Rows>& parts) {
  Eigen::Index count = 0;
  for (const Rows& part : parts) {
    count += part.rows();
  }
  Rows all(count, parts.front().cols());
  Eigen::Index row = 0;
  for (const Rows& part : parts) {
    all.middleRows(row, part.rows()) = part;
    row += part.rows();
  }
  return all;
}

double in_sample(const Rows& x, const Rows& y) {
  return 1 - residual(x, y).squaredNorm() / centered(y).squaredNorm();
}

double median_feature(const Rows& x, const Rows& y) {
  const Rows error = residual(x, y);
  const Rows c = centered(y);
  std::vector<double> scores;
  for (Eigen::Index j = 0; j < c.cols(); ++j) {
    if (c.col(j).norm() > 1e-13 * y.col(j).norm()) {
      scores.push_back(1 - error.col(j).squaredNorm() / c.col(j).squaredNorm());
    }
  }
  std::sort(scores.begin(), scores.end());
  const size_t half = scores.size() / 2;
  return scores.size() % 2 == 1 ? scores[half] : (scores[half - 1] + scores[half]) / 2;
}

double without_top_pc(const Rows& x, const Rows& y) {
  const Rows c = centered(y);
  const Svd svd(c, Eigen::ComputeThinV);
  const Eigen::VectorXd top = svd.matrixV().col(0);
  const Rows rest = c - (c * top) * top.transpose();
  const Rows error = residual(x, y);
  const Rows error_rest = error - (error * top) * top.transpose();
  return 1 - error_rest.squaredNorm() / rest.squaredNorm();
}

double held_out(const std::vector<Rows>& x, const std::vector<Rows>& y) {
  double error = 0;
  double total = 0;
  for (size_t k = 0; k < x.size(); ++k) {
    std::vector<Rows> train_x;
    std::vector<Rows> train_y;
    for (size_t other = 0; other < x.size(); ++other) {
      if (other != k) {
        train_x.push_back(x[other]);
        train_y.push_back(y[other]);
      }
    }
    const Rows fit_x = stack(train_x);
    const Rows fit_y = stack(train_y);
    const Eigen::RowVectorXd mean_x = fit_x.colwise().mean();
    const Eigen::RowVectorXd mean_y = fit_y.colwise().mean();
    Rows scaled = fit_x.rowwise() - mean_x;
    Rows test = x[k].rowwise() - mean_x;
    for (Eigen::Index j = 0; j < scaled.cols(); ++j) {
      const double norm = scaled.col(j).norm();
      const double factor = norm > 1e-13 * fit_x.col(j).norm() ? 1 / norm : 0;
      scaled.col(j) *= factor;
      test.col(j) *= factor;
    }
    Svd svd(scaled, Eigen::ComputeThinU | Eigen::ComputeThinV);
    svd.setThreshold(kCut);
    const Rows map = svd.solve(Rows(fit_y.rowwise() - mean_y));
    const Rows target = y[k].rowwise() - mean_y;
    error += (target - test * map).squaredNorm();
    total += target.squaredNorm();
  }
  return 1 - error / total;
}

double scaled_identity(const Rows& x, const Rows& y) {
  const Rows a = centered(x);
  const Rows b = centered(y);
  const double factor = a.cwiseProduct(b).sum() / a.squaredNorm();
  return 1 - (b - factor * a).squaredNorm() / b.squaredNorm();
}

double diagonal(const Rows& x, const Rows& y) {
  const Rows a = centered(x);
  const Rows b = centered(y);
  double error = 0;
  for (Eigen::Index j = 0; j < a.cols(); ++j) {
    const double square = a.col(j).squaredNorm();
    const double factor = square > 0 ? a.col(j).dot(b.col(j)) / square : 0;
    error += (b.col(j) - factor * a.col(j)).squaredNorm();
  }
  return 1 - error / b.squaredNorm();
}

double orthogonal(const Rows& x, const Rows& y) {
  const Rows a = centered(x) / centered(x).norm();
  const Rows b = centered(y) / centered(y).norm();
  const Eigen::JacobiSVD<Rows> svd(a.transpose() * b, Eigen::ComputeFullU | Eigen::ComputeFullV);
  const Rows rotation = svd.matrixU() * svd.matrixV().transpose();
  return 1 - (b - svd.singularValues().sum() * (a * rotation)).squaredNorm();
}

double ridge(const Rows& x, const Rows& y, double penalty) {
  const Rows a = standardised(x);
  const Rows b = centered(y);
  // Ridge as least squares with extra rows.
  Rows extended(a.rows() + a.cols(), a.cols());
  extended << a, std::sqrt(penalty) * Rows::Identity(a.cols(), a.cols());
  Rows target = Rows::Zero(extended.rows(), b.cols());
  target.topRows(b.rows()) = b;
  const Rows map = Svd(extended, Eigen::ComputeThinU | Eigen::ComputeThinV).solve(target);
  return 1 - (b - a * map).squaredNorm() / b.squaredNorm();
}

double rank(const Rows& x, const Rows& y, int rank) {
  const Rows u = column_space(x);
  const Rows b = centered(y);
  const Svd svd(Rows(u.transpose() * b));
  return svd.singularValues()
             .head(std::min<Eigen::Index>(rank, svd.singularValues().size()))
             .squaredNorm() /
         b.squaredNorm();
}

double cca(const Rows& x, const Rows& y) {
  const Rows u = column_space(x);
  const Rows v = column_space(y);
  return (u.transpose() * v).squaredNorm() / static_cast<double>(std::min(u.cols(), v.cols()));
}

double anisotropy(const Rows& x) {
  const Eigen::ArrayXd squares = Svd(centered(x)).singularValues().array().square();
  return squares[0] / squares.sum();
}

double effective_rank(const Rows& x) {
  Eigen::ArrayXd share = Svd(centered(x)).singularValues().array().square();
  share /= share.sum();
  double entropy = 0;
  for (const double p : share) {
    entropy -= p > 0 ? p * std::log(p) : 0;
  }
  return std::exp(entropy);
}

}  // namespace linscan::oracle
