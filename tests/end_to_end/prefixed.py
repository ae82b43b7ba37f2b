"""The official client before an aggregate, so that scenarios see one of its upstreams in that
upstream's own words."""

from typing import Any

from mcp import Client

from helio.upstream.aggregate.names import name_prefix, uri_prefix


class Prefixed:
    """A client whose tools, prompts and resources are those of one upstream, by their own names.

    Everything else is the client's.
    """

    def __init__(self, client: Client, upstream: str) -> None:
        self._client = client
        self._name = name_prefix(upstream).decode()
        self._uri = uri_prefix(upstream).decode()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def call_tool(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        return await self._client.call_tool(self._name + name, *arguments, **keywords)

    async def get_prompt(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        return await self._client.get_prompt(self._name + name, *arguments, **keywords)

    async def read_resource(self, uri: str) -> Any:
        result = await self._client.read_resource(self._uri + uri)
        for content in result.contents:
            content.uri = self._own(str(content.uri), self._uri)
        return result

    async def subscribe_resource(self, uri: str) -> Any:
        return await self._client.subscribe_resource(self._uri + uri)

    async def complete(self, ref: Any, *arguments: Any, **keywords: Any) -> Any:
        if ref.type == "ref/prompt":
            changed = ref.model_copy(update={"name": self._name + ref.name})
        else:
            changed = ref.model_copy(update={"uri": self._uri + ref.uri})
        return await self._client.complete(changed, *arguments, **keywords)

    async def list_tools(self) -> Any:
        return self._mine(await self._client.list_tools(), "tools", "name", self._name)

    async def list_prompts(self) -> Any:
        return self._mine(await self._client.list_prompts(), "prompts", "name", self._name)

    async def list_resources(self) -> Any:
        return self._mine(await self._client.list_resources(), "resources", "uri", self._uri)

    async def list_resource_templates(self) -> Any:
        result = await self._client.list_resource_templates()
        return self._mine(result, "resource_templates", "uri_template", self._uri)

    def _mine(self, result: Any, key: str, name: str, prefix: str) -> Any:
        """What is listed of the one upstream, by its own names."""
        mine = [
            each for each in getattr(result, key) if str(getattr(each, name)).startswith(prefix)
        ]
        for each in mine:
            setattr(each, name, self._own(str(getattr(each, name)), prefix))
        setattr(result, key, mine)
        return result

    def _own(self, text: str, prefix: str) -> str:
        assert text.startswith(prefix)
        return text.removeprefix(prefix)
