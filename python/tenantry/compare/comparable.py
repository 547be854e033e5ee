"""Whether two runs may be compared: the same load, on the same kind of target, from the same kind of machine."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from tenantry.results.manifest import Manifest


def reasons_against(new: Manifest, old: Manifest) -> list[str]:
    """Why the two cannot be compared, a sentence each; empty when they can."""
    pairs = {
        "workloads": (new.name, old.name),
        "loads": (_load(new.plan), _load(old.plan)),
        "datasets": (_population(new), _population(old)),
        "kinds of target": (_target(new.target), _target(old.target)),
        "machines that generate the load": (_machine(new), _machine(old)),
    }
    found = [f"they have other {what}: {ours or 'none'} and {theirs or 'none'}" for what, (ours, theirs) in pairs.items() if ours != theirs]
    for title, manifest in (("the new run", new), ("the base", old)):
        if manifest.elapsed_ns is None:
            found.append(f"{title} ({manifest.folder}) goes on, or was killed")
        elif manifest.verdict is not None and manifest.verdict.verdict in ("invalid", "no_data"):
            found.append(f"{title} ({manifest.folder}) is {manifest.verdict.verdict.replace('_', ' ')}: {manifest.verdict.reason}")
    return found


def _load(plan: dict[str, Any]) -> str:
    """What is asked of the app, in words: profiles and scenarios of all streams."""
    streams = [stream for stream in plan.get("streams") or [] if isinstance(stream, dict)]
    return "; ".join(f"{stream.get('name')} {_profile(stream.get('profile') or {})}{_mix(stream)}" for stream in streams)


def _profile(profile: dict[str, Any]) -> str:
    return f"{profile.get('kind')}(" + ", ".join(f"{key}={value}" for key, value in profile.items() if key != "kind") + ")"


def _mix(stream: dict[str, Any]) -> str:
    pairs = stream.get("scenarios") or []
    return " of " + ", ".join(f"{name}:{weight:g}" for name, weight in pairs) if len(pairs) > 1 else ""


def _population(manifest: Manifest) -> str:
    tenants = manifest.plan.get("tenants")
    return f"{manifest.dataset.get('name')} with {tenants} tenants" if manifest.dataset and tenants else ""


def _target(url: str) -> str:
    """This machine is one kind of target whatever the port; any other host is a kind of its own."""
    host = urlsplit(url).hostname or url
    try:
        own = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        own = False
    return "this machine" if own else host


def _machine(manifest: Manifest) -> str:
    machine = manifest.machine or {}
    return f"{machine.get('cpu')}, {machine.get('cores')} cores" if machine else ""
