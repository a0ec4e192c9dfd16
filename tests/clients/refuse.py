#!/usr/bin/env python3
"""Becomes a program whose sendfile(2) fails, as file systems and sandboxes make it fail.

    refuse.py ERRNO PROGRAM [ARGUMENT…]
"""

import ctypes
import os
import platform
import struct
import sys

# linux/prctl.h, linux/seccomp.h
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2
RET_ERRNO, RET_ALLOW = 0x00050000, 0x7FFF0000
# linux/bpf_common.h: load a word, jump if equal, return
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
SENDFILE = {"x86_64": 40, "aarch64": 71, "riscv64": 71}


class Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def refuse(errno):
    """Makes sendfile fail with `errno` in this process and in what it starts."""
    steps = [(LOAD, 0, 0, 0), (JUMP_EQUAL, 0, 1, SENDFILE[platform.machine()]),
             (RETURN, 0, 0, RET_ERRNO | errno), (RETURN, 0, 0, RET_ALLOW)]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    libc = ctypes.CDLL(None, use_errno=True)
    program = Program(len(steps), code)
    for call in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
                 (PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*call):
            sys.exit(f"refuse.py: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    refuse(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
