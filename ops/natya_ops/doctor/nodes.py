"""Nodes: who is there, whether every partition has an owner, and whether all run the same code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from natya.runtime.placement import hosts
from natya.runtime.view import Member, Owner
from natya.version import VERSION
from natya_ops.cluster import Cluster
from natya_ops.doctor.findings import Finding, ok, problem, warning


def check_nodes(cluster: Cluster) -> list[Finding]:
    """Everything about members and owners."""
    findings = check_members(cluster.members)
    for kind, manifest in sorted(cluster.kinds.items()):
        findings.append(check_code(kind, manifest, cluster.members))
        findings.append(check_owners(kind, manifest["partitions"], cluster.members, cluster.owners))
    if not cluster.kinds:
        findings.append(warning("kinds", "none is deployed", "start a worker with natya worker --app MODULE"))
    return findings


def check_members(members: Mapping[str, Member]) -> list[Finding]:
    """Who is alive, and in which versions of the platform."""
    if not members:
        hint = "start natya up, or natya worker against these servers; if one runs, see its log and its NATYA_NAMESPACE"
        return [problem("nodes", "none is alive", hint)]
    names = sorted(member.name for member in members.values())
    findings = [ok("nodes", f"{len(names)} alive: {', '.join(names)}")]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        findings = [
            warning(
                "nodes",
                f"{', '.join(twice)} is there more than once",
                "after a restart this passes within seconds; if it stays, give each process a NATYA_NODE of its own",
            )
        ]
    versions = sorted({member.version for member in members.values()} | {VERSION})
    if len(versions) > 1:
        findings.append(
            warning(
                "versions", f"nodes and this command run {', '.join(versions)}", "fine while upgrading: end with one version"
            )
        )
    return findings


def check_code(kind: str, manifest: Mapping[str, Any], members: Mapping[str, Member]) -> Finding:
    """Whether all members that host a kind have the same code for it."""
    about = f"code of {kind}"
    by_digest: dict[str, list[str]] = {}
    for name, member in sorted(hosts(kind, members.values()).items()):
        by_digest.setdefault(member.kinds[kind], []).append(name)
    if not by_digest:
        return problem(about, "no node hosts it", "start a worker with an --app that has it")
    if len(by_digest) > 1:
        text = "; ".join(f"{', '.join(names)} has {digest}" for digest, names in sorted(by_digest.items()))
        return warning(about, f"nodes differ: {text}", "fine while deploying: end with the same code on all")
    digest = next(iter(by_digest))
    if digest != manifest["digest"]:
        hint = "a node of other code was started last and is gone: restart a worker to publish the manifest again"
        return warning(about, f"nodes have {digest}, the published manifest is {manifest['digest']}", hint)
    return ok(about, f"{digest} on {len(by_digest[digest])} node{'s' * (len(by_digest[digest]) > 1)}")


def check_owners(
    kind: str, partitions: int, members: Mapping[str, Member], owners: Mapping[tuple[str, int], Owner]
) -> Finding:
    """Whether every partition of a kind is owned by a member that is there."""
    about = f"owners of {kind}"
    share: dict[str, int] = {}
    lost = []
    for partition in range(partitions):
        owner = owners.get((kind, partition))
        member = members.get(owner.incarnation) if owner is not None else None
        if member is None:
            lost.append(partition)
        else:
            share[member.name] = share.get(member.name, 0) + 1
    if lost:
        shown = ", ".join(map(str, lost[:8])) + (", …" if len(lost) > 8 else "")
        hint = (
            "a take-over needs some seconds: look again. If it stays, start a worker that hosts it, or see the workers' logs"
        )
        return problem(about, f"{len(lost)} of {partitions} partitions have no live owner: {shown}", hint)
    return ok(about, ", ".join(f"{name} has {number}" for name, number in sorted(share.items())))
