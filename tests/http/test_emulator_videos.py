"""The emulator's `/v1/videos`: as strict as the protocol's servers, and as unreliable as asked."""

from __future__ import annotations

import asyncio
import base64
import io
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image

from cutscene.emulator import Behaviour, Emulator
from cutscene.media.probe import probe

pytestmark = pytest.mark.anyio

SMALL: dict[str, Any] = {"model": "engine-1", "size": "320x192", "seconds": "1"}
Answer = tuple[int, Any]


@dataclass
class Client:
    emulator: Emulator
    session: aiohttp.ClientSession

    async def call(self, method: str, path: str, **more: Any) -> Answer:
        async with self.session.request(method, self.emulator.url + path, **more) as response:
            is_json = response.content_type == "application/json"
            return response.status, await response.json() if is_json else await response.read()

    async def create(self, prompt: str, /, **fields: Any) -> Answer:
        return await self.call("POST", "/v1/videos", json={"prompt": prompt, **SMALL, **fields})

    async def post_form(self, fields: dict[str, Any]) -> Answer:
        form = aiohttp.FormData(default_to_multipart=True)
        for name, value in fields.items():
            if isinstance(value, bytes):
                form.add_field(name, value, filename="a.png", content_type="image/png")
            else:
                form.add_field(name, value)
        return await self.call("POST", "/v1/videos", data=form)

    async def end(self, video: str) -> dict[str, Any]:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            _, body = await self.call("GET", f"/v1/videos/{video}")
            if body["status"] in ("completed", "failed"):
                assert isinstance(body, dict)
                return body
            await asyncio.sleep(0.05)
        raise AssertionError("it does not end")


@pytest.fixture
async def client(footage_folder: Path) -> AsyncGenerator[Client, None]:
    async with Emulator(Behaviour(seconds=0.1, footage=footage_folder)) as emulator:
        key = {"Authorization": f"Bearer {emulator.key}"}
        async with aiohttp.ClientSession(headers=key) as session:
            yield Client(emulator, session)


def png(width: int = 320, height: int = 192) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(drawn, "PNG")
    return drawn.getvalue()


def uri(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


async def test_from_a_creation_to_its_content(client: Client, tmp_path: Path) -> None:
    status, video = await client.create("sea", seconds=2)  # an engine takes a number, too
    assert status == 200
    assert video["id"].startswith("video_")
    assert {name: video[name] for name in ("object", "status", "progress", "seconds", "size", "error")} == {
        "object": "video",
        "status": "queued",
        "progress": 0,
        "seconds": "2",
        "size": "320x192",
        "error": None,
    }
    ended = await client.end(video["id"])
    assert (ended["status"], ended["progress"]) == ("completed", 100)
    assert ended["expires_at"] > ended["completed_at"] >= ended["created_at"]
    status, content = await client.call("GET", f"/v1/videos/{video['id']}/content")
    (tmp_path / "clip.mp4").write_bytes(content)
    facts = probe(tmp_path / "clip.mp4")
    assert (status, facts.width, facts.height, facts.frames) == (200, 320, 192, 48)
    part = await client.call("GET", f"/v1/videos/{video['id']}/content", headers={"Range": "bytes=8-15"})
    assert part == (206, content[8:16])
    (seen,) = client.emulator.state()["tasks"]
    assert (seen["flavor"], seen["downloads"], seen["charged"]) == ("videos", 2, 0)


async def test_what_it_costs_goes_by_size_and_seconds(client: Client) -> None:
    for model, size, seconds in (("sora-2", "720x1280", "8"), ("sora-2-pro", "1792x1024", "4")):
        await client.create("sea [never]", model=model, size=size, seconds=seconds)
    assert [task["charged"] for task in client.emulator.state()["tasks"]] == [80, 200]


@pytest.mark.parametrize("kind", ["file", "nested", "json"])
async def test_a_picture_comes_in_three_ways(client: Client, kind: str) -> None:
    fields = {"prompt": "sea", **SMALL}
    match kind:
        case "file":
            status, video = await client.post_form({**fields, "input_reference": png()})
        case "nested":
            status, video = await client.post_form({**fields, "input_reference[image_url]": uri(png())})
        case _:
            status, video = await client.create("sea", input_reference={"image_url": uri(png())})
    assert status == 200, video
    assert (await client.end(video["id"]))["status"] == "completed"


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"prompt": ""}, "prompt", "invalid_value"),
        ({"prompt": 3}, "prompt", "invalid_value"),
        ({"prompt": "x" * 32_001}, "prompt", "invalid_value"),
        ({"model": "sora-9"}, "model", "model_not_found"),
        ({"model": None}, "model", "model_not_found"),
        ({"model": "sora-2"}, "seconds", "invalid_value"),
        ({"model": "sora-2", "seconds": 4}, "seconds", "invalid_type"),
        ({"model": "sora-2", "seconds": "4"}, "size", "invalid_value"),
        ({"model": "sora-2", "seconds": "4", "seed": 1}, "seed", "unknown_parameter"),
        ({"seconds": "21"}, "seconds", "invalid_value"),
        ({"seconds": True}, "seconds", "invalid_type"),
        ({"size": "321x192"}, "size", "invalid_value"),
        ({"size": 3}, "size", "invalid_value"),
        ({"seed": "x"}, "seed", "invalid_value"),
        ({"duration": 4}, "duration", "unknown_parameter"),
        ({"input_reference": "https://x.example/a.png"}, "input_reference", "invalid_value"),
        ({"input_reference": {"image_url": "https://x.example/a.png"}}, "input_reference", "invalid_value"),
        ({"input_reference": {"image_url": uri(b"no picture")}}, "input_reference", "invalid_value"),
        ({"input_reference": {"image_url": "data:image/png;base64,?"}}, "input_reference", "invalid_value"),
        ({"input_reference": {"file_id": "file_1"}}, "input_reference", "invalid_value"),
    ],
)
async def test_what_is_wrong_is_named(client: Client, fields: Any, param: str, code: str) -> None:
    status, body = await client.create("sea", **fields)
    assert status == (404 if code == "model_not_found" else 400)
    error = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)
    assert client.emulator.state()["creations"] == 0


