"""The emulator over HTTP: both protocols, every fault, and what it keeps account of."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from cutscene.cli.emulator import emulator as command
from cutscene.emulator import Behaviour, Emulator
from cutscene.media.probe import Facts, probe

pytestmark = pytest.mark.anyio

SMALL = "[size:160x90][length:0.5]"
"""A clip that is rendered in no time."""
VERSION = {"X-Runway-Version": "2024-11-06"}
GENERATION = {"duration": 4, "aspect_ratio": "16:9"}

Answer = tuple[int, Any]


@dataclass
class Client:
    emulator: Emulator
    session: aiohttp.ClientSession
    folder: Path

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        """Status and JSON."""
        url = path if path.startswith("http") else self.emulator.url + path
        if body is not None:
            more["data"] = io.BytesIO(json.dumps(body).encode())
        async with self.session.request(method, url, **more) as response:
            content = await response.read()
            is_json = response.content_type == "application/json" and content
            return response.status, await response.json() if is_json else content

    async def ask(self, prompt: str, **more: Any) -> Answer:
        """A creation of today's API."""
        body = {"model": "gen4.5", "promptText": prompt, "ratio": "1280:720", "duration": 2, **more}
        return await self.call("POST", "/v1/text_to_video", body)

    async def create(self, prompt: str, **more: Any) -> str:
        status, body = await self.ask(prompt, **more)
        assert status == 200, body
        return str(body["id"])

    async def generate(self, prompt: str, **more: Any) -> Answer:
        return await self.call("POST", "/v1/generations", {"prompt_text": prompt, **GENERATION, **more})

    async def look(self, task_id: str, kind: str = "tasks") -> Any:
        status, body = await self.call("GET", f"/v1/{kind}/{task_id}")
        assert status == 200, body
        return body

    async def until(self, task_id: str, *statuses: str, kind: str = "tasks") -> Any:
        async with asyncio.timeout(20):
            while (body := await self.look(task_id, kind))["status"] not in statuses:
                await asyncio.sleep(0.01)
        return body

    async def ended(self, task_id: str, kind: str = "tasks") -> Any:
        return await self.until(task_id, "SUCCEEDED", "FAILED", "CANCELLED", kind=kind)

    async def link(self, prompt: str) -> str:
        """To the clip of a task that has succeeded."""
        body = await self.ended(await self.create(f"{prompt} {SMALL}"))
        return str(body["output"][0])

    async def fetch(self, link: str) -> Facts:
        async with self.session.get(link) as response:
            assert response.status == 200
            assert response.content_type == "video/mp4"
            path = self.folder / "clip.mp4"
            path.write_bytes(await response.read())
        return probe(path)

    @property
    def record(self) -> Any:
        """Of the newest task."""
        return self.emulator.state()["tasks"][-1]


Open = Callable[..., Awaitable[Client]]


@pytest.fixture
async def open_client(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Open, None]:
    """Any emulator, and a client of it; clips are shared by all tests."""
    footage = tmp_path_factory.getbasetemp() / "emulated-footage"

    async def opened(tell: Callable[[str], None] = lambda _: None, **settings: Any) -> Client:
        behaviour = Behaviour(**{"seconds": 0.1, "footage": footage, **settings})
        emulator = await stack.enter_async_context(Emulator(behaviour, tell=tell))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {emulator.key}", **VERSION})
        )
        return Client(emulator, session, tmp_path)

    async with AsyncExitStack() as stack:
        yield opened


@pytest.fixture
async def client(open_client: Open) -> Client:
    return await open_client()


def picture(width: int = 320, height: int = 180, colour: str = "red", kind: str = "PNG") -> str:
    """Base64."""
    stream = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(stream, kind)
    return base64.b64encode(stream.getvalue()).decode()


def data_uri(width: int = 320, height: int = 180, colour: str = "red") -> str:
    return f"data:image/png;base64,{picture(width, height, colour)}"


async def test_a_text_becomes_a_clip(client: Client) -> None:
    status, created = await client.ask("A castle at dawn")
    assert status == 200
    assert created.keys() == {"id", "estimatedCost"}
    assert created["estimatedCost"] == {"credits": 24}

    first = await client.look(created["id"])
    assert first["status"] in ("PENDING", "RUNNING")
    assert first["estimatedCost"] == {"credits": 24}
    assert first["createdAt"].endswith("Z")
    running = await client.until(created["id"], "RUNNING")
    assert running.keys() == {"id", "status", "createdAt", "estimatedCost", "progress"}
    assert 0 <= running["progress"] < 1

    done = await client.ended(created["id"])
    assert done.keys() == {"id", "status", "createdAt", "cost", "output"}
    assert done["cost"] == {"credits": 24}
    facts = await client.fetch(done["output"][0])
    assert (facts.width, facts.height, facts.fps, facts.frames) == (1280, 720, 24, 48)


