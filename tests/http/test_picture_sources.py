"""What a request's pictures may be, and what is kept of them: links, keys, data URIs, local files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

import cutscene
from cutscene.domain import Job, VideoRequest
from cutscene.errors import ConflictError, InputValidationError, NotFoundError
from cutscene.media.picture import to_data_uri
from cutscene.overlays import PictureOverlay, TextOverlay
from cutscene.settings import Settings
from cutscene.storage import put_bytes
from cutscene.studio import Studio
from processes import VENDOR, run
from scripted import ScriptedProvider

pytestmark = pytest.mark.anyio

SIGNED = "X-Signature=secret&Policy=hidden"


def drawn(color: str) -> bytes:
    file = BytesIO()
    Image.new("RGB", (320, 180), color).save(file, "PNG")
    return file.getvalue()


TEAL, RED = drawn("teal"), drawn("red")


@dataclass
class Shelf:
    """A client's server; what it does not have any more is not found."""

    base: str = ""
    pictures: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def link(self, name: str) -> str:
        return f"{self.base}/{name}?{SIGNED}"

    async def handle(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.asked.append(name)
        if name not in self.pictures:
            return web.Response(status=404)
        return web.Response(body=self.pictures[name], content_type="application/octet-stream")


@pytest.fixture
async def shelf() -> AsyncGenerator[Shelf, None]:
    served = Shelf()
    app = web.Application()
    app.router.add_get("/{name}", served.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield served
    await runner.cleanup()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", provider="scripted", allow_private_urls=True)


@pytest.fixture
async def studio(settings: Settings) -> AsyncGenerator[Studio, None]:
    """Takes jobs, and does none."""
    async with cutscene.open(settings, work="no") as opened:
        yield opened


def from_picture(image: str, **more: Any) -> VideoRequest:
    return VideoRequest(prompt="waves", image=image, duration=1.0, **more)


async def count(studio: Studio) -> int:
    return len(await studio.list("acme"))


async def test_links_are_taken_in_at_submit_and_may_end_at_once(settings: Settings, shelf: Shelf) -> None:
    vendor_root = settings.local_tasks / "scripted"
    vendor_root.mkdir(parents=True)
    shelf.pictures = {"still.png": TEAL, "logo.png": RED}
    request = VideoRequest(
        prompt="waves",
        image=shelf.link("still.png"),
        last_image=shelf.link("still.png"),
        overlays=(PictureOverlay(image=shelf.link("logo.png")),),
        model="script-short",
        duration=1.0,
    )
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", request, local_files=False)
        shelf.pictures.clear()
        await studio.wait("acme", job.id, timeout=30)
    assert sorted(shelf.asked) == ["logo.png", "still.png"]  # each once
    [accepted] = ScriptedProvider(vendor_root).calls("accepted")
    assert accepted
    [first] = vendor_root.glob("*.first")
    assert Image.open(first).convert("RGB").getpixel((5, 5)) == (0, 128, 128)
    [logo] = job.request.overlays
    assert isinstance(logo, PictureOverlay)
    kept = (job.request.image, job.request.last_image, logo.image)
    assert all(str(key).startswith("acme/default/source/") for key in kept)
    assert list(settings.scratch.iterdir()) == []
    everything = b"".join(path.read_bytes() for path in settings.home.rglob("*") if path.is_file())
    assert not any(word in everything for word in (b"secret", b"hidden", b"X-Signature"))


async def test_a_request_with_links_is_known_again_without_following_them(
    studio: Studio, shelf: Shelf
) -> None:
    shelf.pictures = {"still.png": TEAL}
    request = from_picture(shelf.link("still.png"))
    one = await studio.submit("acme", request, idempotency_key="k")
    shelf.pictures = {"still.png": RED}
    two = await studio.submit("acme", request, idempotency_key="k")
    shelf.pictures.clear()
    three = await studio.submit("acme", request, idempotency_key="k", local_files=False)
    assert one.id == two.id == three.id
    assert (shelf.asked, await count(studio)) == (["still.png"], 1)


async def test_another_link_is_the_same_request_only_if_it_shows_the_same(
    studio: Studio, shelf: Shelf
) -> None:
    """A link that was signed anew, for one."""
    shelf.pictures = {"still.png": TEAL, "copy.png": TEAL, "other.png": RED}
    one = await studio.submit("acme", from_picture(shelf.link("still.png")), idempotency_key="k")
    again = await studio.submit("acme", from_picture(shelf.link("copy.png")), idempotency_key="k")
    assert one.id == again.id
    for request in (
        from_picture(shelf.link("other.png")),
        VideoRequest(prompt="wind", image=shelf.link("still.png"), duration=1.0),
    ):
        with pytest.raises(ConflictError, match=one.id):
            await studio.submit("acme", request, idempotency_key="k")
    assert await count(studio) == 1


async def test_another_tenants_key_or_none_is_a_job_of_its_own(studio: Studio, shelf: Shelf) -> None:
    shelf.pictures = {"still.png": TEAL}
    request = from_picture(shelf.link("still.png"))
    jobs = [
        await studio.submit("acme", request, idempotency_key="k"),
        await studio.submit("zen", request, idempotency_key="k"),
        await studio.submit("acme", request),
        await studio.submit("acme", request),
    ]
    assert len({job.id for job in jobs}) == len(shelf.asked) == 4


async def test_a_local_file_beside_a_link_is_known_by_its_content(
    studio: Studio, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.pictures = {"logo.png": TEAL}
    still = tmp_path / "still.png"
    still.write_bytes(TEAL)
    logo = (PictureOverlay(image=shelf.link("logo.png")),)
    request = VideoRequest(prompt="waves", image=str(still), overlays=logo, duration=1.0)
    one = await studio.submit("acme", request, idempotency_key="k")
    assert (await studio.submit("acme", request, idempotency_key="k")).id == one.id
    still.write_bytes(RED)
    with pytest.raises(ConflictError):
        await studio.submit("acme", request, idempotency_key="k")


async def test_a_link_that_shows_nothing_leaves_no_job(studio: Studio, shelf: Shelf) -> None:
    with pytest.raises(
        InputValidationError, match=r"cannot be fetched.*\(404\): check its address"
    ) as caught:
        await studio.submit("acme", from_picture(shelf.link("gone.png")))
    assert "secret" not in str(caught.value)
    assert await count(studio) == 0
    assert list(studio.settings.scratch.iterdir()) == []


async def test_without_the_switch_links_lead_to_public_addresses_alone(tmp_path: Path, shelf: Shelf) -> None:
    shelf.pictures = {"still.png": TEAL}
    async with cutscene.open(Settings(home=tmp_path / "home", provider="scripted"), work="no") as studio:
        with pytest.raises(InputValidationError, match="over https alone"):
            await studio.submit("acme", from_picture(shelf.link("still.png")))
        encrypted = shelf.link("still.png").replace("http:", "https:")
        with pytest.raises(InputValidationError, match=r"leads to 127\.0\.0\.1, whose address is not public"):
            await studio.submit("acme", from_picture(encrypted))
    assert shelf.asked == []


@pytest.fixture
async def made(settings: Settings) -> Job:
    """A job with a clip."""
    (settings.local_tasks / "scripted").mkdir(parents=True)
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", from_picture(to_data_uri(TEAL, "image/png")), local_files=False)
        await studio.wait("acme", job.id, timeout=30)
        return await studio.get("acme", job.id)


async def test_keys_are_the_tenants_own(studio: Studio) -> None:
    poster = f"acme/default/video/{'0' * 32}.png"
    await put_bytes(studio._store, poster, RED, "image/png")
    job = await studio.submit("acme", from_picture(to_data_uri(TEAL, "image/png")), local_files=False)
    assert job.request.image is not None
    for key in (job.request.image, poster):
        again = await studio.submit("acme", from_picture(key), local_files=False)
        assert again.request.image is not None
        with pytest.raises(NotFoundError) as other:
            await studio.submit("zen", from_picture(key))
        with pytest.raises(NotFoundError) as missing:
            await studio.submit("zen", from_picture(f"zen{key[4:]}"))
        logo = PictureOverlay(image=key)
        with pytest.raises(NotFoundError):
            await studio.submit("zen", VideoRequest(prompt="waves", overlays=(logo,), duration=1.0))
        assert str(other.value) == str(missing.value).replace("zen/", "acme/")
    assert await studio.list("zen") == []


async def test_a_clip_goes_on_where_local_files_are_not_read(made: Job, studio: Studio) -> None:
    assert made.clip is not None
    by_job = await studio.extend("acme", made.id, to=2, local_files=False)
    by_key = await studio.extend("acme", made.clip.key, to=2, prompt=made.request.prompt, local_files=False)
    assert by_job.request == by_key.request
    for clip in (made.id, made.clip.key):
        with pytest.raises(NotFoundError):
            await studio.extend("zen", clip, to=2)
    with pytest.raises(InputValidationError, match=r"^[0-9a-f]{32}\.mp4 is not a picture"):
        await studio.submit("acme", from_picture(made.clip.key), local_files=False)
    with pytest.raises(InputValidationError, match="Local files are not read here"):
        await studio.extend("acme", made.clip.video_url.removeprefix("file://"), to=2, local_files=False)


async def test_clips_are_not_fetched_from_the_web(studio: Studio, shelf: Shelf) -> None:
    with pytest.raises(InputValidationError, match="A clip is not fetched from the web: save it"):
        await studio.extend("acme", shelf.link("clip.mp4"), to=2)
    assert shelf.asked == []


@pytest.mark.parametrize("path", ["/etc/passwd", "still.png", "../still.png", "~/still.png", "", "//host/x"])
async def test_no_local_file_is_read_for_others(studio: Studio, path: str) -> None:
    """Not even looked at: whether it is there makes no difference."""
    for request in (
        from_picture(path),
        from_picture(to_data_uri(TEAL, "image/png"), last_image=path, model="script-short"),
        VideoRequest(prompt="waves", overlays=(PictureOverlay(image=path),), duration=1.0),
    ):
        with pytest.raises(InputValidationError, match=r"^Local files are not read here: give a picture by"):
            await studio.submit("acme", request, local_files=False)


async def test_no_font_file_is_read_for_others(studio: Studio) -> None:
    words = TextOverlay(text="Hello", font="/usr/share/fonts/x.ttf")
    with pytest.raises(InputValidationError, match="Local files are not read here: give a font by its name"):
        await studio.submit("acme", VideoRequest(prompt="x", overlays=(words,)), local_files=False)


async def test_nothing_is_fetched_for_a_request_that_is_refused_anyway(studio: Studio, shelf: Shelf) -> None:
    shelf.pictures = {"still.png": TEAL}
    logo = (PictureOverlay(image="/etc/passwd"),)
    request = VideoRequest(prompt="x", image=shelf.link("still.png"), overlays=logo, duration=1.0)
    with pytest.raises(InputValidationError, match="Local files"):
        await studio.submit("acme", request, local_files=False)
    assert shelf.asked == []


@pytest.mark.parametrize("image", [5, b"x", ["a.png"], {}])
async def test_what_is_no_text_is_refused(studio: Studio, image: object) -> None:
    with pytest.raises(InputValidationError, match="say as text where it is"):
        await studio.submit("acme", VideoRequest.from_json({"prompt": "x", "image": image}))


async def test_the_command_line_takes_links(shelf: Shelf, tmp_path: Path) -> None:
    shelf.pictures = {"still.png": TEAL}
    environment = {"CUTSCENE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(VENDOR), "COLUMNS": "160"}

    async def generate(link: str, **more: str) -> tuple[int, str]:
        command = ("generate", "waves", "--image", link, "--no-wait", "--provider", "scripted")
        changed = {**os.environ, **environment, **more}
        result = await asyncio.to_thread(run, *command, environment=changed, folder=tmp_path)
        return result.returncode, result.stdout + result.stderr

    code, printed = await generate(shelf.link("still.png"), CUTSCENE_ALLOW_PRIVATE_URLS="1")
    assert (code, shelf.asked) == (0, ["still.png"])
    assert "job_" in printed
    code, printed = await generate(shelf.link("still.png").replace("http:", "https:"))
    assert code == 1
    assert "Error: The picture cannot be fetched, since the link leads to 127.0.0.1, whose" in printed
    assert "secret" not in printed
