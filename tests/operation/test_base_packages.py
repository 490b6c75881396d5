"""What dpkg says is installed in the image's base goes into its bill of materials, by the names that scanners know."""

import json
import runpy
import sys
from pathlib import Path

from tests.operation.kubernetes import DEPLOY, run

SCRIPT = DEPLOY / "base_packages.py"
INSTALLED = """Package: zlib1g
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Source: zlib
Version: 1:1.2.13.dfsg-1
Description: compression library - runtime
 Two lines.

Package: removed
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: apt
Status: install ok installed
Architecture: amd64
Version: 2.6.1
"""
RELEASE = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n'


def test_each_installed_package_is_a_component_by_its_package_address_in_order():
    components = runpy.run_path(str(SCRIPT))["components"]
    apt, zlib = components(INSTALLED, RELEASE)
    assert apt == {
        "bom-ref": "pkg:deb/debian/apt@2.6.1?arch=amd64&distro=debian-12", "name": "apt", "purl": "pkg:deb/debian/apt@2.6.1?arch=amd64&distro=debian-12",
        "type": "library", "version": "2.6.1",
    }  # fmt: skip
    assert (zlib["version"], zlib["purl"]) == ("1:1.2.13.dfsg-1", "pkg:deb/debian/zlib1g@1%3A1.2.13.dfsg-1?arch=amd64&distro=debian-12")


def test_the_bill_keeps_what_it_had_and_becomes_the_same_bytes_each_time(tmp_path):
    read = set()
    for name in ("one", "two"):
        bill = tmp_path / name
        bill.write_text(json.dumps({"bomFormat": "CycloneDX", "components": [{"name": "fastapi"}]}))
        done = run(sys.executable, str(SCRIPT), str(bill))
        assert done.returncode == 0, done.stderr
        read.add(bill.read_text())
    [bill] = map(json.loads, read)
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["components"][0] == {"name": "fastapi"}
    assert (len(bill["components"]) > 1) == Path("/var/lib/dpkg/status").exists()
