#!/usr/bin/env python3
"""Prints the bill of materials of the image, CycloneDX 1.6: what is linked, each with its licence and digest.

usage: image/sbom.py [TARGET] >bidgate.cdx.json      TARGET is the triple of the build; without it, that of this machine

What only runs while the program is built, macros and build scripts, is listed too, as not part of it (scope excluded).
The same commit and compiler give the same bill.
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import tomllib
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = "bidgate"
# Not crates, and in the image all the same.
TAXONOMIES = ("data", "iab-tech-lab-taxonomies", None, "CC-BY-3.0")
SUFFIXES = ("data", "public-suffix-list", None, "MPL-2.0")
CERTIFICATES = ("data", "ca-certificates", None, "MPL-2.0")


def main(target=None):
    target = target or said("rustc", "-vV").split("host: ")[1].split()[0]
    crates = Crates(target)
    components = [component(crates, crate) for crate in sorted(crates.needed, key=crates.ref)]
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": timestamp(),
            "tools": {"components": [{"type": "application", "name": "image/sbom.py"}]},
            "component": {**component(crates, crates.root), "type": "application"},
            "properties": [{"name": "target", "value": target}],
        },
        "components": [*components, *map(other, others())],
        "dependencies": [
            {"ref": crates.ref(crate), "dependsOn": sorted(map(crates.ref, crates.edges(crate)))}
            for crate in sorted([crates.root, *crates.needed], key=crates.ref)
        ],
    }
    content = json.dumps(bill, sort_keys=True)
    bill["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, content)}"
    json.dump(bill, sys.stdout, indent=1, sort_keys=True)
    print()


class Crates:
    """What cargo takes from Cargo.lock to build the program. `cargo tree` says what, with the features of this program
    alone, where `cargo metadata`, which says the rest, unites those of the whole workspace."""

    def __init__(self, target):
        metadata = json.loads(said("cargo", "metadata", "--format-version=1", "--locked", "--filter-platform", target))
        self.packages = {package["id"]: package for package in metadata["packages"]}
        self.nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
        lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
        self.digests = {(found["name"], found["version"]): found.get("checksum") for found in lock["package"]}
        self.root = metadata["resolve"]["root"]
        # A macro runs while the program is built, and so does all that the macro is made of.
        self.linked = self.tree(target, "normal,no-proc-macro")
        self.needed = self.tree(target, "normal,build") - {self.root}

    def tree(self, target, kinds):
        command = ["cargo", "tree", "--locked", "--package", PROGRAM, "--target", target, "--edges", kinds]
        lines = said(*command, "--prefix", "none", "--format", "{p}").splitlines()
        wanted = {tuple(line.split()[:2]) for line in lines if line}
        return {crate for crate, found in self.packages.items() if (found["name"], f"v{found['version']}") in wanted}

    def edges(self, crate):
        """What a crate needs, but for its tests."""
        return {
            dependency["pkg"]
            for dependency in self.nodes[crate]["deps"]
            if dependency["pkg"] in self.needed
            and any(kind["kind"] in (None, "build") for kind in dependency["dep_kinds"])
        }

    def ref(self, crate):
        package = self.packages[crate]
        return f"pkg:cargo/{package['name']}@{package['version']}"


def component(crates, crate):
    package = crates.packages[crate]
    digest = crates.digests[package["name"], package["version"]]
    found = {
        "type": "library",
        "bom-ref": crates.ref(crate),
        "name": package["name"],
        "version": package["version"],
        "purl": crates.ref(crate),
        "scope": "required" if crate in crates.linked else "excluded",
        "licenses": [{"expression": expression(package["license"])}],
    }
    if digest:
        found["hashes"] = [{"alg": "SHA-256", "content": digest}]
    if package["repository"]:
        found["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return found


def expression(licence):
    """SPDX; a solidus is how it was written once."""
    return licence.replace(" / ", "/").replace("/", " OR ")


def others():
    compiler = said("rustc", "-V").split()[1]
    # Static: the C library is a part of the program.
    library = said("getconf", "GNU_LIBC_VERSION").split()
    return [
        ("library", "rust-std", compiler, "MIT OR Apache-2.0"),
        ("library", library[0], library[1], "LGPL-2.1-or-later"),
        TAXONOMIES,
        SUFFIXES,
        CERTIFICATES,
    ]


def other(described):
    kind, name, version, licence = described
    found = {"type": kind, "bom-ref": name, "name": name, "licenses": [{"expression": licence}]}
    return {**found, "version": version} if version else found


def timestamp():
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", 0))
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat().replace("+00:00", "Z")


def said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