async def test_a_picture_is_what_moves(client: Client) -> None:
    body = {"model": "gen4_turbo", "promptImage": data_uri(), "ratio": "720:1280", "duration": 2}
    status, created = await client.call("POST", "/v1/image_to_video", {**body, "promptText": "[length:0.5]"})
    assert (status, created["estimatedCost"]["credits"]) == (200, 10)
    done = await client.ended(created["id"])
    facts = await client.fetch(done["output"][0])
    assert (facts.width, facts.height, facts.frames) == (720, 1280, 12)
    assert redness(client.folder / "clip.mp4") > 60


def redness(path: Path) -> float:
    """How much more red than blue there is in the first frame."""
    with av.open(str(path), "r", format="mp4") as container:
        frame = next(container.decode(container.streams.video[0])).to_ndarray(format="rgb24")
    return float(np.mean(frame[..., 0]) - np.mean(frame[..., 2]))


async def test_a_generation_becomes_a_clip(client: Client) -> None:
    status, created = await client.generate("A castle [length:0.5]", prompt_image=picture(), seed=7)
    assert (status, created["status"]) == (200, "PENDING")
    done = await client.ended(created["id"], "generations")
    assert done == {
        "id": created["id"],
        "status": "SUCCEEDED",
        "output": [{"url": done["output"][0]["url"]}],
        "credits_used": 40,
    }
    facts = await client.fetch(done["output"][0]["url"])
    assert (facts.width, facts.height, facts.fps) == (1280, 768, 24)
    assert client.record["model"] == "gen3a"


async def test_a_video_becomes_another(client: Client) -> None:
    link = await client.link("A source [length:2.5]")
    async with client.session.get(link) as response:
        video = base64.b64encode(await response.read()).decode()
    short = {"model": "aleph2", "videoUri": f"data:video/mp4;base64,{video}", "promptText": "[length:0.5]"}
    status, body = await client.call("POST", "/v1/video_to_video", short)
    assert (status, body["issues"][0]["message"]) == (400, "Asset duration must be at least 2 seconds.")

    link = (await client.ended(await client.create("A source [size:160x90][length:2.5]")))["output"][0]
    async with client.session.get(link) as response:
        video = base64.b64encode(await response.read()).decode()
    status, body = await client.call(
        "POST", "/v1/video_to_video", {**short, "videoUri": f"data:video/mp4;base64,{video}"}
    )
    assert (status, body["estimatedCost"]["credits"]) == (200, 56)
    done = await client.ended(body["id"])
    assert (await client.fetch(done["output"][0])).width == 160


async def test_equal_clips_are_rendered_once(open_client: Open, tmp_path: Path) -> None:
    folder = tmp_path / "footage"
    one, two = await open_client(footage=folder), await open_client(footage=folder)
    links = await asyncio.gather(one.link("same [slow:0]"), one.link("same [charge:1]"))
    hashes = [(await one.fetch(link)).sha256 for link in links]
    hashes.append((await two.fetch(await two.link("same"))).sha256)
    assert len(set(hashes)) == 1
    assert [path.suffix for path in folder.iterdir()] == [".mp4"]


async def test_a_folder_of_its_own_is_removed() -> None:
    async with Emulator(Behaviour(seconds=0)) as emulator:
        folder = emulator._open_vendor()._footage._folder
        assert folder.is_dir()
    assert not folder.exists()
    with pytest.raises(RuntimeError, match="async with"):
        Emulator().state()


@pytest.mark.parametrize("path", ["/v1/organization", "/v1/tasks/x", "/v1/generations/x"])
@pytest.mark.parametrize("key", [None, "", "Bearer", "Bearer key_0", "Basic abc", "Bearer \xe9"])
async def test_a_key_is_asked_for(client: Client, path: str, key: str | None) -> None:
    headers = {**VERSION, **({"Authorization": key} if key is not None else {})}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(client.emulator.url + path) as response,
    ):
        assert response.status == 401
        assert (await response.json())["error"]


async def test_todays_api_asks_for_its_version(client: Client) -> None:
    key = {"Authorization": f"Bearer {client.emulator.key}"}
    async with aiohttp.ClientSession(headers=key) as session:
        for headers in ({}, {"X-Runway-Version": "2024-09-13"}):
            url = f"{client.emulator.url}/v1/tasks/x"
            async with session.get(url, headers=headers) as response:
                assert response.status == 400
                assert "X-Runway-Version" in (await response.json())["error"]
        async with session.get(f"{client.emulator.url}/v1/generations/x") as response:
            assert response.status == 404


