"""From a request to its response: the rules first, then the fault that is in its way."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeAlias

from attrs import Factory, evolve, frozen

from cfbilling.sandbox.rules.api import Api
from cfbilling.sandbox.rules.requests import Request, RequestFacts
from cfbilling.sandbox.rules.responses import Response
from cfbilling.sandbox.server.compression import Compressors
from cfbilling.sandbox.server.faults import Fault, Faults
from cfbilling.sandbox.server.response_writer import ResponseWriter

__all__ = ["Chaos", "Responder"]

Chaos: TypeAlias = Callable[[RequestFacts], Fault | None]

_UNSENT_HEADERS = ("before_headers", "inside_headers")


@frozen(kw_only=True)
class Responder:
    """Answers every request of a sandbox, and remembers it.

    Attributes:
        api: The rules.
        writer: Writer of responses.
        compressors: Compression of bodies.
        chaos: Function that may return a fault for a request that no scripted one matches.
        rays: Values of the ``cf-ray`` field.
        requests: Every request received so far, in order.
        statuses: Number of responses of each status.
        faults: The faults still to come.
    """

    api: Api
    writer: ResponseWriter
    compressors: Compressors
    chaos: Chaos | None
    rays: Iterator[str]
    requests: list[RequestFacts] = Factory(list)
    statuses: Counter[int] = Factory(Counter)
    faults: Faults = Factory(Faults)

    async def respond(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Answer one request.

        Returns:
            Whether the connection can serve another one.
        """
        outcome = self.api.answer(request)
        # Faults are scripted for the requests that a client makes while it is let in.
        fault = None if outcome.locked_out else self._fault(outcome.facts)
        fault = fault or Fault()
        headers = (("cf-ray", next(self.rays)), *outcome.response.headers)
        response = fault.applied_to(evolve(outcome.response, headers=headers))
        sent = fault.reset_at not in _UNSENT_HEADERS
        self.requests.append(evolve(outcome.facts, status=response.status if sent else None))
        if sent:
            self.statuses[response.status] += 1
        usable = await self._write(response, request, writer, fault)
        if usable and fault.unsolicited is not None and outcome.facts.scope_id is not None:
            path = request.path.replace(outcome.facts.scope_id, fault.unsolicited)
            second = self.api.uncounted(evolve(request, path=path))
            second = evolve(second, headers=(("cf-ray", next(self.rays)), *second.headers))
            hold = Fault(until=fault.unsolicited_until)
            usable = await self._write(second, request, writer, hold)
        return usable

    async def _write(
        self, response: Response, request: Request, writer: asyncio.StreamWriter, fault: Fault
    ) -> bool:
        return await self.writer.write(
            response,
            writer,
            fault=fault,
            encoding=self.compressors.negotiated(request.headers.get("accept-encoding", "")),
            keep_alive=request.keep_alive,
            head_only=request.method == "HEAD",
        )

    def _fault(self, facts: RequestFacts) -> Fault | None:
        scripted = self.faults.take(facts)
        if scripted is not None or self.chaos is None:
            return scripted
        return self.chaos(facts)
