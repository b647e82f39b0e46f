"""Helm's engine fills texts and charts, many in one process, and its complaints name the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.gitops.helm import Helm
from services.kernel.errors import Invalid

pytestmark = pytest.mark.xdist_group("gitops")


def test_one_process_answers_many_questions(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 0.0.1\n", "utf-8")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "map.yaml").write_text('name: {{ required "no name" .Values.name }}\n', "utf-8")
    chart = {"chart": str(tmp_path), "name": "small", "namespace": "here"}
    with Helm() as helm:
        texts = ["{{ .a.b }} of {{ $.c | upper }}", "plain"]
        asked = {"where": "x", "texts": texts, "params": [{"a": {"b": 1}, "c": "x"}, {"a": {"b": 2}, "c": "y"}]}
        assert helm.ask(asked) == [["1 of X", "plain"], ["2 of Y", "plain"]]
        assert helm.ask({"where": "x", "texts": [], "params": [{}]}) == [[]]
        assert helm.ask({"charts": [{**chart, "values": {"name": "n"}}]}) == [{"small/templates/map.yaml": "name: n\n"}]
        with pytest.raises(Invalid, match=r"for small: .*no name"):
            helm.ask({"charts": [{**chart, "values": {}}]})
        with pytest.raises(Invalid, match="all.yaml: "):
            helm.ask({"where": "all.yaml", "texts": ["{{ nothing }}"], "params": [{}]})
