"""The exact posterior of a Gaussian model with one Leroux term, by adding up over its three hyperparameters."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
from scipy.special import expit

from bayesineq.design.matrix import Design

RHO = np.arange(-6.0, 25.0, 0.6)
"""logit(rho): as far as the common shift of a component, of precision n (1 - rho) / sigma^2, carries variance."""
LOG_SIGMA, LOG_NOISE = np.arange(-2.7, -0.6, 0.11), np.arange(-3.0, -1.3, 0.08)


def columns(study: Design) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names and columns of the intercept and fixed effects, and the position of each row's area."""
    names, out, area = ["intercept"], [np.ones(len(study))], np.empty(0, dtype=int)
    for block in study.blocks:
        if block.term.is_spatial:
            area = np.asarray(block.incidence.index)
        elif block.term.kind == "linear":
            names.append(block.term.name)
            out.append(np.asarray(block.incidence.weight))
        else:
            for k in set(range(block.size)) - {block.reference}:
                names.append(f"{block.term.name}[{block.levels[0][k]}]")
                out.append((block.incidence.index == k).astype(float))
    return names, np.array(out).T, area


def posterior(study: Design, shape: float, rate: float, sd: float) -> pd.DataFrame:
    """
    Mean and sd of fixed effects and areas; both precisions Gamma(shape, rate), rho uniform, fixed effects N(0, sd^2).

    In the basis of the graph's eigenvectors, y ~ N(X b, sigma^2 / (rho lambda + 1 - rho) + noise^2) with independent
    elements, so that b and the areas given the three hyperparameters are textbook algebra; each area has one row.
    """
    names, x, area = columns(study)
    eigenvalue, vector = np.linalg.eigh(study.adjacency.laplacian().toarray())
    basis = vector[area]
    x, y = basis.T @ x, basis.T @ study.response.value
    prior = np.eye(x.shape[1]) / sd**2
    log_density, first, second = [], [], []
    for logit, log_sigma, log_noise in product(RHO, LOG_SIGMA, LOG_NOISE):
        signal = np.exp(2 * log_sigma) / (expit(logit) * np.maximum(eigenvalue, 0.0) + expit(-logit))
        noise = np.exp(2 * log_noise)
        inverse = 1.0 / (signal + noise)
        precision = (x.T * inverse) @ x + prior
        covariance = np.linalg.inv(precision)
        pull = x.T @ (inverse * y)
        mean = covariance @ pull
        value = 0.5 * (np.log(inverse).sum() - np.linalg.slogdet(precision)[1] - y @ (inverse * y) + pull @ mean)
        for log_sd in (log_sigma, log_noise):
            # Density of log sd from that of the precision exp(-2 log sd).
            value += -2.0 * shape * log_sd - rate * np.exp(-2.0 * log_sd)
        log_density.append(value + np.log(expit(logit)) + np.log(expit(-logit)))
        share = signal * inverse
        spread = basis @ (share[:, None] * x)
        variance = (basis**2) @ (share * noise) + ((spread @ covariance) * spread).sum(axis=1)
        first.append(np.concatenate([mean, basis @ (share * (y - x @ mean))]))
        second.append(np.concatenate([np.diag(covariance), variance]) + first[-1] ** 2)
    weight = np.exp(np.array(log_density) - max(log_density))
    weight /= weight.sum()
    mean = weight @ np.array(first)
    labels = [*names, *(f"place[{study.adjacency.areas[k]}]" for k in area)]
    return pd.DataFrame({"mean": mean, "sd": np.sqrt(weight @ np.array(second) - mean**2)}, index=labels)
