"""Plays the kernel's part in a packet script: system calls, packets in and out of a TUN, sysctls. Run by tun-packetdrill
--kernel in a network namespace of its own; takes one JSON object a line, answers one a line. Times: microseconds since start."""

import ctypes
import errno
import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 1, 0x1000
ANY = {"any": True}
TCP_INFO = 11
INFO_BYTES = "state ca_state retransmits probes backoff options"
INFO_WORDS = (
    "rto ato snd_mss rcv_mss unacked sacked lost retrans fackets last_data_sent last_ack_sent last_data_recv "
    "last_ack_recv pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering rcv_rtt rcv_space total_retrans"
)


class Kernel:
    def __init__(self):
        self.fds = {}
        self.threads = {}
        self.epolls = {}
        self.started = time.monotonic()
        self.tun = -1
        self.packets = []
        self.wake_r, self.wake_w = os.pipe()

    def now(self):
        return int((time.monotonic() - self.started) * 1e6)

    # --- the machine ---

    def start(self, r):
        self.tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
        for words in (
            "link set lo up",
            f"addr add {r['local']} dev tun0",
            f"link set tun0 mtu {r['mtu']} up",
            f"route add default via {r['gateway']} dev tun0",
        ):
            subprocess.run(["ip", *words.split()], check=True)
        for name, value in r["sysctls"]:
            self.sysctl({"name": name, "value": value, "optional": True})
        self.started = time.monotonic()
        threading.Thread(target=self.listen, daemon=True).start()
        return {}

    def sysctl(self, r):
        path = "/proc/sys/" + r["name"].replace(".", "/")
        try:
            with open(path, "w", encoding="ascii") as file:
                file.write(r["value"])
        except OSError as error:
            if not r.get("optional"):
                return {"unsupported": f"sysctl {r['name']}={r['value']}: {error.strerror}"}
        return {}

    def listen(self):
        """Notes when each packet came out."""
        while True:
            packet = os.read(self.tun, 65536)
            self.packets.append({"hex": packet.hex(), "at": self.now()})
            os.write(self.wake_w, b".")

    def drain(self):
        packets, self.packets = self.packets, []
        return packets

    def inject(self, r):
        os.write(self.tun, bytes.fromhex(r["hex"]))
        return {}

    def wait(self, r):
        """Until a packet comes, a call returns, or the time is there."""
        done = self.finished()
        while not done and not self.packets:
            left = r["until"] - self.now()
            if left <= 0:
                break
            # The last half millisecond is spent awake: select sleeps longer than it is told.
            ready, _, _ = select.select([self.wake_r], [], [], max(0, left - 500) / 1e6)
            if ready:
                os.read(self.wake_r, 1000)
            done = self.finished()
        return {"packets": self.drain(), "calls": done}

    def finished(self):
        done = {}
        for key, answer in list(self.threads.items()):
            if answer is not None:
                done[key] = answer
                del self.threads[key]
        return done

    # --- system calls ---

    def call(self, r):
        if not r["blocks"]:
            return self.run(r)
        self.threads[r["id"]] = None

        def work():
            self.threads[r["id"]] = self.run(r)
            os.write(self.wake_w, b".")

        threading.Thread(target=work, daemon=True).start()
        return {"running": True}

    def run(self, r):
        name, args = r["name"], r["args"]
        method = getattr(self, "sys_" + name, None)
        if method is None:
            return {"unsupported": name + "()"}
        try:
            answer = method(args, r)
            return answer if isinstance(answer, dict) else {"result": answer or 0}
        except OSError as error:
            name = errno.errorcode.get(error.errno, str(error.errno))
            return {"result": -1, "errno": {"ENOTSUP": "EOPNOTSUPP", "EWOULDBLOCK": "EAGAIN"}.get(name, name)}
        except KeyError:
            return {"result": -1, "errno": "EBADF"}

    def add(self, r, item):
        fd = r.get("expected")
        if not isinstance(fd, int) or fd < 3:
            fd = 3
        while fd in self.fds:
            fd += 1
        self.fds[fd] = item
        return fd

    def address(self, value, fallback):
        if value == ANY:
            return tuple(fallback)
        address = value.get("sin_addr", ANY)
        if isinstance(address, int):
            address = socket.inet_ntoa(struct.pack("!I", address))
        port = value.get("sin_port", ANY)
        return (fallback[0] if address == ANY else address, fallback[1] if port == ANY else port)

    def named(self, pair):
        return {"sa_family": 2, "sin_port": pair[1], "sin_addr": pair[0]}

    def sys_socket(self, args, r):
        family = 2 if args[0] == ANY else args[0]
        protocol = 0 if len(args) < 3 or args[2] == ANY else args[2]
        return self.add(r, socket.socket(family, args[1], protocol))

    def sys_bind(self, args, r):
        self.fds[args[0]].bind(self.address(args[1], r["bind"]))

    def sys_listen(self, args, r):
        self.fds[args[0]].listen(args[1])

    def sys_connect(self, args, r):
        self.fds[args[0]].connect(self.address(args[1], r["connect"]))

    def sys_accept(self, args, r):
        flags = args[3] if len(args) > 3 else 0
        child, peer = self.fds[args[0]].accept()
        child.setblocking(not flags & socket.SOCK_NONBLOCK)
        return {"result": self.add(r, child), "outs": {"1": self.named(peer)}}

    sys_accept4 = sys_accept

    def sys_close(self, args, r):
        item = self.fds.pop(args[0])
        if isinstance(item, socket.socket):
            fd = item.detach()
            os.close(fd)
        else:
            item.close()

    def sys_shutdown(self, args, r):
        self.fds[args[0]].shutdown(args[1])

    def sys_getsockname(self, args, r):
        return {"result": 0, "outs": {"1": self.named(self.fds[args[0]].getsockname()), "2": [16]}}

    def sys_getpeername(self, args, r):
        return {"result": 0, "outs": {"1": self.named(self.fds[args[0]].getpeername()), "2": [16]}}

    def read(self, fd, length, flags=None, plain=False):
        item = self.fds[fd]
        if plain:
            data = os.read(item.fileno(), length)
            return {"result": len(data), "outs": {"1": data.decode("latin-1")}}
        data, peer = item.recvfrom(length, flags or 0)
        outs = {"1": data.decode("latin-1")}
        if isinstance(peer, tuple):
            outs["4"] = self.named(peer)
        return {"result": len(data), "outs": outs}

    def sys_read(self, args, r):
        return self.read(args[0], args[2], plain=True)

    def sys_recv(self, args, r):
        return self.read(args[0], args[2], args[3])

    sys_recvfrom = sys_recv

    def sys_readv(self, args, r):
        buffers = [bytearray(length) for _, length in args[1]]
        return os.readv(self.fds[args[0]].fileno(), buffers)

    def sys_recvmsg(self, args, r):
        length = sum(item[1] for item in args[1]["msg_iov"])
        data, ancillary, flags, _ = self.fds[args[0]].recvmsg(length, 1024, 0 if args[2] == ANY else args[2])
        control = [
            {"cmsg_level": level, "cmsg_type": kind, "cmsg_data": struct.unpack("i", octets[:4])[0]}
            for level, kind, octets in ancillary
        ]
        members = {**{name: ANY for name in args[1]}, "msg_control": control, "msg_flags": flags}
        return {"result": len(data), "outs": {"1": members}}

    def octets(self, value, length):
        data = value.encode("latin-1") if isinstance(value, str) else b""
        return data[:length].ljust(length, b"\0")

    def sys_write(self, args, r):
        return os.write(self.fds[args[0]].fileno(), self.octets(args[1], args[2]))

    def sys_send(self, args, r):
        return self.fds[args[0]].send(self.octets(args[1], args[2]), args[3])

    def sys_sendto(self, args, r):
        data = self.octets(args[1], args[2])
        if args[4] is None:
            return self.fds[args[0]].send(data, args[3])
        return self.fds[args[0]].sendto(data, args[3], self.address(args[4], r["connect"]))

    def sys_writev(self, args, r):
        return os.writev(self.fds[args[0]].fileno(), [self.octets(*item) for item in args[1]])

    def sys_sendmsg(self, args, r):
        return self.fds[args[0]].sendmsg([self.octets(*item) for item in args[1]["msg_iov"]], [], args[2])

    def sys_fcntl(self, args, r):
        answer = fcntl.fcntl(self.fds[args[0]].fileno(), args[1], args[2] if len(args) > 2 else 0)
        return answer & ~0o100000 if args[1] == 3 else answer

    def sys_ioctl(self, args, r):
        data = fcntl.ioctl(self.fds[args[0]].fileno(), args[1], struct.pack("i", 0))
        return {"result": 0, "outs": {"2": [struct.unpack("i", data)[0]]}}

    def sys_setsockopt(self, args, r):
        value = args[3][0] if isinstance(args[3], list) else args[3]
        if isinstance(value, dict):
            numbers = list(value.values())
            value = struct.pack("qq" if "tv_sec" in value else "ii", numbers[0], numbers[1])
        elif isinstance(value, str):
            value = value.encode()
        self.fds[args[0]].setsockopt(args[1], args[2], value)

    def sys_getsockopt(self, args, r):
        item = self.fds[args[0]]
        if isinstance(args[3], str):
            return {"result": 0, "outs": {"3": item.getsockopt(args[1], args[2], 100).rstrip(b"\0").decode()}}
        if isinstance(args[3], dict):
            names = list(args[3])
            numbers = struct.unpack("ii", item.getsockopt(args[1], args[2], 8))
            return {"result": 0, "outs": {"3": dict(zip(names, numbers))}}
        return {"result": 0, "outs": {"3": [item.getsockopt(args[1], args[2])]}}

    def sys_poll(self, args, r):
        poll = select.poll()
        for item in args[0]:
            poll.register(self.fds[item["fd"]].fileno(), item["events"])
        ready = dict(poll.poll(args[2] if args[2] >= 0 else None))
        outs = [{**item, "revents": ready.get(self.fds[item["fd"]].fileno(), 0)} for item in args[0]]
        return {"result": len(ready), "outs": {"0": outs}}

    def sys_epoll_create(self, args, r):
        fd = self.add(r, select.epoll())
        self.epolls[fd] = {}
        return fd

    sys_epoll_create1 = sys_epoll_create

    def sys_epoll_ctl(self, args, r):
        epoll, live = self.fds[args[0]], self.fds[args[2]].fileno()
        events = args[3]["events"] if isinstance(args[3], dict) else 0
        if args[1] == 1:
            epoll.register(live, events)
        elif args[1] == 2:
            epoll.unregister(live)
        else:
            epoll.modify(live, events)
        self.epolls[args[0]][live] = args[2]

    def sys_epoll_wait(self, args, r):
        found = self.fds[args[0]].poll(args[3] / 1e3 if args[3] >= 0 else None, args[2])
        outs = [{"events": events, "fd": self.epolls[args[0]][live]} for live, events in found]
        shaped = outs if isinstance(args[1], list) else (outs[0] if outs else None)
        return {"result": len(found), "outs": {"1": shaped} if found else {}}

    def sys_usleep(self, args, r):
        time.sleep(args[0] / 1e6)

    def sys_sleep(self, args, r):
        time.sleep(args[0])

    def info(self, r):
        item = self.fds.get(r["fd"])
        try:
            data = item.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 104)
        except (OSError, AttributeError):
            return {}
        members = dict(zip(INFO_BYTES.split(), data))
        members["snd_wscale"], members["rcv_wscale"] = data[6] & 15, data[6] >> 4
        members.update(zip(INFO_WORDS.split(), struct.unpack("24I", data[8:104])))
        return {"info": {"tcpi_" + name: value for name, value in members.items()}}


def main():
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: never outlive who asks
    kernel = Kernel()
    with open(sys.argv[1], encoding="ascii") as requests, open(sys.argv[2], "w", encoding="ascii") as answers:
        for line in requests:
            request = json.loads(line)
            try:
                answer = getattr(kernel, request["op"])(request)
            except Exception as error:  # whatever it is, who asked must hear of it
                answer = {"broken": f"{request['op']}: {error!r}"}
            answer.setdefault("now", kernel.now())
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


main()
