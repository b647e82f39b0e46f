"""Fits and judges no-show models with scikit-learn; only `careslot slotting evaluate` loads it, no service does."""

from collections.abc import Callable, Sequence
from typing import Any

from services.kernel.errors import Unavailable

RESAMPLES = 1000
SEED = 90


class ScikitStatistics:
    """Implements noshow_evaluation.Statistics; raises Unavailable where the analysis requirements are not installed."""

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
        self._numpy: Any = numpy
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

    def auc_interval(
        self, missed: Sequence[bool], risks: Sequence[float], patients: Sequence[str], against: Sequence[float] = ()
    ) -> tuple[float, float] | None:
        """Return the 95 % interval of the AUC, or of its gain on that of ``against`` if given.

        Percentile bootstrap (Efron and Tibshirani 1993, chapter 13) that draws whole patients: visits of one patient
        are alike, so drawing visits would promise too much. The draws are the same every time. None when all outcomes
        are alike; draws that happen to be are left aside.
        """
        if len(set(missed)) < 2:
            return None
        numpy = self._numpy
        names, owner = numpy.unique(self._array(patients), return_inverse=True)
        auc = self._weighted_auc(missed, risks)
        base = self._weighted_auc(missed, against) if against else lambda _: 0.0
        dice = numpy.random.default_rng(SEED)
        found = []
        for _ in range(RESAMPLES):
            times = numpy.bincount(dice.integers(0, len(names), len(names)), minlength=len(names))[owner]
            found.append(auc(times) - base(times))
        low, high = numpy.nanpercentile(found, [2.5, 97.5])
        return float(low), float(high)

    def _weighted_auc(self, missed: Sequence[bool], risks: Sequence[float]) -> Callable[[Any], float]:
        """Return the AUC as a function of how often each visit counts; sorted once, a draw takes under a millisecond.

        It is Mann and Whitney's: the part of pairs of a missed and a kept visit in which the missed one has the higher
        risk, ties counting half; not a number when a draw holds no such pair.
        """
        numpy = self._numpy
        order = numpy.argsort(self._array(risks), kind="stable")
        ranked, lost = self._array(risks)[order], self._array(missed)[order]
        starts = numpy.flatnonzero(numpy.r_[True, ranked[1:] != ranked[:-1]])

        def auc(times: Any) -> float:
            count = times[order]
            of_missed = numpy.add.reduceat(count * lost, starts)
            of_kept = numpy.add.reduceat(count * ~lost, starts)
            pairs = float(of_missed.sum()) * float(of_kept.sum())
            below = numpy.cumsum(of_kept) - 0.5 * of_kept
            return float((of_missed * below).sum()) / pairs if pairs else float("nan")

        return auc

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