async def test_pictures_of_another_size_are_refused(client: Client) -> None:
    fields = {"prompt": "sea", "model": "sora-2", "size": "1280x720", "input_reference": png()}
    status, body = await client.post_form(fields)
    assert (status, body["error"]["param"]) == (400, "input_reference")
    assert client.emulator.state()["refused"][0]["prompt"] == "sea"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("text/plain", b"sea"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nrubbish"),
        ("multipart/form-data; boundary=x", b""),
    ],
)
async def test_rubbish_is_refused_in_the_protocols_words(
    client: Client, content_type: str, body: bytes
) -> None:
    headers = {"Content-Type": content_type}
    status, answer = await client.call("POST", "/v1/videos", data=io.BytesIO(body), headers=headers)
    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/videos/video_none", 404, "not_found"),
        ("DELETE", "/v1/videos/video_none", 404, "not_found"),
        ("GET", "/v1/videos/video_none/content", 404, "not_found"),
        ("GET", "/v1/videos?limit=0", 400, "invalid_value"),
        ("PUT", "/v1/videos", 405, "method_not_supported"),
        ("GET", "/v1/videos/a/b/c", 404, "unknown_url"),
    ],
)
async def test_wrong_paths(client: Client, method: str, path: str, status: int, code: str) -> None:
    found, body = await client.call(method, path)
    assert (found, body["error"]["code"]) == (status, code)


@pytest.mark.parametrize("path", ["", "/video_none", "/video_none/content"])
async def test_nothing_without_the_key(client: Client, path: str) -> None:
    status, body = await client.call("GET", f"/v1/videos{path}", headers={"Authorization": "Bearer no"})
    assert (status, body["error"]["code"]) == (401, "invalid_api_key")


async def test_the_list_has_the_latest_first_in_pages(client: Client) -> None:
    ids = [(await client.create(f"sea {number} [never]"))[1]["id"] for number in range(3)]
    _, page = await client.call("GET", "/v1/videos?limit=2")
    assert ([video["id"] for video in page["data"]], page["has_more"]) == (ids[:0:-1], True)
    _, page = await client.call("GET", f"/v1/videos?limit=2&after={page['last_id']}")
    assert ([video["id"] for video in page["data"]], page["has_more"]) == (ids[:1], False)


async def test_what_is_deleted_is_gone(client: Client) -> None:
    _, video = await client.create("sea [never]")
    status, body = await client.call("DELETE", f"/v1/videos/{video['id']}")
    assert (status, body) == (200, {"id": video["id"], "object": "video.deleted", "deleted": True})
    assert (await client.call("GET", f"/v1/videos/{video['id']}"))[0] == 404
    assert client.emulator.state()["tasks"][0]["status"] == "CANCELLED"


async def test_the_protocols_do_not_see_each_others_tasks(client: Client) -> None:
    _, other = await client.call(
        "POST",
        "/v1/generations",
        json={"prompt_text": "sea [never]", "duration": 4, "aspect_ratio": "16:9"},
    )
    assert (await client.call("GET", f"/v1/videos/{other['id']}"))[0] == 404
    assert (await client.call("GET", "/v1/videos"))[1]["data"] == []


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ("[fail]", "video_generation_failed"),
        ("[fail:INTERNAL]", "server_error"),
        ("[fail:gpu_lost]", "gpu_lost"),
        ("[moderated]", "moderation_blocked"),
        ("[cancelled]", "cancelled"),
    ],
)
async def test_failures_by_tag(client: Client, tags: str, code: str) -> None:
    _, video = await client.create(f"sea {tags}")
    ended = await client.end(video["id"])
    assert (ended["status"], ended["error"]["code"]) == ("failed", code)
    assert (await client.call("GET", f"/v1/videos/{video['id']}/content"))[0] == 404


@pytest.mark.parametrize(
    ("tags", "status", "code"),
    [
        ("[busy]", 429, "rate_limit_exceeded"),
        ("[daily]", 429, "rate_limit_exceeded"),
        ("[no-credits]", 429, "insufficient_quota"),
        ("[create-error:502]", 502, "server_error"),
    ],
)
async def test_refusals_by_tag(client: Client, tags: str, status: int, code: str) -> None:
    found, body = await client.create(f"sea {tags}")
    assert (found, body["error"]["code"]) == (status, code)


async def test_cut_off_accepted_or_not(client: Client) -> None:
    for tags, creations in (("[drop]", 0), ("[drop-after-accept]", 1)):
        with pytest.raises(aiohttp.ClientError):
            await client.create(f"sea {tags}")
        assert client.emulator.state()["creations"] == creations


async def test_looks_and_content_go_wrong_by_tag(client: Client) -> None:
    _, video = await client.create("sea [error:503x1] [odd-status] [expire]")
    path = f"/v1/videos/{video['id']}"
    assert (await client.call("GET", path))[0] == 503
    assert (await client.call("GET", path))[1]["status"] == "preparing"
    await client.end(video["id"])
    assert [(await client.call("GET", f"{path}/content"))[0] for _ in range(2)] == [404, 200]
    assert (await client.call("GET", f"{path}/content?variant=thumbnail"))[0] == 400
