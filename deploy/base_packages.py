"""`base_packages.py SBOM`: adds the Debian packages of the image's base to its CycloneDX bill of materials; a base without dpkg has none to add."""

import json
import sys
from email.parser import HeaderParser
from pathlib import Path
from urllib.parse import quote

INSTALLED = Path("/var/lib/dpkg/status")
RELEASE = Path("/etc/os-release")


def components(installed: str, release: str) -> list[dict[str, str]]:
    """One for each package that is installed, by dpkg's own list, with the name by which scanners know it."""
    told = {name: value.strip('"') for name, _, value in (line.partition("=") for line in release.splitlines())}
    distro = f"distro={told['ID']}-{told['VERSION_ID']}"
    found = []
    for one in map(HeaderParser().parsestr, installed.strip().split("\n\n")):
        if one["Status"].endswith(" installed"):
            source = one.get("Source", one["Package"]).split()[0]  # what Debian's lists of faults go by
            name = f"pkg:deb/{told['ID']}/{quoted(one['Package'])}@{quoted(one['Version'])}?arch={one['Architecture']}&{distro}&upstream={quoted(source)}"
            found.append({"bom-ref": name, "name": one["Package"], "purl": name, "type": "library", "version": one["Version"]})
    return sorted(found, key=lambda component: component["bom-ref"])


def quoted(text: str) -> str:
    """As a package's address has it."""
    return quote(text, safe="")


def add(bill: Path) -> None:
    """Into the bill, in place: the same bytes for the same packages."""
    read = json.loads(bill.read_text(encoding="utf-8"))
    read["components"] += components(INSTALLED.read_text(encoding="utf-8"), RELEASE.read_text(encoding="utf-8"))
    bill.write_text(json.dumps(read, indent=2, sort_keys=True), encoding="utf-8")


if __name__ == "__main__" and INSTALLED.exists():
    add(Path(sys.argv[1]))
