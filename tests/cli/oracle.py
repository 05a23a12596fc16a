"""The scores of linscan analyze once more, in numpy fp64 by SVD and least squares on the activations themselves.

States are rows. Nothing here goes through second moments, so that it shares no rounding with the program under test.
"""
import numpy as np

# Relative singular values of the standardised states below this count as zero: the program's cut-off on eigenvalues is 1e-12.
# What lies below is the rounding of fp32 states (the output of a LayerNorm has one direction without variance).
CUTOFF = 1e-6


def centre(x):
    return x - x.mean(axis=0)


def left_basis(x):
    """Orthonormal basis of the column space of centred x, after giving every feature unit variance."""
    x = centre(x)
    scale = np.sqrt((x ** 2).sum(axis=0))
    x = x / np.where(scale > 0, scale, 1)
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    return u[:, s > CUTOFF * s[0]]


def r2(explained, y):
    return 1 - ((centre(y) - explained) ** 2).sum() / (centre(y) ** 2).sum()


def affine(x, y):
    """In-sample R^2 of the best affine map."""
    u = left_basis(x)
    return r2(u @ (u.T @ centre(y)), y)


def adjusted(score, n, d):
    return 1 - (1 - score) * (n - 1) / (n - d - 1)


def scaled_identity(x, y):
    x, y = centre(x), centre(y)
    return (x * y).sum() ** 2 / ((x ** 2).sum() * (y ** 2).sum())


def diagonal(x, y):
    x, y = centre(x), centre(y)
    return ((x * y).sum(axis=0) ** 2 / (x ** 2).sum(axis=0)).sum() / (y ** 2).sum()


def orthogonal(x, y):
    x, y = centre(x), centre(y)
    return np.linalg.svd(x.T @ y, compute_uv=False).sum() ** 2 / ((x ** 2).sum() * (y ** 2).sum())


def reduced_rank(x, y, rank):
    """Best affine map of that rank: the leading singular values of what the full map explains."""
    explained = np.linalg.svd(left_basis(x).T @ centre(y), compute_uv=False)
    return (explained[:rank] ** 2).sum() / (centre(y) ** 2).sum()


def cca(x, y):
    """Mean over all d features: directions without variance count as zero."""
    return (np.linalg.svd(left_basis(x).T @ left_basis(y), compute_uv=False) ** 2).sum() / y.shape[1]


def full_rank(x):
    return left_basis(x).shape[1] == x.shape[1]


def held_out(x, y, target, folds):
    """Pooled over folds: error of the map fitted on the other folds over the variance about their mean."""
    error = total = 0.0
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        mean_x, mean_t = x[train].mean(axis=0), target[train].mean(axis=0)
        xs = x[train] - mean_x
        scale = np.sqrt((xs ** 2).sum(axis=0))
        scale = np.where(scale > 0, scale, 1)
        weights = np.linalg.lstsq(xs / scale, target[train] - mean_t, rcond=CUTOFF)[0]
        residual = target[test] - mean_t - ((x[test] - mean_x) / scale) @ weights
        error += (residual ** 2).sum()
        total += ((target[test] - mean_t) ** 2).sum()
    return 1 - error / total


def cosines(x, y):
    return (x * y).sum(axis=1) / (np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1))


def variance_shares(x):
    values = np.linalg.svd(centre(x), compute_uv=False) ** 2
    return values / values.sum()


def effective_rank(x):
    shares = variance_shares(x)
    shares = shares[shares > 0]
    return np.exp(-(shares * np.log(shares)).sum())