async def test_what_is_not_there_is_told_in_json(client: Client) -> None:
    assert (await client.call("GET", "/v1/nothing"))[0] == 404
    assert (await client.call("POST", "/v1/tasks/x/cancel"))[1]["error"]
    assert (await client.call("PUT", "/v1/organization"))[0] == 405
    assert await client.call("GET", "/v1/tasks/x") == (404, {"error": "Could not find Task"})
    assert (await client.call("DELETE", "/v1/tasks/x"))[0] == 404
    status, body = await client.call("GET", "/v1/generations/x")
    assert (status, body["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'{"seed": NaN}', b"[" * 100_000])
@pytest.mark.parametrize("path", ["/v1/text_to_video", "/v1/generations"])
async def test_a_body_is_json(client: Client, path: str, data: bytes) -> None:
    status, body = await client.call("POST", path, data=data)
    assert status == 400
    assert body["error"]


async def test_a_huge_body_is_refused(client: Client) -> None:
    with contextlib.suppress(aiohttp.ClientConnectionError):  # it may be cut off before all was sent
        status, _ = await client.call("POST", "/v1/text_to_video", data=io.BytesIO(bytes(64 * 2**20 + 1)))
        assert status == 413
    assert client.emulator.state()["refused"][-1]["status"] == 413


async def test_a_wrong_body_is_refused_with_all_its_issues(client: Client) -> None:
    status, body = await client.ask("x", ratio="16:9", duration=99, loop=True)
    assert (status, body["error"]) == (400, "Validation of body failed")
    assert [issue["code"] for issue in body["issues"]] == [
        "invalid_enum_value",
        "too_big",
        "unrecognized_keys",
    ]
    assert body["issues"][2]["keys"] == ["loop"]
    status, body = await client.ask("x", model="gen3a_turbo")
    assert status == 400
    assert "gen4.5" in body["issues"][0]["options"]
    status, body = await client.generate("x", loop=True, duration=5)
    assert (status, body["error"]["code"]) == (422, "invalid_request")
    assert "loop" in body["error"]["message"]
    assert "duration" in body["error"]["message"]
    assert [refused["prompt"] for refused in client.emulator.state()["refused"]] == ["x", "x", "x"]
    assert client.emulator.state()["creations"] == 0


async def still(client: Client, image: Any, **more: Any) -> Answer:
    body = {"model": "gen4_turbo", "promptImage": image, "ratio": "1280:720", "duration": 2, **more}
    return await client.call("POST", "/v1/image_to_video", {**body, "promptText": f"[fail] {SMALL}"})


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("https://media.example.com/a.png", "Failed to fetch asset. "),
        ("runway://0123", "Failed to fetch asset. "),
        ("data:image/png;base64,!", "base64"),
        ("data:image/png;base64,AAAA", "could not be decoded"),
        (data_uri(100, 216), "width / height ratio must be at least 0.5. Got 0.463."),
        (data_uri(220, 100), "width / height ratio must be at most 2. Got 2.200."),
        (data_uri(8002, 4001), "at most 8000 pixels"),
    ],
)
async def test_a_picture_that_cannot_be_used_is_refused(client: Client, image: str, said: str) -> None:
    status, body = await still(client, image)
    [issue] = body["issues"]
    assert (status, issue["code"], issue["path"]) == (400, "custom", ["promptImage"])
    assert said in issue["message"]
    status, body = await still(client, [{"position": "first", "uri": image}], seed="x")
    assert [issue["path"] for issue in body["issues"]] == [["seed"], ["promptImage", 0, "uri"]]


async def test_a_data_uri_has_5_megabytes_at_most(client: Client) -> None:
    filler = "A" * (5 * 2**20 + 1)
    assert (await still(client, f"data:image/png;base64,{filler}"))[0] == 413
    data = base64.b64decode(picture()) + bytes(3_500_000)
    encoded = base64.b64encode(data).decode()
    assert (await still(client, f"data:image/png;base64,{encoded}"))[0] == 200


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (3, "must be a string"),
        (data_uri(), "leave out the data: prefix"),
        ("!", "valid base64"),
        ("AAAA", "could not be decoded"),
    ],
)
async def test_a_generation_takes_plain_base64(client: Client, image: Any, said: str) -> None:
    status, body = await client.generate("x", prompt_image=image)
    assert status == 422
    assert said in body["error"]["message"]


async def test_a_busy_model_throttles_in_the_order_of_arrival(open_client: Open) -> None:
    client = await open_client(concurrency=2, seconds=0.4)
    tasks = [await client.create(f"[fail] {number}") for number in range(5)]
    statuses = [task["status"] for task in client.emulator.state()["tasks"]]
    assert set(statuses[:2]) <= {"PENDING", "RUNNING"}
    assert statuses[2:] == ["THROTTLED"] * 3
    other = await client.call(
        "POST", "/v1/image_to_video",
        {"model": "gen4_turbo", "promptImage": data_uri(), "ratio": "1280:720", "promptText": "[fail]"},
    )  # fmt: skip
    assert (await client.look(other[1]["id"]))["status"] != "THROTTLED"
    for task in tasks:
        await client.ended(task)
    records = client.emulator.state()["tasks"][:5]
    starts = [record["started_at"] for record in records]
    assert starts == sorted(starts)
    assert starts[2] >= min(record["ended_at"] for record in records)
    assert client.emulator.state()["most_in_flight"] == 6
    assert client.emulator.state()["in_flight"] == 0


