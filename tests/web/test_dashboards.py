"""Dashboard and alert rules name metrics that exist, and paragraphs that exist."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from tests.worker.world import ROOT, World

OPERATIONS = ROOT / "docs" / "operations"
NAME = re.compile(r"scrip_[a-z_]+")


def rules() -> list[dict[str, Any]]:
    """The alert rules."""
    return [
        rule for group in yaml.safe_load((OPERATIONS / "alerts.yml").read_text())["groups"] for rule in group["rules"]
    ]


def test_every_metric_that_is_asked_for_exists(world: World, app: Flask) -> None:
    """As a scrape of a fresh installation tells, without one sample of some."""
    panels = json.loads((OPERATIONS / "grafana-dashboard.json").read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]] + [rule["expr"] for rule in rules()]
    asked = {name for query in queries for name in NAME.findall(query)}
    told = set()
    for family in text_string_to_metric_families(app.test_client().get("/metrics").text):
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        told |= {family.name + end for end in ends}
    assert len(asked) > 20
    assert asked - told == set()


def test_every_alert_leads_to_a_paragraph() -> None:
    """Whoever is woken up reads what to do."""
    text = (ROOT / "docs" / "operations.md").read_text()
    anchors = {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    assert {rule["annotations"]["runbook"].partition("#")[2] for rule in rules()} <= anchors
