"""What all energies share: values on clouds, sums and multiples, the description that the compiled part takes."""

from __future__ import annotations

import math
import numbers
from dataclasses import fields
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from . import _core
from ._arrays import Array, cloud
from ._arrays import weights as weights_of
from ._errors import GromovError

_Term: TypeAlias = tuple[float, str, tuple[Any, ...]]


class Energy:
    """Base of all energies: ``2 * e + f``, ``e - f``, ``e / 2``, ``-e`` and ``sum([e, f])`` are energies.

    Factors of either sign are allowed, but for entropies, whose sum must not be negative when a flow is asked for.
    Energies are never changed, and carry nothing from one flow to the next.
    """

    # NumPy's numbers leave the product to us
    __array_ufunc__ = None

    def _terms(self) -> list[tuple[float, Energy]]:
        return [(1.0, self)]

    def _spec(self) -> tuple[str, tuple[Any, ...]]:
        """Name and values, as the compiled part takes them."""
        raise NotImplementedError

    def value(self, x: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
        """F of a cloud.

        Parameters
        ----------
        x : array-like (n, d)
            Points.
        weights : array-like (n,), optional
            Weights of sum one; uniform by default.

        Returns
        -------
        float

        Raises
        ------
        GromovError
            Wrong input; an energy with an entropy part, which particles have no value of.

        Examples
        --------
        >>> import gromov
        >>> gromov.energy.Quadratic().value([[3.0, 4.0]])
        12.5
        """
        points = cloud(x, "x")
        return _core.energy_value(described(self), points, weights_of(weights, "weights", len(points)))

    def gradient(self, x: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Array:
        """∇ δF(ρ)(x_i) = (1/w_i) ∂F/∂x_i, (n, d): the gradient of the first variation at the particles.

        F(ρ + h v) = F(ρ) + h Σ_i w_i ∇δF(x_i) · v_i + O(h²). Parameters and errors are those of :meth:`value`.

        Examples
        --------
        >>> import gromov
        >>> gromov.energy.Quadratic().gradient([[3.0, 4.0], [0.0, 1.0]])
        array([[3., 4.],
               [0., 1.]])
        """
        return self.value_and_gradient(x, weights)[1]

    def value_and_gradient(self, x: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> tuple[float, Array]:
        """:meth:`value` and :meth:`gradient` for the price of one."""
        points = cloud(x, "x")
        return _core.energy_gradient(described(self), points, weights_of(weights, "weights", len(points)))

    def __mul__(self, factor: float) -> Energy:
        if not isinstance(factor, numbers.Real) and not isinstance(factor, np.bool_):
            return NotImplemented
        c = _factor(factor)
        return Sum([(c * f, e) for f, e in self._terms()])

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Energy:
        if not isinstance(divisor, numbers.Real):
            return NotImplemented
        if divisor == 0:
            raise GromovError("energy: it cannot be divided by 0")
        return self * (1.0 / _factor(divisor))

    def __neg__(self) -> Energy:
        return self * -1.0

    def __add__(self, other: Energy) -> Energy:
        if not isinstance(other, Energy):
            return NotImplemented
        return Sum(self._terms() + other._terms())

    def __radd__(self, other: int) -> Energy:
        # sum() starts from 0
        if type(other) is int and other == 0:
            return self
        return NotImplemented

    def __sub__(self, other: Energy) -> Energy:
        return self + (-other) if isinstance(other, Energy) else NotImplemented

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._shown())})"

    def _shown(self) -> list[str]:
        return []

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False


def _factor(value: Any) -> float:
    if isinstance(value, (bool, np.bool_)) or not math.isfinite(value):
        raise GromovError(f"energy: the factor {value!r} is not allowed; expected a finite number")
    return float(value)


def described(energy: Any, name: str = "energy") -> list[_Term]:
    """An energy as the compiled part takes it."""
    if not isinstance(energy, Energy):
        shown = f"{energy!r:.60}"
        raise GromovError(f"{name}: expected an energy of gromov.energy, got {shown}")
    return [(factor, *term._spec()) for factor, term in energy._terms()]


class Sum(Energy):
    """Σ_k c_k F_k; made by ``+`` and ``*``."""

    def __init__(self, terms: list[tuple[float, Energy]]) -> None:
        self._parts = tuple(terms)

    def _terms(self) -> list[tuple[float, Energy]]:
        return list(self._parts)

    def __repr__(self) -> str:
        text = ""
        for c, e in self._parts:
            sign = ("-" if c < 0.0 else "") if not text else (" - " if c < 0.0 else " + ")
            text += sign + (repr(e) if abs(c) == 1.0 else f"{abs(c):.6g} * {e!r}")
        return text if len(text) < 200 else text[:190] + " ..."


class Leaf(Energy):
    """Arrays become read-only copies, and the core checks the values."""

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                value = value.copy()
                value.flags.writeable = False
            object.__setattr__(self, name, value)
        _core.energy_facts([(1.0, *self._spec())])

    def _spec(self) -> tuple[str, tuple[Any, ...]]:
        return self._name, tuple(getattr(self, f.name) for f in fields(self))  # type: ignore[arg-type]

    _name = ""

    def _shown(self) -> list[str]:
        out = []
        for f in fields(self):  # type: ignore[arg-type]
            value = getattr(self, f.name)
            if isinstance(value, np.ndarray):
                out.append(f"{f.name}={_array(value)}")
            elif value is not None and value != f.default:
                out.append(f"{f.name}={value!r}")
        return out


def _array(value: Array) -> str:
    if value.ndim == 1 and value.size <= 4:
        return "[" + ", ".join(f"{v:.4g}" for v in value) + "]"
    return f"array {value.shape}"


# as users know them
for _class in (Energy, Sum):
    _class.__module__ = "gromov.energy"
