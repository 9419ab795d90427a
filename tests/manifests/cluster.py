"""What `kubectl kustomize` makes of k8s/, as the API server would get it."""

import pathlib
import shutil
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"


def builds(scratch):
    """Every set that can be applied, by name: kustomizations as they are, and each component on the base."""
    copy = scratch / "k8s"
    shutil.copytree(K8S, copy)
    for path in sorted(copy.rglob("kustomization.yaml")):
        folder = path.parent
        name = str(folder.relative_to(copy))
        if yaml.safe_load(path.read_text())["kind"] == "Component":
            # The base has the sidecar's; the others are tried on top of it, one at a time.
            if name != "components/sidecar":
                yield f"base with {folder.name}", build(compose(copy / f"with-{folder.name}", folder.name))
        else:
            yield name, build(folder)


def compose(folder, component):
    folder.mkdir()
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "bidders",
        "resources": ["../base"],
        "components": [f"../components/{component}"],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return folder


def build(folder):
    text = subprocess.run(["kubectl", "kustomize", folder], check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(text))


def of_kind(manifests, kind):
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def name_of(manifest):
    return manifest["metadata"]["name"]


def pods(manifests):
    """The pod templates."""
    return [deployment["spec"]["template"] for deployment in of_kind(manifests, "Deployment")]


def containers(pod):
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def container(pod, name):
    return next(found for found in containers(pod) if found["name"] == name)


def config_map(manifests, name):
    return next(found["data"] for found in of_kind(manifests, "ConfigMap") if name_of(found) == name)