async def test_credits_run_out(open_client: Open) -> None:
    client = await open_client(credits=70)
    assert (await client.ask("[fail] [charge:24]"))[0] == 200
    assert (await client.generate("[fail] [charge:40]"))[0] == 200
    status, body = await client.ask("x")
    assert (status, body["error"]) == (400, "You do not have enough credits to run this task.")
    assert body["docUrl"]
    status, body = await client.generate("x")
    assert (status, body["error"]["code"]) == (402, "insufficient_credits")
    state = client.emulator.state()
    assert (state["balance"], state["charged"], state["creations"]) == (6, 64, 2)
    assert [refused["status"] for refused in state["refused"]] == [400, 402]


async def test_a_day_has_its_cap_per_model(open_client: Open) -> None:
    client = await open_client(daily_cap=1)
    await client.create("[fail]")
    status, body = await client.ask("x")
    assert (status, body["error"]) == (429, "Your daily task limit has been reached.")
    assert (await client.generate("[fail]"))[0] == 200
    status, body = await client.generate("x")
    assert (status, body["error"]["code"]) == (429, "daily_limit")


@pytest.mark.parametrize(
    ("tags", "status", "failure_code", "charged"),
    [
        ("", "SUCCEEDED", None, 24),
        ("[moderated]", "FAILED", "SAFETY.INPUT.TEXT", 24),
        ("[moderated:output]", "FAILED", "SAFETY.OUTPUT.VIDEO", 24),
        ("[fail]", "FAILED", "INTERNAL.BAD_OUTPUT.CODE01", 0),
        ("[fail:THIRD_PARTY.UNAVAILABLE]", "FAILED", "THIRD_PARTY.UNAVAILABLE", 0),
        ("[fail:INPUT_PREPROCESSING.SAFETY.TEXT]", "FAILED", "INPUT_PREPROCESSING.SAFETY.TEXT", 24),
        ("[cancelled]", "CANCELLED", None, 0),
        ("[charge:5]", "SUCCEEDED", None, 5),
        ("[fail][charge:5]", "FAILED", "INTERNAL.BAD_OUTPUT.CODE01", 5),
        ("[moderated][charge:0]", "FAILED", "SAFETY.INPUT.TEXT", 0),
    ],
)
async def test_every_end_has_its_price(
    client: Client, tags: str, status: str, failure_code: str | None, charged: int
) -> None:
    body = await client.ended(await client.create(f"{tags} {SMALL}"))
    assert (body["status"], body["cost"]["credits"]) == (status, charged)
    assert body.get("failureCode") == failure_code
    assert bool(body.get("failure")) == (status == "FAILED")
    state = client.emulator.state()
    assert (state["balance"], state["charged"]) == (10_000 - charged, charged)
    assert client.record["failure_code"] == failure_code


async def test_a_generation_ends_in_its_own_words(client: Client) -> None:
    _, created = await client.generate("[moderated]")
    body = await client.ended(created["id"], "generations")
    assert (body["failure_code"], body["credits_used"]) == ("SAFETY.INPUT.TEXT", 40)
    assert body["failure"]
    _, created = await client.generate("[cancelled][silent]")
    body = await client.ended(created["id"], "generations")
    assert body == {"id": created["id"], "status": "CANCELLED"}
    _, created = await client.generate(f"[silent] {SMALL}")
    assert "credits_used" not in await client.ended(created["id"], "generations")


async def test_what_waits_is_cancelled_for_free(client: Client) -> None:
    task = await client.create("[throttle:5]")
    assert (await client.look(task))["status"] == "THROTTLED"
    assert await client.call("DELETE", f"/v1/tasks/{task}") == (204, b"")
    assert await client.call("GET", f"/v1/tasks/{task}") == (404, {"error": "Could not find Task"})
    assert (await client.call("DELETE", f"/v1/tasks/{task}"))[0] == 404
    record = client.record
    assert (record["status"], record["charged"]) == ("CANCELLED", 0)
    assert record["cancelled"]
    assert record["deleted"]

    task = await client.create("[slow:9]")
    assert (await client.look(task))["status"] == "PENDING"
    await client.call("DELETE", f"/v1/tasks/{task}")
    assert client.record["charged"] == 0


