"""The CRI served over gRPC: kubelet, crictl and any other client of the wire can use a simulated runtime.

upstream: staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto, 1.28; grpc-go server.go (words of an unknown service or method, and of a request that
cannot be read). Each request is answered in a thread of its own; the door that it calls takes the turn of its world (``world/turns.py``).
"""

from __future__ import annotations

import os
import queue
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from types import TracebackType
from typing import Any, NoReturn, Protocol, Self

import grpc

from kubelab.cri.api import CriError
from kubelab.cri.events import ContainerEvents
from kubelab.cri.grpc import address as addresses
from kubelab.cri.grpc import messages
from kubelab.cri.grpc.answering import ANSWERS, Answer
from kubelab.cri.grpc.codes import CODES
from kubelab.cri.grpc.table import Method, api
from kubelab.cri.grpc.threads import Threads

LARGEST_MESSAGE = 16 << 20  # upstream: containerd defaults.DefaultMaxSendMsgSize, pkg/kubelet/cri/remote maxMsgSize
GRACE_S = 1.0
CLOSED = None
Object = dict[str, Any]


class Door(Protocol):
    """What is served: the RPCs in snake_case with dicts (``kubelet/cri_door.py``), and its events."""

    @property
    def off(self) -> bool: ...

    def tell_events(self, events: ContainerEvents) -> None: ...


class Server:
    """A runtime that is served at ``address`` until ``close()``, or the end of a ``with`` block."""

    def __init__(self, door: Door, address: str | os.PathLike[str] = "") -> None:
        wanted, self._folder = addresses.fresh() if not os.fspath(address) else (addresses.to_listen(address), "")
        self._door = door
        self._streams: list[queue.SimpleQueue[Object | None]] = []
        self._lock = threading.Lock()
        self._closed = False
        self._threads = Threads("kubelab-cri")
        # No SO_REUSEPORT: a second server on a port would take half of the first one's requests.
        options = [
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", LARGEST_MESSAGE),
            ("grpc.so_reuseport", 0),
        ]
        self._server = grpc.server(self._threads, handlers=(_Handlers(self),), options=options)
        try:
            port = self._server.add_insecure_port(wanted.target)
            if not port:  # older releases of grpcio say it so
                raise RuntimeError("it cannot be bound")
        except RuntimeError as error:
            self._forget()
            raise ValueError(f"address {wanted}: cannot listen there: {error}") from None
        self._address = wanted if wanted.path else wanted._replace(port=port)
        self._server.start()

    @property
    def address(self) -> str:
        """Where clients find it, as ``--container-runtime-endpoint`` and ``--runtime-endpoint`` take it."""
        return str(self._address)

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Take no more requests, end those that are open, and take the socket away."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for waiting in self._streams:
                waiting.put(CLOSED)
        self._server.stop(grace=GRACE_S).wait(timeout=5)
        self._threads.shutdown()
        self._forget()

    def _forget(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<CRI server: {self.address}{', closed' if self._closed else ''}>"

    # -- answers -------------------------------------------------------------------------------------------------------------
    def _answer(self, answer: Answer, method: Method, wire: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            request = messages.decode_given(method.request, wire)
        except messages.DecodeError as error:
            _abort(context, "Internal", f"grpc: error unmarshalling request: {error}")
        self._refuse_if_off(context)
        try:
            return messages.encode(method.answer, answer(self._door, request))
        except CriError as error:
            _abort(context, error.code, error.message)

    def _refuse_if_off(self, context: grpc.ServicerContext) -> None:
        if self._door.off:
            _abort(context, "Unavailable", "the machine of this runtime is switched off")

    def _events(self, method: Method, wire: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Container events, until the client or the server goes."""
        self._refuse_if_off(context)
        waiting: queue.SimpleQueue[Object | None] = queue.SimpleQueue()
        events = ContainerEvents(waiting.put)
        with self._lock:
            if self._closed:
                return
            self._streams.append(waiting)
        try:
            context.add_callback(partial(waiting.put, CLOSED))
            self._door.tell_events(events)
            context.send_initial_metadata(())  # a client knows from it that it hears of all that comes
            while (event := waiting.get()) is not CLOSED:
                yield messages.encode(method.answer, event)
        except CriError as error:
            _abort(context, error.code, error.message)
        finally:
            events.close()
            with self._lock:
                self._streams.remove(waiting)
        if self._closed:
            _abort(context, "Unavailable", "the server is shutting down")


class _Handlers:
    """A ``grpc.GenericRpcHandler``: which function answers a path. Requests and answers are bytes here."""

    def __init__(self, server: Server) -> None:
        self._known: dict[str, grpc.RpcMethodHandler] = {}
        for name, method in api().methods.items():
            if method.streams:
                self._known[method.path] = grpc.unary_stream_rpc_method_handler(partial(server._events, method))
            else:
                self._known[method.path] = grpc.unary_unary_rpc_method_handler(partial(server._answer, ANSWERS[name], method))

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        path: str = handler_call_details.method
        return self._known.get(path) or grpc.unary_unary_rpc_method_handler(partial(_unknown, path))


def _unknown(path: str, wire: bytes, context: grpc.ServicerContext) -> NoReturn:
    service, _, method = path.removeprefix("/").rpartition("/")
    known = {each.path.split("/")[1] for each in api().methods.values()}
    _abort(context, "Unimplemented", f"unknown method {method} for service {service}" if service in known else f"unknown service {service}")


def _abort(context: grpc.ServicerContext, code: str, message: str) -> NoReturn:
    context.abort(CODES.get(code, grpc.StatusCode.UNKNOWN), message)
    raise AssertionError("abort raises")
