"""The dashboard as Grafana would ask its questions: variables filled in, one query after another."""

import json
import re

# What Grafana fills in, for two sidecars that a Prometheus has scraped every second for half a minute.
VARIABLES = {
    "$__rate_interval": "10s",
    "$__interval": "5s",
    "$__range": "30s",
    "$namespace": ".*",
    "$job": "bidgate",
    "$instance": ".*",
    "$agent_id": ".*",
}


class Query:
    """One question of a panel."""

    def __init__(self, panel, target):
        self.title = f"{panel['title']} ({target['refId']})"
        self.expression = filled_in(target["expr"])
        self.instant = target.get("instant", False)
        self.legend = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])


class Dashboard:
    def __init__(self, path):
        self.board = json.loads(path.read_text())

    def queries(self):
        panels = [panel for panel in self.board["panels"] if panel["type"] != "row"]
        return [Query(panel, target) for panel in panels for target in panel["targets"]]

    def annotations(self):
        """Those that ask Prometheus: name and expression."""
        asked = [note for note in self.board["annotations"]["list"] if "target" in note]
        return [(note["name"], filled_in(note["target"]["expr"])) for note in asked]

    def variables(self):
        """Those that ask Prometheus: name, selector and label."""
        for variable in self.board["templating"]["list"]:
            if variable["type"] == "query":
                selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"]).groups()
                yield variable["name"], filled_in(selector), label


def filled_in(expression):
    # The longest name first: $__range is the beginning of another's name.
    for name in sorted(VARIABLES, key=len, reverse=True):
        expression = expression.replace(name, VARIABLES[name])
    unknown = re.search(r"\$\w+", expression)
    if unknown:
        raise ValueError(f"nobody fills in {unknown[0]}")
    return expression