async def test_what_runs_is_cancelled_but_paid(open_client: Open) -> None:
    client = await open_client(concurrency=1)
    task = await client.create("[never]")
    await client.until(task, "RUNNING")
    assert (await client.call("DELETE", f"/v1/tasks/{task}"))[0] == 204
    assert (client.record["status"], client.record["charged"]) == ("CANCELLED", 24)
    assert client.record["ended_at"] is not None
    await client.ended(await client.create("[fail] its place is free again"))


async def test_what_is_done_is_deleted_with_its_clip(client: Client) -> None:
    link = await client.link("to be deleted")
    assert (await client.call("GET", link))[0] == 200
    task = client.record["id"]
    assert (await client.call("DELETE", f"/v1/tasks/{task}"))[0] == 204
    assert (await client.call("GET", link))[0] == 404
    assert (client.record["status"], client.record["charged"]) == ("SUCCEEDED", 24)


async def test_a_generation_cannot_be_deleted(client: Client) -> None:
    _, created = await client.generate("[cancelled]")
    status, body = await client.call("DELETE", f"/v1/generations/{created['id']}")
    assert (status, body["error"]["code"]) == (405, "method_not_allowed")
    await client.ended(created["id"], "generations")
    assert client.record["cancelled"]
    assert not client.record["deleted"]
    assert client.record["charged"] == 0
    assert (await client.call("DELETE", "/v1/generations/x"))[0] == 405


async def test_busy_and_other_refusals(client: Client) -> None:
    for ask in (client.ask, client.generate):
        prompt = f"[busy:2] [fail] {ask.__name__}"
        url, answers = client.emulator.url, [await ask(prompt) for _ in range(3)]
        assert answers[:2] == [(429, {"message": "Too Many Requests"})] * 2
        assert answers[2][0] == 200
        assert [(await ask("[busy]"))[0] for _ in range(4)] == [429] * 4
        assert (await ask("[daily]"))[0] == 429
        prompt = f"[create-error:502x2] [fail] {ask.__name__}"
        assert [(await ask(prompt))[0] for _ in range(3)] == [502, 502, 200]
    assert (await client.ask("[no-credits]"))[0] == 400
    assert (await client.generate("[no-credits]"))[0] == 402
    body = {"prompt_text": "[busy]", **GENERATION}
    async with client.session.post(f"{url}/v1/generations", json=body) as response:
        assert response.headers["Retry-After"] == "1"
    state = client.emulator.state()
    assert state["creations"] == 4
    assert {refused["error"] for refused in state["refused"]} >= {"Too Many Requests", "Bad Gateway"}


async def test_dropped_creations(client: Client) -> None:
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.ask("[drop] [fail]")
    state = client.emulator.state()
    assert (state["creations"], state["balance"]) == (0, 10_000)
    [refused] = state["refused"]
    assert (refused["status"], refused["prompt"]) == (None, "[drop] [fail]")
    assert (await client.ask("[drop] [fail]"))[0] == 200

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.generate("[drop-after-accept] [fail]")
    assert client.emulator.state()["creations"] == 2
    assert len(client.emulator.state()["refused"]) == 1
    assert client.record["prompt"] == "[drop-after-accept] [fail]"
    assert (await client.generate("[drop-after-accept] [fail]"))[0] == 200


async def test_a_slow_answer_to_what_was_accepted_at_once(client: Client) -> None:
    asking = asyncio.create_task(client.ask("[slow-accept:0.6] [fail]"))
    await asyncio.sleep(0.15)
    assert client.emulator.state()["creations"] == 1
    assert not asking.done()
    assert (await asking)[0] == 200


async def test_time_as_asked(client: Client) -> None:
    await client.ended(await client.create("[slow:0.4] [fail]"))
    assert 0.39 <= client.record["ended_at"] - client.record["created_at"] < 5
    await client.ended(await client.create("[throttle:0.3] [fail]"))
    assert client.record["started_at"] - client.record["created_at"] >= 0.29


async def test_a_failure_that_happens_once(client: Client) -> None:
    prompt = f"[fail-once:INTERNAL] {SMALL}"
    codes = [(await client.ended(await client.create(prompt))).get("failureCode") for _ in range(2)]
    assert codes == ["INTERNAL", None]


async def test_a_status_that_nobody_has_heard_of(client: Client) -> None:
    for create, kind in ((client.ask, "tasks"), (client.generate, "generations")):
        _, created = await create(f"[odd-status:2] [fail] {kind}")
        seen = [(await client.look(created["id"], kind))["status"] for _ in range(3)]
        assert seen[:2] == ["PREPARING"] * 2
        assert seen[2] != "PREPARING"


async def test_looks_that_fail(client: Client) -> None:
    """The client (aiohttp) asks once more by itself where a GET was cut: two cuts make one error."""
    for create, kind in ((client.ask, "tasks"), (client.generate, "generations")):
        _, created = await create(f"[poll-drop:2][poll-busy:1][error:504x2][fail] {kind}")
        path = f"/v1/{kind}/{created['id']}"
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await client.call("GET", path)
        assert [(await client.call("GET", path))[0] for _ in range(4)] == [429, 504, 504, 200]
        assert client.record["looks"] == 6


