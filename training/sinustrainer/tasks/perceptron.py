"""Fit a small perceptron at the end of a training, on what the trained network reads of its patients.

A perceptron that learns beside the convolutions chases numbers that move; once they stand, a dozen of them and a few hundred
patients are fitted in a second, to the end.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

_ITERATIONS = 300


def fit_perceptron(mlp: nn.Module, read: Tensor, truth: Tensor, l2: float, seed: int) -> float:
    """Fit all weights of ``mlp`` anew, in place, by L-BFGS on all patients at once.

    Parameters
    ----------
    read
        ``[patients, numbers]``, what the perceptron reads, without dropout.
    truth
        ``[patients]`` int64 classes.
    l2
        Times the squared weights (not the biases), added to the mean cross-entropy.

    Returns
    -------
    float
        The mean cross-entropy reached.
    """
    torch.manual_seed(seed)
    for layer in mlp.modules():
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    was_training, learns = mlp.training, [p.requires_grad for p in mlp.parameters()]
    mlp.eval().requires_grad_(True)
    weights = [layer.weight for layer in mlp.modules() if isinstance(layer, nn.Linear)]
    optimiser = torch.optim.LBFGS(mlp.parameters(), max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

    def cost() -> Tensor:
        optimiser.zero_grad()
        penalty = torch.stack([(w**2).sum() for w in weights]).sum()
        total = functional.cross_entropy(mlp(read), truth) + l2 * penalty
        total.backward()  # type: ignore[no-untyped-call]
        return total

    with torch.enable_grad():
        optimiser.step(cost)  # type: ignore[no-untyped-call]
    optimiser.zero_grad(set_to_none=True)
    for parameter, learned in zip(mlp.parameters(), learns, strict=True):
        parameter.requires_grad_(learned)
    mlp.train(was_training)
    with torch.no_grad():
        return float(functional.cross_entropy(mlp(read), truth))
