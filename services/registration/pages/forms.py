"""Reading what people type: everything is kept as typed, every fault is noted, nothing is guessed."""

from datetime import date
from decimal import Decimal

from fastapi import Request
from starlette.datastructures import FormData

from shared import numbers
from shared.messages import Fault, Message, Refused, collect


def day_of(text: str) -> date | None:
    """A day written 30/10/2023 or 2023-10-30; None when it is neither."""
    parts = text.strip().split("/")
    try:
        if len(parts) == 3 and len(parts[2]) == 4:
            return date(int(parts[2]), int(parts[1]), int(parts[0]))
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


class Typed:
    """A form as it was typed; `faults` grows while it is read."""

    def __init__(self, form: FormData) -> None:
        self.form = form
        self.faults: list[Fault] = []

    def text(self, name: str) -> str:
        """A field's text, trimmed; empty when it is not there."""
        value = self.form.get(name, "")
        return value.strip()[:4000] if isinstance(value, str) else ""

    def amount(self, name: str) -> Decimal | None:
        """A number; None when the field is empty or, with a fault, when it cannot be read."""
        if not self.text(name):
            return None
        try:
            return numbers.parse(self.text(name), name)
        except Refused as wrong:
            self.faults += wrong.faults
            return None

    def needed_amount(self, name: str) -> Decimal:
        """A number that must be there."""
        found = self.amount(name)
        if found is None and not any(fault.field == name for fault in self.faults):
            self.faults.append(Fault(name, Message("Chưa ghi số."), Message("Ghi số, ví dụ 12,5.")))
        return found or Decimal(0)

    def day(self, name: str) -> date | None:
        """A day; None when the field is empty or, with a fault, when it cannot be read."""
        found = day_of(self.text(name))
        if self.text(name) and found is None:
            self.faults.append(Fault(name, Message("Không đọc được ngày này."), Message("Ghi ngày/tháng/năm, ví dụ 30/10/2023.")))
        return found

    def needed_day(self, name: str) -> date:
        """A day that must be there."""
        found = self.day(name)
        if found is None and not self.text(name):
            self.faults.append(Fault(name, Message("Chưa ghi ngày."), Message("Ghi ngày/tháng/năm, ví dụ 30/10/2023.")))
        return found or date.min

    def check(self) -> None:
        """Raise `Refused` with everything noted so far."""
        collect(self.faults)


async def typed(request: Request) -> Typed:
    """The form of a request."""
    return Typed(await request.form())