async def test_a_clip_comes_whole_and_in_parts(client: Client) -> None:
    link = await client.link("in parts")
    get = client.session.get
    async with get(link) as response:
        whole, etag = await response.read(), response.headers["ETag"]
        assert response.headers["Accept-Ranges"] == "bytes"
        assert response.content_length == len(whole)
    async with client.session.head(link) as response:
        assert (response.status, response.content_length) == (200, len(whole))
    async with get(link, headers={"Range": "bytes=100-", "If-Range": etag}) as response:
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes 100-{len(whole) - 1}/{len(whole)}"
        assert await response.read() == whole[100:]
    async with get(link, headers={"Range": "bytes=100-", "If-Range": '"other"'}) as response:
        assert (response.status, await response.read()) == (200, whole)
    async with get(link, headers={"Range": f"bytes={len(whole)}-"}) as response:
        assert (response.status, response.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")
    assert client.record["downloads"] == 4


async def test_a_link_needs_no_key_but_its_token(client: Client) -> None:
    link = await client.link("signed")
    again = (await client.look(client.record["id"]))["output"][0]
    assert again != link
    async with aiohttp.ClientSession() as session:
        for url, status in ((link, 200), (again, 200), (link[:-1], 403), (link.partition("?")[0], 403)):
            async with session.get(url) as response:
                assert response.status == status
        async with session.get(f"{client.emulator.url}/emulator/footage/x.mp4") as response:
            assert response.status == 404


async def test_links_expire(open_client: Open) -> None:
    client = await open_client(link_life=0.5)
    link = await client.link("short-lived")
    assert (await client.call("GET", link))[0] == 200
    await asyncio.sleep(0.55)
    assert (await client.call("GET", link))[0] == 403
    link = (await client.look(client.record["id"]))["output"][0]
    assert (await client.call("GET", link))[0] == 200


async def test_a_first_link_that_has_expired(client: Client) -> None:
    link = await client.link("[expire]")
    assert (await client.call("GET", link))[0] == 403
    link = (await client.look(client.record["id"]))["output"][0]
    assert (await client.call("GET", link))[0] == 200


async def drain(response: aiohttp.ClientResponse, received: bytearray) -> None:
    async for chunk in response.content.iter_any():
        received += chunk


async def test_a_download_that_breaks_off(client: Client) -> None:
    link, received = await client.link("[truncate]"), bytearray()
    async with client.session.get(link) as response:
        size, etag = response.content_length or 0, response.headers["ETag"]
        with pytest.raises(aiohttp.ClientPayloadError):
            await drain(response, received)
    assert 0 < len(received) <= size // 2
    headers = {"Range": f"bytes={len(received)}-", "If-Range": etag}
    async with client.session.get(link, headers=headers) as response:
        assert response.status == 206
        await drain(response, received)
    assert len(received) == size
    facts = await client.fetch(link)
    assert (client.folder / "clip.mp4").read_bytes() == received
    assert facts.bytes == size


async def test_a_download_that_stops_halfway(client: Client) -> None:
    link, received = await client.link("[stall]"), bytearray()
    async with client.session.get(link) as response:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(drain(response, received), 0.2)
        assert 0 < len(received) < (response.content_length or 0)
    await client.fetch(link)


async def test_a_slow_download(client: Client) -> None:
    link, start = await client.link("[slow-download:0.3]"), time.monotonic()
    await client.fetch(link)
    assert 0.28 < time.monotonic() - start < 10


async def test_what_is_no_clip(client: Client) -> None:
    async with client.session.get(await client.link("[badfile]")) as response:
        assert response.content_type == "video/mp4"
        assert b"ftyp" not in (await response.read())[:100]
    async with client.session.get(await client.link("[html]")) as response:
        assert (response.status, response.content_type) == (200, "text/html")


async def test_another_size_and_length(client: Client) -> None:
    body = await client.ended(await client.create("[size:320x180] [length:0.25] [seamless]"))
    facts = await client.fetch(body["output"][0])
    assert (facts.width, facts.height, facts.frames) == (320, 180, 6)


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("fail", "INTERNAL.BAD_OUTPUT.CODE01"),
        ("moderated", "SAFETY.INPUT.TEXT"),
        ("busy", 429),
        ("drop", "cut"),
        ("drop-after-accept", "cut"),
        ("error", 503),
        ("truncate", "cut halfway"),
        ("expire", 403),
    ],
)
async def test_faults_by_chance(open_client: Open, name: str, seen: Any) -> None:
    client = await open_client(rates={name: 1.0}, seconds=0.0)
    for _ in range(2):  # every creation anew, though the prompt is the same
        assert await first_trouble(client) == seen


