"""Fits and judges no-show models with scikit-learn; only `careslot slotting evaluate` loads it, no service does."""

from collections.abc import Sequence
from typing import Any

from services.kernel.errors import Unavailable


class ScikitStatistics:
    """Implements ports.Statistics; raises Unavailable where the analysis requirements are not installed."""

    def __init__(self) -> None:
        try:
            import numpy  # noqa: PLC0415 -- heavy, and absent where services run
            import threadpoolctl  # noqa: PLC0415 -- as above
            from sklearn import linear_model, metrics  # noqa: PLC0415 -- as above
        except ImportError:
            raise Unavailable(
                "scikit-learn is not installed here; evaluation needs requirements/analysis.txt."
            ) from None
        # Matrices this narrow are slower on several threads than on one, by far where others use the cores too.
        threadpoolctl.threadpool_limits(limits=1)
        self._array: Any = numpy.asarray
        self._clip: Any = numpy.clip
        self._log: Any = numpy.log
        self._linear: Any = linear_model
        self._metrics: Any = metrics

    def logistic(self, rows: Sequence[Sequence[float]], missed: Sequence[bool]) -> Sequence[float]:
        """Return the coefficients of a logistic regression with a slight L2 penalty and no constant of its own."""
        model = self._linear.LogisticRegression(C=1.0, fit_intercept=False, max_iter=2000)
        model.fit(self._array(rows), self._array(missed))
        return [float(value) for value in model.coef_[0]]

    def auc(self, missed: Sequence[bool], risks: Sequence[float]) -> float | None:
        """Return the area under the ROC curve, None when all outcomes are alike."""
        if len(set(missed)) < 2:
            return None
        return float(self._metrics.roc_auc_score(self._array(missed), self._array(risks)))

    def brier(self, missed: Sequence[bool], risks: Sequence[float]) -> float:
        """Return the mean squared error of the risks."""
        return float(((self._array(risks) - self._array(missed)) ** 2).mean())

    def calibration_line(self, missed: Sequence[bool], risks: Sequence[float]) -> tuple[float, float] | None:
        """Return slope and intercept of outcome on the risks' log odds (1 and 0 are perfect), None if undefined."""
        if len(set(missed)) < 2 or len(set(risks)) < 2:
            return None
        bounded = self._clip(self._array(risks), 1e-6, 1 - 1e-6)
        model = self._linear.LogisticRegression(C=1e6, max_iter=1000)
        model.fit(self._log(bounded / (1 - bounded)).reshape(-1, 1), self._array(missed))
        return float(model.coef_[0][0]), float(model.intercept_[0])
