"""A Prometheus of its own on loopback, and the questions it is asked."""

import json
import math
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

START_S = 15
SCRAPE = "1s"


class Prometheus:
    """Scrapes every second and judges the rules as often, until it is stopped."""

    def __init__(self, folder, port, targets, rules):
        """`targets` are instances with their addresses; `rules` is the text of a rules file."""
        (folder / "rules.yaml").write_text(rules)
        (folder / "prometheus.yaml").write_text(json.dumps(configuration(targets)))
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=error",
            ]
        )

    def await_ready(self):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/-/ready", timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("prometheus does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=START_S)

    def instant(self, query):
        return self.data("query", query=query)["result"]

    def range(self, query, seconds):
        """Of the last `seconds`, a value a second."""
        now = time.time()
        return self.data("query_range", query=query, start=now - seconds, end=now, step=1)["result"]

    def label_values(self, label, selector):
        return self.data(f"label/{label}/values", **{"match[]": selector})

    def rules(self):
        return [rule for group in self.data("rules")["groups"] for rule in group["rules"]]

    def data(self, path, **parameters):
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from None


def numbers(series):
    """The values of all series that are numbers. 0 / 0 is none."""
    values = [float(value) for one in series for _, value in one.get("values", [one.get("value")])]
    return [value for value in values if math.isfinite(value)]


def configuration(targets):
    """JSON is YAML."""
    labelled = [
        {"targets": [address], "labels": {"namespace": "ads", "instance": instance}}
        for instance, address in targets.items()
    ]
    return {
        "global": {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": SCRAPE},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "bidgate", "static_configs": labelled}],
    }
