#include "linscan/stats/registry.h"

namespace linscan {
namespace {

constexpr std::string_view kPaper = "Razzhigaev et al. 2024, arXiv 2405.12250, section 3.1";
constexpr std::string_view kOurs = "docs/metrics.md";

constexpr std::string_view kGroups[] = {"linearity", "baselines", "geometry", "tokens"};

// X: states before the block, Y: after it, D = Y - X, all centred; ||.|| Frobenius; tr S_yy = ||Y||^2.
constexpr MetricInfo kMetrics[] = {
    {"linearity.stream.held_out", "linearity", "stream, held out",
     "1 - sum_k ||Y_k - X_k A_(-k)||^2 / sum_k ||Y_k - mean_(-k)||^2",
     "R^2 of an affine map of the residual stream on documents it was not fitted to. Near 1 for almost every block, "
     "because the stream is carried along unchanged: compare it with the scaled identity.",
     std::nullopt, 1.0, "higher", kOurs},
    {"linearity.stream.in_sample", "linearity", "stream, in sample", "1 - min_A ||X A - Y||^2 / ||Y||^2",
     "The paper's score \"with residual\": fitted and scored on the same tokens. Unrelated data scores d/(n-1).", 0.0, 1.0,
     "higher", kPaper},
    {"linearity.stream.adjusted", "linearity", "stream, adjusted", "1 - (1 - R^2)(n-1)/(n-d-1)",
     "In-sample score corrected for the d parameters per output feature.", std::nullopt, 1.0, "higher", kOurs},
    {"linearity.stream.median_feature", "linearity", "stream, median feature", "median_j (1 - E_jj / S_yy,jj)",
     "R^2 of the typical feature, in sample: a few features of huge variance cannot carry it.", 0.0, 1.0, "higher",
     "Whipp 2026, arXiv 2606.19379"},
    {"linearity.stream.without_top_pc", "linearity", "stream, without top PC",
     "(tr M - u^T M u) / (tr S_yy - u^T S_yy u), M = S_xy^T S_xx^+ S_xy, u first principal component of Y",
     "R^2 of what remains when the one direction of largest variance is left out, in sample: outlier tokens put most "
     "of the variance there.",
     std::nullopt, 1.0, "higher", kOurs},
    {"linearity.update.held_out", "linearity", "update, held out",
     "1 - sum_k ||D_k - X_k A_(-k)||^2 / sum_k ||D_k - mean_(-k)||^2",
     "How much of what the block adds to the stream an affine map predicts, on documents it was not fitted to. The figure "
     "to look at first.",
     std::nullopt, 1.0, "higher", kOurs},
    {"linearity.update.in_sample", "linearity", "update, in sample", "1 - min_A ||X A - D||^2 / ||D||^2",
     "The paper's score \"without residual\".", 0.0, 1.0, "higher", kPaper},
    {"linearity.update.adjusted", "linearity", "update, adjusted", "1 - (1 - R^2)(n-1)/(n-d-1)",
     "In-sample score corrected for the d parameters per output feature.", std::nullopt, 1.0, "higher", kOurs},
    {"linearity.update.median_feature", "linearity", "update, median feature", "median_j (1 - E_jj / S_dd,jj)",
     "R^2 of the typical feature of the update, in sample.", 0.0, 1.0, "higher", "Whipp 2026, arXiv 2606.19379"},
    {"linearity.update.without_top_pc", "linearity", "update, without top PC",
     "as for the stream, with S_dd and S_xd", "R^2 of the update outside its first principal component, in sample.",
     std::nullopt, 1.0, "higher", kOurs},
    {"cosine", "linearity", "cosine", "mean_t <x_t, y_t> / (|x_t| |y_t|)",
     "Cosine between a token's state before and after the block.", -1.0, 1.0, "higher", kPaper},
    {"angular", "linearity", "angular distance", "mean_t arccos(cos_t) / pi",
     "Angle between the states before and after, as a share of a half turn.", 0.0, 1.0, "lower",
     "Gromov et al. 2024, arXiv 2403.17887"},
    {"block_influence", "linearity", "block influence", "1 - mean_t cos_t", "One minus the mean cosine.", 0.0, 2.0, "lower",
     "Men et al. 2024, arXiv 2403.03853"},
    {"norm.in", "linearity", "norm before", "mean_t |x_t|", "Length of the states before the block.", 0.0, std::nullopt,
     "none", kPaper},
    {"norm.out", "linearity", "norm after", "mean_t |y_t|", "Length of the states after the block.", 0.0, std::nullopt,
     "none", kPaper},
    {"norm.update", "linearity", "norm of the update", "mean_t |y_t - x_t|", "Length of what the block adds.", 0.0,
     std::nullopt, "none", kPaper},
    {"norm.ratio", "linearity", "norm ratio", "mean_t |y_t - x_t| / |y_t|",
     "Length of the update relative to the stream after it. Small ratios force the stream score towards 1.", 0.0,
     std::nullopt, "none", "Razzhigaev et al. 2024, arXiv 2405.12250, figure 3"},
    {"baselines.scaled_identity", "baselines", "scaled identity", "(tr S_xy)^2 / (tr S_xx tr S_yy)",
     "R^2 of y = a x: what is explained by nothing happening.", 0.0, 1.0, "higher", kOurs},
    {"baselines.diagonal", "baselines", "diagonal", "sum_j S_xy,jj^2 / S_xx,jj / tr S_yy",
     "R^2 of one factor per feature.", 0.0, 1.0, "higher", kOurs},
    {"baselines.orthogonal", "baselines", "orthogonal", "||S_xy||_*^2 / (tr S_xx tr S_yy)",
     "R^2 of a rotation and one factor: the true Procrustes similarity (||.||_* nuclear norm).", 0.0, 1.0, "higher",
     "Gower 1975"},
    {"baselines.ridge", "baselines", "ridge", "A = (S_xx + 0.01 diag S_xx)^-1 S_xy",
     "R^2 of the full map with a ridge of 0.01 on standardised features, in sample.", 0.0, 1.0, "higher", kOurs},
    {"baselines.rank", "baselines", "rank k", "sum_(i<=k) lambda_i(S_xy^T S_xx^+ S_xy) / tr S_yy",
     "R^2 of the best map of rank k; k = d is the full affine map.", 0.0, 1.0, "higher", kOurs},
    {"baselines.cca", "baselines", "CCA", "mean_i rho_i^2",
     "Mean squared canonical correlation: every direction counts alike, whatever its variance.", 0.0, 1.0, "higher",
     kOurs},
    {"geometry.anisotropy", "geometry", "anisotropy", "lambda_1 / sum_i lambda_i of S_yy",
     "Share of the variance in the first principal component of the states after the block.", 0.0, 1.0, "none",
     "Razzhigaev et al. 2023, arXiv 2311.05928"},
    {"geometry.effective_rank", "geometry", "effective rank", "exp(-sum_i p_i log p_i), p_i = lambda_i / sum lambda",
     "Number of directions that the variance is spread over.", 1.0, std::nullopt, "none", "Roy and Vetterli 2007"},
    {"geometry.intrinsic_dimension", "geometry", "intrinsic dimension",
     "slope of -log(1 - F(mu)) over log(mu), mu = r_2 / r_1",
     "TwoNN estimate from the distances to the two nearest states, on at most 4,096 tokens.", 0.0, std::nullopt, "none",
     "Facco et al. 2017"},
    {"tokens.without_first.stream.in_sample", "tokens", "stream without first tokens, in sample",
     "as linearity.stream.in_sample", "The score when the first token of every window is left out: attention sinks live there.",
     0.0, 1.0, "higher", kOurs},
    {"tokens.without_first.stream.held_out", "tokens", "stream without first tokens, held out",
     "as linearity.stream.held_out", "The held-out score without the first token of every window.", std::nullopt, 1.0,
     "higher", kOurs},
    {"tokens.without_first.update.in_sample", "tokens", "update without first tokens, in sample",
     "as linearity.update.in_sample", "The score of the update without the first token of every window.", 0.0, 1.0,
     "higher", kOurs},
    {"tokens.without_first.update.held_out", "tokens", "update without first tokens, held out",
     "as linearity.update.held_out", "The held-out score of the update without the first token of every window.",
     std::nullopt, 1.0, "higher", kOurs},
    {"tokens.without_first.cosine", "tokens", "cosine without first tokens", "as cosine",
     "Cosine without the first token of every window.", -1.0, 1.0, "higher", kOurs},
    {"tokens.without_first.norm_ratio", "tokens", "norm ratio without first tokens", "as norm.ratio",
     "Norm ratio without the first token of every window.", 0.0, std::nullopt, "none", kOurs},
    {"tokens.first.count", "tokens", "first tokens", "number of windows", "How many first tokens were kept apart.", 1.0,
     std::nullopt, "none", kOurs},
    {"tokens.first.norm_out", "tokens", "norm of first tokens", "mean over first tokens of |y_t|",
     "Length of the first tokens' states after the block.", 0.0, std::nullopt, "none", kOurs},
    {"tokens.first.variance_share", "tokens", "variance share of first tokens",
     "sum over first tokens of |y_t - mean|^2 / ||Y||^2",
     "How much of the variance after the block the first tokens make up; far above their number: sinks dominate.", 0.0, 1.0,
     "none", kOurs},
};

}  // namespace

std::span<const MetricInfo> metric_registry() {
  return kMetrics;
}

std::span<const std::string_view> metric_groups() {
  return kGroups;
}

}  // namespace linscan
