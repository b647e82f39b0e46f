"""`careslot soak`: whether a service kept its promises for a while where it is, before it goes on to the next place."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from environments.model import Environment, load_environment
from pipelines.delivery.metrics import Metrics, PrometheusMetrics, finite
from pipelines.slos.objectives import BURNS, OBJECTIVES, Objective, of_budget, target
from services.contracts.catalogue import Service, catalogue
from services.kernel.errors import CareslotError, Invalid

VARIABLE = "CARESLOT_PROMETHEUS"
WAKING = tuple(burn for burn in BURNS if burn.severity == "page")
WINDOWS = tuple(dict.fromkeys(window for pace in WAKING for window in (pace.short, pace.long)))


@dataclass(frozen=True, slots=True)
class Burn:
    """How fast a service uses up an objective's budget in a region, by window: 1 is exactly the allowed pace."""

    region: str
    slo: str
    rates: Mapping[str, float]

    @property
    def burning(self) -> bool:
        """Whether it is so fast that somebody is woken: the long window says how grave, the short that it still is."""
        return any(min(self.rates[pace.long], self.rates[pace.short]) > pace.factor for pace in WAKING)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("soak")(soak)


def soak(
    service: Annotated[str, typer.Argument(help="A service of the catalogue.", metavar="SERVICE")],
    environment: Annotated[str, typer.Option("--environment", help="Where it is: dev, staging or prod.")],
    region: Annotated[
        list[str] | None, typer.Option("--region", help="Only this region; may be given several times.")
    ] = None,
    prometheus: Annotated[
        str,
        typer.Option(
            "--prometheus", envvar=VARIABLE, help="Each region's Prometheus: REGION=URL, separated by spaces."
        ),
    ] = "",
    minutes: Annotated[float, typer.Option("--minutes", help="How long to watch; 0 asks once.", min=0)] = 0,
    every: Annotated[float, typer.Option("--every", help="Seconds between two looks.", min=1)] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print the last look as JSON.")] = False,
) -> None:
    """Watch a service's burn rates in every region; exit 1 while one burns, or where nothing measures it."""
    watched = wanted(service)
    regions = _regions(load_environment(environment), region or ())
    metrics = _metrics(prometheus or os.environ.get(VARIABLE, ""), regions)
    last = watch(watched, metrics, minutes * 60, every, tell=lambda line: typer.echo(line, err=True))
    if as_json:
        told = [{**asdict(burn), "rates": dict(burn.rates), "burning": burn.burning} for burn in last]
        sys.stdout.write(json.dumps({"service": service, "environment": environment, "slos": told}, indent=1) + "\n")
    else:
        for burn in last:
            typer.echo(f"{burn.region} {burn.slo}: {_rates(burn)}")
        typer.echo(f"{service} keeps its promises in {environment} ({', '.join(regions)})")


def wanted(name: str) -> Service:
    """Return the service; raise Invalid for one that the catalogue does not have or that promises nothing."""
    services = catalogue()
    if name not in services:
        raise Invalid(f"no service is called {name!r}; there are {', '.join(services)}")
    return services[name]


def watch(
    service: Service,
    metrics: Mapping[str, Metrics],
    seconds: float,
    every: float,
    tell: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Burn, ...]:
    """Look until ``seconds`` are over and return the last look; raise as soon as one look is not good."""
    looks = int(seconds // every) + 1
    found: tuple[Burn, ...] = ()
    for number in range(1, looks + 1):
        found = tuple(burn for region, one in metrics.items() for burn in look(service, region, one))
        if bad := [burn for burn in found if burn.burning]:
            raise Burning("; ".join(f"{burn.region} {burn.slo}: {_rates(burn)}" for burn in bad))
        tell(f"look {number} of {looks}: nothing burns ({'; '.join(_rates(burn) for burn in found)})")
        if number < looks:
            sleep(every)
    return found


class Burning(CareslotError):
    """A service uses up its error budget too fast."""

    title = "It burns"


def look(service: Service, region: str, metrics: Metrics) -> tuple[Burn, ...]:
    """Ask one region for a service's burn rates; raise Invalid where a window has no number: silence is no proof."""
    return tuple(Burn(region, slo, _asked(service, slo, region, metrics)) for slo in OBJECTIVES)


def _asked(service: Service, slo: Objective, region: str, metrics: Metrics) -> dict[str, float]:
    allowed = (100 - target(service, slo)) / 100
    rates = {}
    for window in WINDOWS:
        found = finite(metrics.query(of_budget(service.name, slo, window)))
        if len(found) != 1:
            what = f"{slo} of {service.name} over {window}"
            raise Invalid(f"{region}: {len(found)} series say {what} (is there traffic?): no proof, no pass")
        rates[window] = found[0].value / allowed
    return rates


def _rates(burn: Burn) -> str:
    return f"{burn.slo} " + ", ".join(f"{rate:.2f} over {window}" for window, rate in burn.rates.items())


def _regions(environment: Environment, named: Sequence[str]) -> tuple[str, ...]:
    if unknown := sorted(set(named) - set(environment.regions)):
        raise Invalid(f"{environment.name} is not in {', '.join(unknown)}; it is in {', '.join(environment.regions)}")
    return tuple(region for region in environment.regions if region in named or not named)


def _metrics(told: str, regions: Sequence[str]) -> dict[str, Metrics]:
    addresses = dict(word.partition("=")[::2] for word in told.split())
    if lacking := [region for region in regions if not addresses.get(region)]:
        raise Invalid(f"no Prometheus is named for {', '.join(lacking)}: --prometheus or {VARIABLE}, as REGION=URL")
    return {region: PrometheusMetrics(addresses[region], region) for region in regions}
