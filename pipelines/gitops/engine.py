"""Runs in .venv-helm, by its path: renders what it is asked for with Helm's own engine, a line in, a line out.

In: ``{"charts": [{chart, values, name, namespace}]}``, answered by each chart's files by path, or
``{"where", "texts", "params"}``, answered for each of ``params`` by the texts made with it. What Helm complains of is
``{"fault": [where, what]}``.
"""

import io
import json
import sys
import tarfile
from typing import Any

from helm_python import Chart, HelmError  # type: ignore[import-not-found]  # is in .venv-helm alone

BETWEEN = "\x1e"


def main() -> None:
    """Answer questions until there are no more."""
    for line in sys.stdin:
        asked = json.loads(line)
        sys.stdout.write(f"{json.dumps(charts(asked['charts']) if 'charts' in asked else texts(asked))}\n")
        sys.stdout.flush()


def charts(asked: list[dict[str, Any]]) -> dict[str, Any]:
    """Render charts, each loaded once."""
    made, loaded = [], {}
    for one in asked:
        try:
            if one["chart"] not in loaded:
                loaded[one["chart"]] = Chart.load(one["chart"])
            made.append(loaded[one["chart"]].render(one["values"], name=one["name"], namespace=one["namespace"]))
        except HelmError as fault:
            return {"fault": [f"{one['chart']} for {one['name']}", str(fault)]}
    return {"made": made}


def texts(asked: dict[str, Any]) -> dict[str, Any]:
    """Fill texts with parameters."""
    try:
        return {"made": fill(asked["texts"], asked["params"])}
    except HelmError as fault:
        return {"fault": [asked["where"], str(fault)]}


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
