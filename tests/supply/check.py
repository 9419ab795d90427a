"""The bill of materials: that it is CycloneDX, and that it lists what cargo links.

usage: check.py
"""

import json
import os
import pathlib
import subprocess
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = pathlib.Path(__file__).resolve().parents[2]
VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)


def main():
    text = bill(SOURCE_DATE_EPOCH="0")
    equal(text, bill(SOURCE_DATE_EPOCH="0"), "the bill, made twice")
    equal(VALIDATOR.validate_str(text), None, "what the schema says of it")
    materials = json.loads(text)
    for mistake in mistakes(materials):
        equal(VALIDATOR.validate_str(json.dumps(mistake)) is None, False, "a bill with a mistake is valid")
    crates = [found for found in materials["components"] if "purl" in found]
    linked = {(found["name"], found["version"]) for found in crates if found["scope"] == "required"}
    expected = by_cargo("normal,no-proc-macro")
    equal(linked ^ expected, set(), "what only one of bill and cargo knows to be linked")
    known = {(found["name"], found["version"]) for found in crates}
    equal(known ^ by_cargo("normal,build"), set(), "and to be needed")
    equal([found["name"] for found in crates if not found.get("hashes")], [], "crates without a digest")
    refs = {found["bom-ref"] for found in [materials["metadata"]["component"], *materials["components"]]}
    named = {ref for found in materials["dependencies"] for ref in [found["ref"], *found["dependsOn"]]}
    equal(named - refs, set(), "dependencies that are not listed")
    print(f"ok     {len(linked)} crates are linked, {len(crates) - len(linked)} more are needed to build")


def bill(**variables):
    command = [sys.executable, ROOT / "image/sbom.py"]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **variables}).stdout


def mistakes(materials):
    """Bills that the schema must refuse, so that its silence says something."""
    empty = {**materials, "components": [], "dependencies": []}
    yield {**empty, "bomFormat": "other"}
    yield {**empty, "unknown": 1}
    yield {**empty, "components": [{"type": "library"}]}
    yield {**empty, "components": [{"type": "library", "name": "a", "licenses": [{"expression": 1}]}]}


def by_cargo(kinds):
    """Names and versions, by the tree that cargo draws for this machine."""
    command = ["cargo", "tree", "--locked", "--package", "bidgate", "--edges", kinds, "--prefix", "none", "--format", "{p}"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    found = {tuple(line.split()[:2]) for line in said.splitlines() if line and "(*)" not in line}
    return {(name, version.removeprefix("v")) for name, version in found} - {("bidgate", version_of("bidgate"))}


def version_of(name):
    said = subprocess.run(["cargo", "pkgid", "--package", name], check=True, capture_output=True, text=True, cwd=ROOT)
    return said.stdout.strip().split("@")[-1].split("#")[-1]


def equal(actual, expected, what):
    if actual != expected:
        sys.exit(f"{what}: {actual!r} is not {expected!r}")


if __name__ == "__main__":
    main()
