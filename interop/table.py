"""The one table: each reader and format, and what it saw of each field beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from interop.articles import LIVE
from interop.comparing import FIELDS, Fault, Finding, Reader


@dataclass(frozen=True, slots=True)
class Row:
    """What one reader saw of all feeds of one format, where it is not the truth."""

    reader: Reader
    version: str
    format: str
    findings: tuple[Finding, ...]


def show(rows: Sequence[Row], faults: Sequence[Fault], missing: Mapping[str, list[str]]) -> bool:
    """Print it, and under it the faults; whether every cell is true or declared.

    A declared fault that the very version it names no longer shows is told, too: it may go.
    """
    width = max((len(_name(row)) for row in rows), default=0)
    print(f"{len(LIVE)} articles; ok: the truth; -: no word for it; [n]: its own fault n\n")
    print("  ".join([" " * (width + 5), *(f"{field:<10}" for field in FIELDS)]).rstrip())
    undeclared: list[Finding] = []
    for row in rows:
        cells = []
        for field in FIELDS:
            found = [one for one in row.findings if one.field == field]
            odd = [one for one in found if not _numbers(one, row, faults)]
            undeclared += odd
            cells.append(_cell(row, field, found, odd, faults))
        print("  ".join([f"{_name(row):<{width}} {row.format:<4}", *cells]).rstrip())
    _print_notes(rows, missing)
    _print_faults(faults)
    for one in dict.fromkeys(undeclared):
        print(
            f"\nDISAGREES: {one.reader}, {one.format}, {one.field} of “{one.slug}”:"
            f"\n  saw    {one.saw}\n  truth  {one.truth}"
        )
    for text in _stale(rows, faults):
        print(f"\nNO LONGER SO: {text}")
    return not undeclared


def _name(row: Row) -> str:
    return f"{row.reader.name} {row.version}"


def _cell(
    row: Row, field: str, found: Sequence[Finding], odd: Sequence[Finding], faults: Sequence[Fault]
) -> str:
    if odd:
        text = f"✗ {odd[0].saw}"
    elif found:
        numbers = sorted({number for one in found for number in _numbers(one, row, faults)})
        text = "".join(f"[{number}]" for number in numbers)
    else:
        text = "ok" if field in row.reader.reads[row.format] else "-"
    return f"{text[:10]:<10}"


def _numbers(finding: Finding, row: Row, faults: Sequence[Fault]) -> list[int]:
    return [
        number
        for number, fault in enumerate(faults, 1)
        if fault.covers(finding) and fault.readers[row.reader.name] == row.version
    ]


def _stale(rows: Sequence[Row], faults: Sequence[Fault]) -> list[str]:
    return [
        f"fault {number}, {row.reader.name} {row.version}, {row.format}: {fault.does}"
        for number, fault in enumerate(faults, 1)
        for row in rows
        if fault.readers.get(row.reader.name) == row.version
        and row.format in fault.formats
        and not any(fault.covers(one) for one in row.findings)
    ]


def _print_notes(rows: Sequence[Row], missing: Mapping[str, list[str]]) -> None:
    noted = {row.reader.name: row.reader.note for row in rows if row.reader.note}
    print()
    for name, note in noted.items():
        print(f"{name}: {note}")
    for name, packages in missing.items():
        print(f"ABSENT: {name} needs {', '.join(packages)}")
    if missing:
        wanted = sorted({package for packages in missing.values() for package in packages})
        print(f"Debian: apt install {' '.join(wanted)}")


def _print_faults(faults: Sequence[Fault]) -> None:
    print()
    for number, fault in enumerate(faults, 1):
        who = ", ".join(f"{name} {version}" for name, version in fault.readers.items())
        print(f"[{number}] {who}: {fault.does}\n    {fault.cited}")