async def first_trouble(client: Client) -> Any:
    try:
        status, created = await client.ask(SMALL)
        if status != 200:
            return status
        path = f"/v1/tasks/{created['id']}"
        status, body = await client.call("GET", path)
        if status != 200:
            return status
        if body["status"] != "SUCCEEDED":  # else its first link would be lost
            body = await client.ended(created["id"])
        if body["status"] == "FAILED":
            return body["failureCode"]
        return (await client.call("GET", body["output"][0]))[0]
    except aiohttp.ServerDisconnectedError:
        return "cut"
    except aiohttp.ClientPayloadError:
        return "cut halfway"


async def test_an_upload_is_used(client: Client) -> None:
    uri = await upload(client, base64.b64decode(picture(kind="JPEG")) + bytes(512))
    status, created = await still(client, uri)
    assert status == 200, created
    uri = await upload(client, b"x" * 512)
    status, body = await still(client, uri)
    assert (status, "could not be decoded" in body["issues"][0]["message"]) == (400, True)


async def announce(client: Client, **body: Any) -> Answer:
    return await client.call("POST", "/v1/uploads", {"filename": "a.png", "type": "ephemeral", **body})


async def upload(client: Client, data: bytes) -> str:
    status, placeholder = await announce(client)
    assert status == 200
    assert (await send(placeholder, placeholder["fields"], data)) == 204
    return str(placeholder["runwayUri"])


async def send(placeholder: Any, fields: dict[str, str], data: bytes) -> int:
    form = aiohttp.FormData(fields)
    form.add_field("file", data, filename="a.png")
    async with (
        aiohttp.ClientSession() as session,
        session.post(placeholder["uploadUrl"], data=form) as response,
    ):
        return response.status


async def test_an_upload_that_is_not_as_announced_is_refused(client: Client) -> None:
    status, body = await announce(client, type="permanent")
    assert (status, body["issues"][0]["path"]) == (400, ["type"])
    _, placeholder = await announce(client)
    assert (await still(client, placeholder["runwayUri"]))[0] == 400
    fields = placeholder["fields"]
    assert await send(placeholder, {**fields, "policy": "x"}, b"x" * 512) == 403
    assert await send(placeholder, fields, b"x" * 511) == 400
    assert await send(placeholder, fields, b"x" * 512) == 204
    assert await send(placeholder, fields, b"x" * 512) == 404
    nowhere = {**placeholder, "uploadUrl": f"{client.emulator.url}/emulator/uploads/x"}
    assert await send(nowhere, fields, b"x" * 512) == 404


async def test_a_draft_is_enhanced(client: Client) -> None:
    draft = {"model": "seedance2_5", "promptText": f"A draft {SMALL}", "draft": True, "duration": 4}
    _, created = await client.call("POST", "/v1/text_to_video", draft)
    enhance = {"model": "seedance2_5", "draftTaskId": created["id"]}
    status, body = await client.call("POST", "/v1/text_to_video", enhance)
    assert (status, body["issues"][0]["path"]) == (400, ["draftTaskId"])
    assert (await client.ended(created["id"]))["cost"]["credits"] == 80
    status, created = await client.call("POST", "/v1/text_to_video", enhance)
    assert status == 200
    assert (await client.ended(created["id"]))["status"] == "SUCCEEDED"
    await client.call("DELETE", f"/v1/tasks/{enhance['draftTaskId']}")
    assert (await client.call("POST", "/v1/text_to_video", enhance))[0] == 400


async def test_the_organization_and_its_use(open_client: Open) -> None:
    client = await open_client(concurrency=3, daily_cap=50)
    await client.ended(await client.create("[fail][charge:20]"))
    status, body = await client.call("GET", "/v1/organization")
    assert (status, body["creditBalance"]) == (200, 9_980)
    limits = {"maxConcurrentGenerations": 3, "maxDailyGenerations": 50}
    assert body["tier"]["models"]["gen4.5"] == limits
    assert body["usage"]["models"]["gen4.5"] == {"dailyGenerations": 1}
    assert body["usage"]["models"]["aleph2"] == {"dailyGenerations": 0}
    status, body = await client.call("POST", "/v1/organization/usage", {})
    assert (status, body["models"], len(body["results"])) == (200, ["gen4.5"], 31)
    assert body["results"][-1]["usedCredits"] == [{"model": "gen4.5", "amount": 20}]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"startDate": "yesterday"}, ["startDate"]),
        ({"startDate": 3}, ["startDate"]),
        ({"startDate": "2026-01-01", "beforeDate": "2026-06-01"}, ["beforeDate"]),
        ({"startDate": "2026-01-02", "beforeDate": "2026-01-02"}, ["beforeDate"]),
        ({"since": "2026-01-02"}, []),
        ([], []),
    ],
)
async def test_usage_is_asked_for_by_days(client: Client, body: Any, path: list[str]) -> None:
    status, answer = await client.call("POST", "/v1/organization/usage", body)
    assert (status, answer["issues"][0]["path"]) == (400, path)


