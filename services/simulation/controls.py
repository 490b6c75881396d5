"""The simulated clock on the operator's page: play on, pause, speed."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse

from services.simulation.scene import Scene
from shared.events.registration import Role
from shared.messages import Conflict, Fault, Message, Refused
from shared.security import SignedIn
from shared.web.pages import Pages

TEMPLATES = Path(__file__).parent / "templates"
SPEED_NAMES = {
    1: Message("1 phút mỗi giây"), 10: Message("10 phút mỗi giây"), 60: Message("1 giờ mỗi giây"), 1440: Message("1 ngày mỗi giây"),
}


def attach(app: FastAPI, scene: Scene) -> None:
    """Add `/simulation/...` to an application."""
    app.include_router(_router(scene, Pages(app.state.service, TEMPLATES)), prefix="/simulation")


def _router(scene: Scene, pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    player = scene.player

    @router.get("/fragment")
    async def fragment(request: Request, officer: SignedIn) -> Response:
        """The clock and its buttons."""
        officer.must_hold(Role.OPERATOR)
        return pages.render(request, "clock.html", player=player, speeds=SPEED_NAMES, end=scene.end)

    @router.post("/clock")
    async def clock(officer: SignedIn, action: Annotated[str, Form()], speed: Annotated[int, Form()] = 10) -> Response:
        """Play on or pause, at a speed in simulated minutes per second."""
        officer.must_hold(Role.OPERATOR)
        if action not in {"play", "pause"} or speed not in SPEED_NAMES:
            raise Refused(Fault("action", Message("Chỉ có thể chạy tiếp hoặc tạm dừng, với một tốc độ trong danh sách.")))
        if player.opening:
            raise Conflict(Fault("action", Message("Phần đầu của phong trào còn đang phát lại; hãy chờ phát xong.")))
        player.paused, player.speed = action == "pause", speed
        return RedirectResponse("/registration/operations", 303)

    return router
