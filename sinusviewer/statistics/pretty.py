"""Round tick values that cover a range, the same as R's ``pretty`` gives (Becker, Chambers and Wilks 1988; ``?pretty``).

The step is the 1, 2, 5 or 10 times a power of ten that best divides the range, larger steps favoured by the bias R uses.
"""

import math

HIGH_BIAS = 1.5  # R: high.u.bias
FIVE_BIAS = 0.5 + 1.5 * HIGH_BIAS  # R: u5.bias
SHRINK = 0.75  # R: shrink.sml, for a range of length 0
SLACK = 1e-10  # an end this near a tick, in steps, needs no further tick


def pretty(low: float, high: float, n: int = 5) -> tuple[float, ...]:
    """Return about ``n + 1`` equally spaced round values that cover [low, high], as R's ``pretty(c(low, high), n)``."""
    if not (math.isfinite(low) and math.isfinite(high)) or high < low:
        raise ValueError(f"A range must be finite and ascending, got {low} to {high}.")
    fewest = n // 3
    step = _step(low, high, n, fewest)
    first, last = math.floor(low / step + SLACK), math.ceil(high / step - SLACK)
    while first * step > low + SLACK * step:
        first -= 1
    while last * step < high - SLACK * step:
        last += 1
    first, last = _widen(first, last, fewest, low, high)
    return tuple(_clean(k, step) for k in range(first, last + 1))


def _step(low: float, high: float, n: int, fewest: int) -> float:
    width = high - low
    size = max(abs(low), abs(high))
    bound = 1.0 / (1.0 + HIGH_BIAS) if FIVE_BIAS >= 1.5 * HIGH_BIAS + 0.5 else 1.5 / (1.0 + FIVE_BIAS)
    if size == 0.0 or width < size * (1.0 + bound) * max(1, n) * 2.220446049250313e-16 * 3.0:
        cell = 1.0 if size == 0.0 else size
        cell = (9.0 + cell / 10.0 if cell > 10.0 else cell) * SHRINK
        cell = cell / fewest if fewest > 1 else cell
    else:
        cell = width / n if n > 1 else width
    base = 10.0 ** math.floor(math.log10(cell))
    step = base
    for multiple, bias in ((2.0, HIGH_BIAS), (5.0, FIVE_BIAS), (10.0, HIGH_BIAS)):
        if multiple * base - cell >= bias * (cell - step):
            break
        step = multiple * base
    return step


def _widen(first: int, last: int, fewest: int, low: float, high: float) -> tuple[int, int]:
    """Add steps until there are at least ``fewest`` of them; an end at exactly 0 stays there."""
    lacking = fewest - (last - first)
    if lacking <= 0:
        return first, last
    if low == 0.0 and first == 0 and high != 0.0:
        return first, last + lacking
    if high == 0.0 and last == 0 and low != 0.0:
        return first - lacking, last
    half, odd = divmod(lacking, 2)
    return (first - half - odd, last + half) if first >= 0 else (first - half, last + half + odd)


def _clean(k: int, step: float) -> float:
    """Return k steps without the trailing digits of binary fractions: 0.3, not 0.30000000000000004."""
    return float(f"{k * step:.12g}") if k else 0.0
