"""What dpkg says is installed in the image's base goes into its bill of materials, by the names that scanners know."""

import json
import runpy
import sys
from pathlib import Path

from tests.operation.kubernetes import DEPLOY, run

SCRIPT = DEPLOY / "base_packages.py"
INSTALLED = """Package: libstdc++6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Source: gcc-12 (12.2.0-14)
Version: 1:12.2.0+b1
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
    apt, library = components(INSTALLED, RELEASE)
    address = "pkg:deb/debian/apt@2.6.1?arch=amd64&distro=debian-12&upstream=apt"
    assert apt == {"bom-ref": address, "name": "apt", "purl": address, "type": "library", "version": "2.6.1"}
    assert (library["name"], library["version"]) == ("libstdc++6", "1:12.2.0+b1")
    assert library["purl"] == "pkg:deb/debian/libstdc%2B%2B6@1%3A12.2.0%2Bb1?arch=amd64&distro=debian-12&upstream=gcc-12"


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
