"""Runs in .venv-helm, by its path: renders what comes on standard input with Helm's own engine, all in one process.

In: ``{"charts": [{chart, values, name, namespace}], "texts": [{texts, params}]}``. Out: for each chart its files by
path, for each list of texts the texts made with each of its ``params``; or ``{"fault": [what, which]}``.
"""

import io
import json
import sys
import tarfile

from helm_python import Chart, HelmError  # type: ignore[import-not-found]  # is in .venv-helm alone

BETWEEN = "\x1e"


def main() -> None:
    """Answer one question."""
    asked = json.load(sys.stdin)
    where = ""
    try:
        charts: list[dict[str, str]] = []
        loaded: dict[str, Chart] = {}
        for one in asked["charts"]:
            where = f"{one['chart']} for {one['name']}"
            chart = loaded.get(one["chart"]) or loaded.setdefault(one["chart"], Chart.load(one["chart"]))
            charts.append(chart.render(one["values"], name=one["name"], namespace=one["namespace"]))
        texts = []
        for one in asked["texts"]:
            where = one["where"]
            texts.append(fill(one["texts"], one["params"]))
    except HelmError as fault:
        json.dump({"fault": [where, str(fault)]}, sys.stdout)
        return
    json.dump({"charts": charts, "texts": texts}, sys.stdout)


def fill(texts: list[str], params: list[dict[str, object]]) -> list[list[str]]:
    """Return every text made with every one of ``params``, which are the text's dot and its dollar."""
    if not texts or not params:
        return [[] for _ in params]
    files = {"Chart.yaml": "apiVersion: v2\nname: texts\nversion: 0.0.0\n"}
    for number, text in enumerate(texts):
        define = f'{{{{ define "t{number}" }}}}{text}{{{{ end }}}}'
        each = f'{{{{ range .Values.params }}}}{{{{ template "t{number}" . }}}}{BETWEEN}{{{{ end }}}}'
        files[f"templates/t{number}.txt"] = define + each
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, text in files.items():
            data = text.encode()
            member = tarfile.TarInfo(f"texts/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    with Chart.load_archive(archive.getvalue()) as chart:
        made = chart.render({"params": params}, name="texts", namespace="texts")
    columns = [made[f"texts/templates/t{number}.txt"].split(BETWEEN)[:-1] for number in range(len(texts))]
    return [list(row) for row in zip(*columns, strict=True)]


if __name__ == "__main__":
    main()