async def test_the_state_is_told_to_anyone(client: Client) -> None:
    await client.ended(await client.create(f"[slow:0.1] {SMALL}"))
    await client.ask("x", seed="x")
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{client.emulator.url}/emulator/state") as response,
    ):
        state = await response.json()
    assert state == client.emulator.state()
    [task] = state["tasks"]
    assert task["created_at"] < task["started_at"] < task["ended_at"] <= time.time()
    assert (task["flavor"], task["endpoint"], task["estimated"]) == ("tasks", "text_to_video", 24)
    assert task["prompt"] == f"[slow:0.1] {SMALL}"
    assert task["looks"] >= 1
    [refused] = state["refused"]
    assert "seed: Expected number" in refused["error"]


async def test_it_hangs_up_and_comes_back(client: Client) -> None:
    url = client.emulator.url
    task = await client.create("[slow:0.3] [fail]")
    waiting = asyncio.create_task(client.ask("[slow-accept:9] [never]"))
    await asyncio.sleep(0.05)
    await client.emulator.hang_up()
    await client.emulator.hang_up()
    with pytest.raises(aiohttp.ClientConnectionError):
        await waiting
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.look(task)
    await client.emulator.listen()
    await client.emulator.listen()
    assert client.emulator.url == url
    assert (await client.ended(task))["status"] == "FAILED"
    assert client.emulator.state()["creations"] == 2


async def test_a_port_that_is_taken(client: Client) -> None:
    port = int(client.emulator.url.rpartition(":")[2])
    with pytest.raises(OSError, match="address already in use"):
        async with Emulator(Behaviour(port=port)):
            pass


async def test_creations_are_told(open_client: Open) -> None:
    told: list[str] = []
    client = await open_client(told.append)
    await client.create("[fail] two\nlines")
    await client.ask("[no-credits]")
    assert told[0].startswith("accepted gen4.5 ")
    assert told[0].endswith("24 credits: [fail] two lines")
    assert told[1] == "refused 400: You do not have enough credits to run this task."


async def test_a_rendering_that_breaks_fails_its_task(
    open_client: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    client = await open_client(footage=tmp_path / "file" / "footage")
    body = await client.ended(await client.create(SMALL))
    assert (body["status"], body["failureCode"], body["cost"]["credits"]) == ("FAILED", "INTERNAL", 0)
    assert "could not be rendered" in caplog.text


@pytest.fixture
def cli() -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command)
    return app


@contextlib.contextmanager
def running(*options: str) -> Iterator[subprocess.Popen[str]]:
    code = "import typer; from cutscene.cli.emulator import emulator; typer.run(emulator)"
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


async def test_the_command_prints_the_settings_that_point_at_it() -> None:
    with running("--port", "0", "--key", "key_mine", "--seconds", "0.1") as process:
        assert process.stdout is not None
        lines = [await asyncio.to_thread(process.stdout.readline) for _ in range(2)]
        settings = dict(line.rstrip("\n").split("=", 1) for line in lines)
        assert settings.keys() == {"RUNWAY_API_BASE_URL", "RUNWAY_API_KEY"}
        assert settings["RUNWAY_API_KEY"] == "key_mine"
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer key_mine"}) as session:
            url = f"{settings['RUNWAY_API_BASE_URL']}/v1/generations"
            async with session.post(url, json={"prompt_text": "[fail]", **GENERATION}) as response:
                assert response.status == 200
        process.send_signal(signal.SIGINT)
        rest, said = await asyncio.to_thread(process.communicate, timeout=20)
        assert (process.returncode, rest) == (0, "")
        for word in ("RUNWAY_API_FLAVOR=tasks", "RUNWAYML_BASE_URL", "/emulator/state", "accepted gen3a"):
            assert word in said
        assert said.rstrip().endswith("Stopped.")


async def test_the_command_speaks_json_and_ends_on_a_signal() -> None:
    with running("--port", "0", "--json", "--fault", "fail=0.5", "--fault", "busy=0") as process:
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        assert json.loads(line).keys() == {"url", "key"}
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0


@pytest.mark.parametrize("fault", ["slow=0.5", "fail", "fail=often", "fail=2", "fail=", "=1"])
def test_the_command_names_the_faults_there_are(cli: typer.Typer, fault: str) -> None:
    result = CliRunner().invoke(cli, ["--port", "0", "--fault", fault])
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert "drop-after-accept" in line


def test_the_command_says_that_its_port_is_taken(cli: typer.Typer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = CliRunner().invoke(cli, ["--port", str(port)])
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [f"Error: Port {port} is taken: choose another with --port."]
