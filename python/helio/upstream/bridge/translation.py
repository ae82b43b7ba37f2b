"""Messages of one era as the other has them, where a 2026-07-28 agent meets a legacy server.

Above: `helio.upstream.bridge.modern_agent`. Below: the messages. Pure.
"""

import orjson

from helio.evaluator import Answer, Message
from helio.protocol.revisions import LATEST_MODERN
from helio.upstream.bridge.envelope import CACHEABLE, ENVELOPE, SERVER_INFO, under
from helio.upstream.bridge.splicing import Edits, is_object, raw


def legacy_request(message: Message, number: int) -> bytes:
    """A request as a legacy server knows it: without the envelope, with `number` for its id."""
    text = b"%d" % number
    edits = Edits(message).replace(text, "id")
    if is_object(raw(message, "params", "_meta")):
        token = {} if message.progress_token is None else {"progressToken": text}
        edits.rebuild(ENVELOPE, token, "params", "_meta")
    return edits.applied()


def modern_answer(
    answer: Answer, identifier: bytes, method: str, server_info: bytes | None
) -> bytes:
    """A legacy server's answer as 2026-07-28 has it, under the agent's id."""
    if not is_object(raw(answer, "result")):
        return under(answer, identifier)
    edits = Edits(answer).replace(identifier, "id")
    held = {name for name, *_ in answer.members("result")}
    members = {} if "resultType" in held else {"resultType": b'"complete"'}
    if method in CACHEABLE:
        members |= {
            name: value
            for name, value in (("ttlMs", b"0"), ("cacheScope", b'"private"'))
            if name not in held
        }
    if server_info is not None:
        if not is_object(raw(answer, "result", "_meta")):
            members["_meta"] = b'{"%b":%b}' % (SERVER_INFO.encode(), server_info)
        else:
            edits.set({SERVER_INFO: server_info}, "result", "_meta")
    return edits.set(members, "result").applied()


def discovered(
    identifier: bytes,
    *,
    revision: str,
    capabilities: bytes,
    instructions: bytes | None,
    server_info: bytes | None,
) -> bytes:
    """The answer to `server/discover` from what a legacy server said of itself, as raw JSON.

    It promises nothing about how long it holds: a legacy server does not either.
    """
    members = [
        b'"resultType":"complete"',
        b'"supportedVersions":' + orjson.dumps([LATEST_MODERN, revision]),
        b'"capabilities":' + capabilities,
        b'"ttlMs":0,"cacheScope":"private"',
    ]
    if instructions is not None:
        members.append(b'"instructions":' + instructions)
    if server_info is not None:
        members.append(b'"_meta":{"%b":%b}' % (SERVER_INFO.encode(), server_info))
    return b'{"jsonrpc":"2.0","id":%b,"result":{%b}}' % (identifier, b",".join(members))
