"""The bill of materials: that it is CycloneDX, and that the program is made of nothing else.

usage: check.py PROGRAM        as image/build makes it
"""

import json
import os
import pathlib
import re
import subprocess
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Most crates have no place to panic at.
SEEN_MIN = 20
VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)


def main(program):
    text = bill(SOURCE_DATE_EPOCH="0")
    equal(text, bill(SOURCE_DATE_EPOCH="0"), "the bill, made twice")
    equal(VALIDATOR.validate_str(text), None, "what the schema says of it")
    materials = json.loads(text)
    for mistake in mistakes(materials):
        equal(VALIDATOR.validate_str(json.dumps(mistake)) is None, False, "a bill with a mistake is valid")
    crates = [found for found in materials["components"] if "purl" in found]
    linked = {f"{found['name']}-{found['version']}" for found in crates if found["scope"] == "required"}
    seen = in_program(program)
    equal(len(seen) > SEEN_MIN, True, f"only {len(seen)} crates were found in the program")
    equal(seen - linked, set(), "crates of the program that the bill does not have")
    equal([found["name"] for found in crates if not found.get("hashes")], [], "crates without a digest")
    refs = {found["bom-ref"] for found in [materials["metadata"]["component"], *materials["components"]]}
    named = {ref for found in materials["dependencies"] for ref in [found["ref"], *found["dependsOn"]]}
    equal(named - refs, set(), "dependencies that are not listed")
    print(f"ok     {len(linked)} crates are linked, {len(crates) - len(linked)} more are needed to build; {len(seen)} were seen")


def bill(**variables):
    command = [sys.executable, ROOT / "image/sbom.py"]
    environment = {**os.environ, **variables}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def mistakes(materials):
    """Bills that the schema must refuse, so that its silence says something."""
    empty = {**materials, "components": [], "dependencies": []}
    yield {**empty, "bomFormat": "other"}
    yield {**empty, "unknown": 1}
    yield {**empty, "components": [{"type": "library"}]}
    yield {**empty, "components": [{"type": "library", "name": "a", "licenses": [{"expression": 1}]}]}


def in_program(program):
    """Crates by the places of their panics, which a program keeps when its symbols are stripped."""
    places = re.findall(rb"/cargo/registry/src/[^/]+/([A-Za-z0-9_.+-]+)/", pathlib.Path(program).read_bytes())
    return {place.decode() for place in places}


def equal(actual, expected, what):
    if actual != expected:
        sys.exit(f"{what}: {actual!r} is not {expected!r}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
