//! `kinglet`: hands the command line to the daemon.

#[cfg(target_env = "musl")]
#[global_allocator]
static HEAP: kinglet::daemon::Heap = kinglet::daemon::Heap;

fn main() -> std::process::ExitCode {
    kinglet::daemon::main(std::env::args_os())
}
