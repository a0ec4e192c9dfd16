#!/usr/bin/env python3
"""Runs the client cases against a built kinglet (environment KINGLET, else target/release).

    run.py [REGEX]      only cases whose name matches

Each case has a stage of its own: a temporary site, free ports, a server. The last line is
`N passed, N failed`.
"""

import concurrent.futures
import os
import re
import shutil
import sys
import time
import traceback

import stage
import cases_access
import cases_browser
import cases_config
import cases_control
import cases_curl
import cases_daemon
import cases_files
import cases_hostile
import cases_interface
import cases_log
import cases_missing
import cases_mounts
import cases_process
import cases_reload
import cases_stdout
import cases_threads
import cases_tls
import cases_tls_files
import cases_tls_hostile
import cases_tls_own
import cases_tls_plain
import cases_tls_scan
import cases_tls_sites
import cases_tls_transfer
import cases_unix
import cases_vhosts

# What takes longest comes first.
MODULES = (cases_tls_scan, cases_curl, cases_mounts, cases_vhosts, cases_access, cases_log,
           cases_config, cases_process, cases_browser, cases_tls, cases_tls_sites, cases_tls_plain,
           cases_tls_transfer, cases_tls_files, cases_tls_own, cases_unix, cases_control,
           cases_interface, cases_daemon, cases_files, cases_missing, cases_stdout, cases_threads,
           cases_reload, cases_hostile, cases_tls_hostile)
ALONE = ("cases_threads", "cases_reload", "cases_hostile", "cases_tls_hostile")
TOOLS = ("curl", "openssl", "node", "chromium", "sslscan", "testssl", "stdbuf", "ip", "ss",
         "nsenter", "setpriv", "unshare")


def play(function):
    """Runs one case; returns (name, None or what is wrong, seconds)."""
    began = time.monotonic()
    wrong = None
    ground = stage.Stage()
    try:
        function(ground)
    except stage.Failed as error:
        wrong = f"{error}{log_of(ground)}"
    except Exception:  # a case that breaks is a failed case, whatever broke it
        wrong = traceback.format_exc() + log_of(ground)
    try:
        ground.end()
    except stage.Failed as error:
        wrong = wrong or str(error)
    return function.__name__, wrong, time.monotonic() - began


def log_of(ground):
    """The end of the server's log, for a failure."""
    logs = [server.log()[-1500:] for server in ground.servers]
    return "".join(f"\n    server log:\n{text}" for text in logs if text)


def main(argv):
    """See the text at the top."""
    if not os.access(stage.KINGLET, os.X_OK):
        sys.exit(f"clients: {stage.KINGLET} is missing: cargo build --release, or set KINGLET")
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        sys.exit(f"clients: install {', '.join(missing)}")
    chosen = [f for f in stage.CASES if not argv or re.search(argv[0], f.__name__)]
    alone = [f for f in chosen if f.__module__ in ALONE]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(play, [f for f in chosen if f not in alone]))
    results += [play(function) for function in alone]
    titles = {f.__name__: (f.__doc__ or "").split("\n")[0] for f in chosen}
    for name, wrong, seconds in results:
        print(f"{'FAIL' if wrong else 'ok':4} {seconds:5.1f} s  {name:34} {titles[name]}")
    failed = [(name, wrong) for name, wrong, _ in results if wrong]
    for name, wrong in failed:
        print(f"\nFAIL {name}\n    {wrong}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
