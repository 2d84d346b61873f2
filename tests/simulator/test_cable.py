import socket
import threading
from collections.abc import Iterator

import pytest
from tebura_simulator.cable import Cable
from tebura_simulator.stage import free_port


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that sends back what it gets."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                end, _ = server.accept()
            except OSError:
                return
            while data := end.recv(4096):
                end.sendall(data)
            end.close()

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def test_what_goes_in_comes_out_and_back(echo_port: int) -> None:
    with Cable(echo_port) as cable, socket.create_connection(("127.0.0.1", cable.port)) as end:
        end.settimeout(5.0)
        end.sendall(b"hello")
        assert end.recv(100) == b"hello"


def test_nothing_passes_while_it_is_out_and_what_was_sent_comes_later(echo_port: int) -> None:
    with Cable(echo_port) as cable, socket.create_connection(("127.0.0.1", cable.port)) as end:
        end.settimeout(5.0)
        end.sendall(b"before")
        assert end.recv(100) == b"before"
        cable.pull_out()
        end.sendall(b"meanwhile")
        end.settimeout(0.5)
        with pytest.raises(TimeoutError):
            end.recv(100)
        cable.plug_in()
        end.settimeout(5.0)
        assert end.recv(100) == b"meanwhile"


def test_without_a_far_end_the_connection_closes() -> None:
    with Cable(free_port()) as cable, socket.create_connection(("127.0.0.1", cable.port)) as end:
        end.settimeout(5.0)
        assert end.recv(100) == b""


def test_when_the_far_end_hangs_up_the_near_end_hears_it(echo_port: int) -> None:
    with Cable(echo_port) as cable, socket.create_connection(("127.0.0.1", cable.port)) as end:
        end.settimeout(5.0)
        end.sendall(b"bye")
        assert end.recv(100) == b"bye"
        end.shutdown(socket.SHUT_WR)
        assert end.recv(100) == b""
